import { startAdmin } from '../../support/admin.js';
import { eventually } from '../../support/eventually.js';
import { startProxy, type FaultProxy } from '../../support/proxy.js';
import { ProxiedFleet } from '../../support/replica/proxied.js';
import type { Replica } from '../../support/replica/replica.js';
import type { Server } from './forced.js';
import { outcomeOf, T_MS, type Outcome } from './outcome.js';

/**
 * The session timeout of the master that falls silent, and with it its lease, are much longer
 * than those of its successor.
 */
const LONG_MS = 30 * T_MS;

/** What such a scenario shows. */
export interface DifferingOutcome extends Outcome {
  /**
   * How long the successor has waited for the predecessor, as it said when it won; and since the predecessor
   * was struck, milliseconds.
   */
  readonly saidWaitMs: number;
  readonly waitedMs: number;
}

/**
 * The master hangs behind a half-open link, the whole tree is wiped, and only then a replica with a short session finds
 * ZooKeeper: nothing tells it of the master's lease.
 */
export async function wipedBeforeAShorterSession(server: Server): Promise<DifferingOutcome> {
  const rootPath = '/wiped-before';
  await using proxied = new ProxiedFleet({ dist: server.dist, rootPath });
  await using admin = await startAdmin(server.connectString);
  const { fleet } = proxied;
  const old = await proxied.add(server, { sessionTimeoutMs: LONG_MS });
  await fleet.master();
  await using door = await closedDoor(server);
  const next = await fleet.add({ connectString: door.connectString, sessionTimeoutMs: T_MS });
  await silence(proxied, old);
  await admin.wipe(rootPath);
  const struckMs = performance.now();
  door.pass();
  await fleet.master({ not: old });
  return outcome(proxied, next, struckMs);
}

/**
 * A deploy changes `electionScope`, not for the first time: the record of the new replicas' election proves that nobody
 * holds it. The master of the old scope hangs behind a half-open link, and its session is ended by force. The new
 * replica has stood there before that, or finds ZooKeeper when all is gone.
 */
export async function scopeChanged(server: Server, newOneStarts: 'before' | 'after'): Promise<DifferingOutcome> {
  const rootPath = `/scope-changed-${newOneStarts}`;
  await using proxied = new ProxiedFleet({ dist: server.dist, rootPath });
  await using admin = await startAdmin(server.connectString);
  const { fleet } = proxied;
  const first = await proxied.add(server, { scope: 'service' });
  await fleet.master();
  await first.stop();
  const old = await proxied.add(server, { scope: 'version', sessionTimeoutMs: LONG_MS });
  await fleet.master({ not: first });
  await using door = await closedDoor(server);
  const next = await fleet.add({ connectString: door.connectString, scope: 'service' });
  if (newOneStarts === 'before') {
    door.pass();
    await eventually(() => held(next), { what: 'the new replica to hold back' });
  }
  await silence(proxied, old);
  const { sessionId, password } = proxied.credentials(old);
  await admin.endSession(sessionId, password);
  const struckMs = performance.now();
  door.pass();
  await fleet.master({ not: [first, old] });
  return outcome(proxied, next, struckMs);
}

/** A link on which nobody gets through yet. */
async function closedDoor(server: Server): Promise<FaultProxy> {
  const door = await startProxy(server);
  door.refuse();
  return door;
}

function held(replica: Replica): void {
  if (replica.observed('mastership.scope-conflict').length === 0) throw new Error('it has not said so');
}

/** Takes the link away at a renewal that never arrives: most of the lease that the one before has given is left. */
async function silence(proxied: ProxiedFleet, master: Replica): Promise<void> {
  const link = proxied.link(master);
  const renewal = link.hold((frame) => frame.kind === 'request' && frame.op === 'multi');
  await renewal.held;
  link.hole();
  renewal.release();
}

function outcome(proxied: ProxiedFleet, next: Replica, struckMs: number): DifferingOutcome {
  const won = next.observed('mastership.won')[0];
  const saidWaitMs = (won?.['fields'] as { waitMs: number } | undefined)?.waitMs ?? Number.NaN;
  return { ...outcomeOf(proxied.fleet), saidWaitMs, waitedMs: performance.now() - struckMs };
}
