"""A neighbour that uses kazoo.

Arguments: servers, session timeout (ms), what it takes, path, permits. Commands are lines on stdin; what happens are lines of JSON on stdout. Times are
microseconds of CLOCK_MONOTONIC, which all processes of a machine share.
"""

import json
import sys
import time

from kazoo.client import KazooClient
from kazoo.exceptions import LockTimeout

servers, timeout_ms, kind, path = sys.argv[1:5]
client = KazooClient(hosts=servers, timeout=int(timeout_ms) / 1000)
client.start(timeout=60)
# What nodes of Curator, and of this library, have in their names.
others = ["-lock-"]
if kind == "read":
    held = client.ReadLock(path, "kazoo", extra_lock_patterns=["-__WRIT__"])
elif kind == "write":
    held = client.WriteLock(path, "kazoo", extra_lock_patterns=["-__WRIT__", "-__READ__"])
else:
    held = client.Lock(path, "kazoo", extra_lock_patterns=others)
since = 0


def tell(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


def now():
    return time.monotonic_ns() // 1000


def acquire(seconds):
    global since
    try:
        is_held = held.acquire(timeout=seconds) if seconds > 0 else held.acquire(blocking=False)
    except LockTimeout:
        is_held = False
    since = now()
    tell("held" if is_held else "busy")


def release():
    tell("turn", first=since, last=now())
    held.release()
    tell("released")


tell("connected")
for line in sys.stdin:
    command, _, argument = line.strip().strip('"').partition(" ")
    if command == "acquire":
        acquire(120)
    elif command == "try":
        acquire(float(argument or 0) / 1000)
    elif command == "release":
        release()
    elif command == "turns":
        for _ in range(int(argument)):
            acquire(120)
            time.sleep(0.002)
            release()
        tell("done")
