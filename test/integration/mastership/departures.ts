import { startAdmin } from '../../support/admin.js';
import { eventually } from '../../support/eventually.js';
import { startFleet } from '../../support/replica/replica.js';
import { outcomeOf, T_MS, type Outcome } from './outcome.js';
import type { Place } from './pauses.js';

/** No session is to be lost here but by the end of its process. */
const STEADY_MS = 5 * T_MS;

/** The master stops in an orderly way while a run is in progress, which ends `runMs` after it was asked to. */
export async function gracefulStop(place: Place, runMs = 1_500): Promise<Outcome & { readonly waitMs: unknown; readonly exit: unknown }> {
  await using fleet = await startFleet(3, {
    connectString: place.connectString,
    dist: place.dist,
    rootPath: '/stopped',
    sessionTimeoutMs: STEADY_MS,
    drain: { kind: 'finish', ms: runMs },
  });
  const master = await fleet.master();
  await master.stop();
  const exit = await master.process.exited;
  const next = await fleet.master();
  const won = next.observed('mastership.won').at(-1);
  return { ...outcomeOf(fleet), waitMs: (won?.['fields'] as { waitMs: unknown } | undefined)?.waitMs, exit };
}

/**
 * The master stops while a run is in progress that ignores its abort. Watches for `watchMs`, or until damage is seen.
 */
export async function stuckStop(
  place: Place,
  watchMs = 2 * T_MS,
): Promise<Outcome & { readonly answer: unknown; readonly nodeStayed: boolean }> {
  const rootPath = '/stuck';
  await using admin = await startAdmin(place.connectString);
  await using fleet = await startFleet(3, {
    connectString: place.connectString,
    dist: place.dist,
    rootPath,
    sessionTimeoutMs: STEADY_MS,
    drain: { kind: 'stuck', ms: 300 },
  });
  const path = `${rootPath}/master/services/bank:v1`;
  const master = await fleet.master();
  const before = await admin.info(path);
  const answer = await master.stop();
  const look = (): void => {
    if (outcomeOf(fleet).violations.length === 0) throw new Error('Nothing is seen.');
  };
  await eventually(look, { what: 'damage', withinMs: watchMs, everyMs: 200 }).catch(() => undefined);
  const after = await admin.info(path);
  await master.process.kill();
  await fleet.master();
  return { ...outcomeOf(fleet), answer, nodeStayed: after?.czxid === before?.czxid };
}
