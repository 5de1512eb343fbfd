"""A tour of what kazoo can do, told as lines of JSON without what differs from server to server (ids, times).

Arguments: servers, root path. Run against two servers, it must tell the same.
"""

import json
import sys
import threading

from kazoo.client import KazooClient
from kazoo.exceptions import KazooException
from kazoo.protocol.states import KazooState
from kazoo.recipe.watchers import ChildrenWatch, DataWatch
from kazoo.security import make_digest_acl, OPEN_ACL_UNSAFE

servers, root = sys.argv[1:3]
clients = []


def start(**options):
    client = KazooClient(hosts=servers + root, timeout=10.0, **options)
    client.start(timeout=60)
    clients.append(client)
    return client


def tell(what, value):
    print(json.dumps({"what": what, "value": value}, sort_keys=True), flush=True)


def attempt(what, call):
    try:
        value = call()
    except KazooException as thrown:
        value = type(thrown).__name__
    tell(what, shown(value))


def shown(value):
    if isinstance(value, bytes):
        return value.decode()
    if hasattr(value, "numChildren"):
        same = value.czxid == value.mzxid, value.mzxid == value.pzxid
        return [value.version, value.cversion, value.aversion, value.dataLength, value.numChildren, value.ephemeralOwner != 0, same]
    if isinstance(value, (list, tuple)):
        return [shown(one) for one in value]
    if isinstance(value, KazooException):
        return type(value).__name__
    if value is None or isinstance(value, (str, int, bool)):
        return value
    return str(value)


def heard(event, seconds=60):
    if not event.wait(seconds):
        raise RuntimeError("waited in vain")


whole = KazooClient(hosts=servers, timeout=10.0)
whole.start(timeout=60)
clients.append(whole)
whole.ensure_path(root)
one = start()
two = start()

# Nodes.
attempt("create", lambda: one.create("/a", b"one", include_data=True))
attempt("create again", lambda: one.create("/a"))
attempt("create without a parent", lambda: one.create("/x/y"))
attempt("create with parents", lambda: one.create("/x/y/z", makepath=True))
attempt("sequence", lambda: one.create("/a/s-", sequence=True))
attempt("ephemeral sequence", lambda: one.create("/a/s-", sequence=True, ephemeral=True))
attempt("ephemeral", lambda: one.create("/e", ephemeral=True))
attempt("below an ephemeral", lambda: one.create("/e/f"))
attempt("get", lambda: one.get("/a"))
attempt("set", lambda: one.set("/a", b"three", version=0))
attempt("set an old version", lambda: one.set("/a", b"four", version=0))
attempt("exists", lambda: one.exists("/a"))
attempt("does not exist", lambda: one.exists("/none"))
attempt("children", lambda: sorted(one.get_children("/a")))
attempt("children and stat", lambda: one.get_children("/x", include_data=True))
attempt("delete what has children", lambda: one.delete("/a"))
attempt("delete what is not there", lambda: one.delete("/none"))
attempt("delete recursively", lambda: one.delete("/x", recursive=True))
attempt("sync", lambda: one.sync("/a"))
attempt("too large", lambda: one.create("/large", b"x" * 900000))
attempt("large", lambda: len(one.get("/large")[0]))

# Transactions.
def transaction(build):
    request = one.transaction()
    build(request)
    return request.commit()


attempt("transaction", lambda: transaction(lambda t: (t.create("/t", b"1"), t.set_data("/t", b"2"), t.check("/t", 1), t.delete("/t", 1))))
attempt("transaction that fails", lambda: transaction(lambda t: (t.create("/t"), t.check("/a", 77), t.create("/u"))))
attempt("nothing was done", lambda: one.exists("/t"))
attempt("sequence in a transaction", lambda: transaction(lambda t: (t.create("/a/q-", sequence=True), t.create("/a/q-", sequence=True))))

# Rights.
acl = make_digest_acl("bob", "secret", all=True)
attempt("acl", lambda: one.create("/secret", b"s", acl=[acl]))
attempt("no right to read", lambda: two.get("/secret"))
attempt("no right to write", lambda: two.set("/secret", b"t"))
attempt("no right below", lambda: two.create("/secret/below"))
attempt("no right to see the list", lambda: two.get_acls("/secret"))
attempt("no right to change the list", lambda: two.set_acls("/secret", OPEN_ACL_UNSAFE))
attempt("authenticates", lambda: two.add_auth("digest", "bob:secret"))
attempt("reads", lambda: two.get("/secret"))
attempt("sees the list", lambda: [(str(entry.perms), entry.id.scheme, entry.id.id) for entry in two.get_acls("/secret")[0]])
attempt("changes the list", lambda: two.set_acls("/secret", OPEN_ACL_UNSAFE, version=0))
attempt("changes an old list", lambda: two.set_acls("/secret", OPEN_ACL_UNSAFE, version=0))
attempt("everybody reads", lambda: one.get("/secret"))

