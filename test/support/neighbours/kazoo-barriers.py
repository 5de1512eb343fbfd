"""A neighbour that uses kazoo's barriers.

Arguments: servers, session timeout (ms), `single` or `double`, path, members. Commands are lines on stdin; what happens are lines of JSON on stdout.
"""

import json
import sys

from kazoo.client import KazooClient

servers, timeout_ms, kind, path, members = sys.argv[1:6]
client = KazooClient(hosts=servers, timeout=int(timeout_ms) / 1000)
client.start(timeout=60)
single = client.Barrier(path)
double = client.DoubleBarrier(path, int(members), "kazoo")


def tell(event):
    print(json.dumps({"event": event}), flush=True)


tell("connected")
for line in sys.stdin:
    command = line.strip().strip('"')
    if command == "set":
        single.create()
        tell("set")
    elif command == "open":
        single.remove()
        tell("open")
    elif command == "wait":
        tell("passed" if single.wait(120) else "late")
    elif command == "enter":
        double.enter()
        tell("entered" if double.participating else "late")
    else:
        double.leave()
        tell("left")
