import { setTimeout as wait } from 'node:timers/promises';
import { startFleet, type Phase } from '../../support/replica/replica.js';
import { outcomeOf, T_MS, type Outcome, type Subject } from './outcome.js';

export interface Place extends Subject {
  readonly connectString: string;
}

/** SIGSTOP of the master for `timeouts` session timeouts, then SIGCONT. */
export async function pausedMaster(place: Place, timeouts: number): Promise<Outcome> {
  await using fleet = await startFleet(3, {
    connectString: place.connectString,
    dist: place.dist,
    rootPath: `/paused-${timeouts}`,
    sessionTimeoutMs: T_MS,
  });
  const master = await fleet.master();
  master.process.pause();
  await wait(timeouts * T_MS);
  master.process.resume();
  await fleet.master();
  return outcomeOf(fleet);
}

/** The master's event loop stalls for each of `timeouts` (session timeouts), one after the other, in one phase of the loop. */
export async function stalledMaster(place: Place, phase: Phase, timeouts: readonly number[]): Promise<Outcome> {
  await using fleet = await startFleet(2, {
    connectString: place.connectString,
    dist: place.dist,
    rootPath: `/stalled-${phase}`,
    sessionTimeoutMs: T_MS,
  });
  for (const each of timeouts) {
    const master = await fleet.master();
    await master.block(each * T_MS, phase);
    await fleet.master();
  }
  return outcomeOf(fleet);
}
