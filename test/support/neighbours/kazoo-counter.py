"""A neighbour that counts with kazoo.

Arguments: servers, session timeout (ms), format (text or int32), path. Commands are lines on stdin; what happens are lines of JSON on stdout.
"""

import json
import sys

from kazoo.client import KazooClient
from kazoo.retry import KazooRetry

servers, timeout_ms, format, path = sys.argv[1:5]
retry = KazooRetry(max_tries=-1, delay=0.001, max_delay=0.01)
client = KazooClient(hosts=servers, timeout=int(timeout_ms) / 1000, connection_retry=retry, command_retry=retry)
client.start(timeout=60)
counter = client.Counter(path, support_curator=format == "int32")


def tell(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


def add(difference):
    global counter
    counter += difference
    return str(counter.post_value)


tell("connected")
for line in sys.stdin:
    command, _, argument = line.strip().strip('"').partition(" ")
    if command == "get":
        tell("value", value=str(counter.value))
    elif command == "add":
        tell("value", value=add(int(argument)))
    elif command == "set":
        tell("value", value=add(int(argument) - counter.value))
    elif command == "turns":
        for _ in range(int(argument)):
            tell("counted", value=add(1))
        tell("done")
