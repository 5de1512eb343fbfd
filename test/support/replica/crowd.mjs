// Many sessions in one process, each writing all the time with a few writes in flight. Argument:
// `CrowdOptions` in crowd.ts, as JSON.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const { connectString, sessionTimeoutMs, size, inFlight } = JSON.parse(process.argv[2] ?? '{}');
const dist = process.env.REPLICA_DIST ?? fileURLToPath(new URL('../../../dist', import.meta.url));
const require = createRequire(import.meta.url);
const { createSessions } = require(join(dist, 'zookeeper/session/sessions.js'));
const { systemClock } = require(join(dist, 'zookeeper/support/clock.js'));

let writes = 0;

/** One write after the other, whatever becomes of each; slowly while there is no connection. */
async function write(session, path) {
  while (!session.ended.aborted) {
    await session.set(path, Buffer.from(String(writes)), -1).then(
      () => (writes += 1),
      () => wait(100),
    );
  }
}

/** All sessions are there: nobody writes before, so that none is kept from beginning. */
let begun = false;

/** Goes on until the node is there, or the session is over; then the next session has its turn. */
async function populate(session, number, ready) {
  const path = `/crowd-${number}-${session.id}`;
  while (!session.ended.aborted && (await session.exists(path).catch(() => undefined)) === undefined)
    await session.create(path, Buffer.alloc(0), 'ephemeral').catch(() => wait(100));
  if (session.ended.aborted) return;
  ready();
  while (!begun) await wait(20);
  for (let count = 0; count < inFlight; count += 1) void write(session, path);
}

const ready = Array.from({ length: size }, (_, number) => {
  const sessions = createSessions({ connectString, sessionTimeoutMs, clock: systemClock, observer: { observe() {} } });
  return new Promise((resolve) => {
    sessions.onSession((session) => void populate(session, number, resolve));
    sessions.start();
  });
});
await Promise.all(ready);
begun = true;
process.stdout.write(`${JSON.stringify({ k: 'up' })}\n`);
setInterval(() => process.stdout.write(`${JSON.stringify({ k: 'written', writes })}\n`), 200);
