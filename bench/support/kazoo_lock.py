"""What kazoo's Lock costs. Arguments: servers, path, how many wait, rounds. Prints milliseconds, one a line: with one,
from the call of acquire to the end of release; with more, from the call of release to the next one's acquire."""
import sys
import threading
import time

from kazoo.client import KazooClient

servers, path, waiters, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
client = KazooClient(hosts=servers, timeout=10)
client.start()
samples = []
released = None


def alone():
    lock = client.Lock(path, "bench")
    for _ in range(rounds):
        began = time.monotonic_ns()
        lock.acquire()
        lock.release()
        samples.append((time.monotonic_ns() - began) / 1e6)


def take_turns():
    global released
    lock = client.Lock(path, "bench")
    while len(samples) < rounds:
        lock.acquire()
        now = time.monotonic_ns()
        if released is not None and len(samples) < rounds:
            samples.append((now - released) / 1e6)
        released = time.monotonic_ns()
        lock.release()


threads = [threading.Thread(target=alone if waiters == 1 else take_turns) for _ in range(waiters)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("\n".join(str(sample) for sample in samples))
client.stop()
