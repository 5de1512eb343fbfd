"""A participant that knows nothing but the election node: it creates it, and tries again when it is gone.

Arguments: servers, path, address. Commands are lines on stdin, what happens are lines of JSON on stdout.
"""

import json
import sys
import threading

from kazoo.client import KazooClient
from kazoo.exceptions import NodeExistsError

servers, path, address = sys.argv[1:4]
client = KazooClient(hosts=servers, timeout=3.0)
client.start()


def tell(event):
    print(json.dumps({"event": event, "session": str(client.client_id[0]) if client.client_id else ""}), flush=True)


def campaign():
    while True:
        gone = threading.Event()
        try:
            client.create(path, address.encode(), ephemeral=True)
            tell("won")
            return
        except NodeExistsError:
            if client.exists(path, watch=lambda _: gone.set()):
                gone.wait()


tell("connected")
for line in sys.stdin:
    command = line.strip().strip('"')
    if command == "campaign":
        threading.Thread(target=campaign, daemon=True).start()
    elif command == "yield":
        client.delete(path)
        tell("yielded")
    elif command == "close":
        client.stop()
        tell("closed")
        break