# Watches.
events = []
fired = threading.Event()


def watch(event):
    events.append([event.type, event.path])
    fired.set()


def fires(what, leave, cause):
    fired.clear()
    leave()
    cause()
    heard(fired)
    tell(what, events[-1])


fires("watch of data", lambda: one.get("/a", watch=watch), lambda: two.set("/a", b"5"))
fires("watch of children", lambda: one.get_children("/a", watch=watch), lambda: two.create("/a/child"))
fires("watch of what is not there", lambda: one.exists("/later", watch=watch), lambda: two.create("/later"))
fires("watch of an end", lambda: one.exists("/later", watch=watch), lambda: two.delete("/later"))

seen = []
changed = threading.Condition()


def note(kind):
    def run(*args):
        with changed:
            seen.append([kind, shown(args[0])])
            changed.notify_all()
    return run


def until(count):
    with changed:
        if not changed.wait_for(lambda: len(seen) >= count, 60):
            raise RuntimeError("waited in vain: %s" % seen)


DataWatch(one, "/watched", note("data"))
until(1)
two.create("/watched", b"w1")
until(2)
two.set("/watched", b"w2")
until(3)
ChildrenWatch(one, "/watched", note("children"))
until(4)
two.create("/watched/c")
until(5)
tell("recipes of watches", seen)

# Locks and other recipes.
lock_one, lock_two = one.Lock("/lock", "one"), two.Lock("/lock", "two")
tell("lock", lock_one.acquire(timeout=60))
tell("busy lock", lock_two.acquire(blocking=False))
tell("contenders", lock_one.contenders())
order = []
waiter = threading.Thread(target=lambda: (lock_two.acquire(timeout=60), order.append("two")), daemon=True)
waiter.start()
while len(lock_one.contenders()) < 2:
    one.sync("/lock")
order.append("one gives it back")
lock_one.release()
waiter.join(60)
tell("order of the lock", order)
lock_two.release()

semaphore_one, semaphore_two = one.Semaphore("/semaphore", max_leases=1), two.Semaphore("/semaphore", max_leases=1)
tell("semaphore", [semaphore_one.acquire(timeout=60), semaphore_two.acquire(blocking=False)])
semaphore_one.release()
tell("semaphore again", semaphore_two.acquire(timeout=60))

counter = one.Counter("/counter")
counter += 3
counter -= 1
tell("counter", counter.value)

queue = one.LockingQueue("/queue")
queue.put(b"second", priority=200)
queue.put(b"first", priority=1)
taken = []
for _ in range(2):
    taken.append(queue.get(timeout=60).decode())
    queue.consume()
tell("queue", taken)

party = two.Party("/party", "two")
party.join()
tell("party", list(one.Party("/party", "one")))

barrier = one.Barrier("/barrier")
barrier.create()
gone = threading.Thread(target=lambda: two.Barrier("/barrier").wait(60), daemon=True)
gone.start()
barrier.remove()
gone.join(60)
tell("barrier", gone.is_alive())

elected = threading.Event()
election = threading.Thread(target=lambda: two.Election("/election", "two").run(elected.set), daemon=True)
election.start()
heard(elected)
tell("election", True)

# Sessions.
lost = threading.Event()
back = threading.Event()


def listener(state):
    if state == KazooState.SUSPENDED:
        lost.set()
    elif state == KazooState.CONNECTED and lost.is_set():
        back.set()


one.add_listener(listener)
session = one.client_id[0]
one._connection._socket.shutdown(2)
heard(back)
tell("the session goes on", one.client_id[0] == session)
attempt("its ephemeral node too", lambda: one.exists("/e"))
fires("its watches too", lambda: one.get("/a", watch=watch), lambda: two.set("/a", b"6"))

one.stop()
attempt("an ephemeral node goes with its session", lambda: two.exists("/e"))
tell("ruok", whole.command(b"ruok"))
tell("mode", [line for line in whole.command(b"srvr").splitlines() if line.startswith("Mode")])
whole.delete(root, recursive=True)
for client in clients:
    client.stop()
    client.close()
tell("done", True)
