"""Unique numbers with kazoo's Counter, one after the other; prints numbers per second. Arguments: servers, path, count."""
import sys
import time

from kazoo.client import KazooClient

client = KazooClient(hosts=sys.argv[1], timeout=10)
client.start()
counter = client.Counter(sys.argv[2])
count = int(sys.argv[3])
for _ in range(count // 10):
    counter += 1
started = time.monotonic()
for _ in range(count):
    counter += 1
print(count / (time.monotonic() - started))
client.stop()
