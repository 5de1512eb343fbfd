"""The same, with kazoo's Election recipe: run() elects, returning from it resigns."""
import sys
import threading
import time

from kazoo.client import KazooClient

resign = threading.Event()


def say(event):
    sys.stdout.write("%s %d\n" % (event, time.monotonic_ns()))
    sys.stdout.flush()


def lead():
    say("elected")
    resign.wait()
    resign.clear()
    say("resigning")


def main():
    client = KazooClient(hosts=sys.argv[1], timeout=10)
    client.start()
    election = client.Election("/kazoo-election", sys.argv[2])

    def listen():
        for line in sys.stdin:
            if line.strip() == "resign":
                resign.set()

    threading.Thread(target=listen, daemon=True).start()
    say("ready")
    while True:
        election.run(lead)


main()
