import { setTimeout as wait } from 'node:timers/promises';
import { tokens } from '../../support/replica/audit.js';
import { startFleet, type Phase } from '../../support/replica/replica.js';
import { outcomeOf, T_MS, type Outcome, type Subject } from './outcome.js';

export interface Place extends Subject {
  readonly connectString: string;
}

/** After so many session timeouts there should be a successor. */
const ENOUGH = 4;

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
  // Long enough for a successor, on a fast machine; a slow one is given the time that it needs.
  if (timeouts >= ENOUGH) await fleet.master({ not: master });
  master.process.resume();
  await fleet.master();
  return outcomeOf(fleet);
}

/**
 * The master's event loop stalls for each of `timeouts` (session timeouts), one after the other,
 * in one phase of the loop.
 */
export async function stalledMaster(place: Place, phase: Phase, timeouts: readonly number[]): Promise<Outcome> {
  await using fleet = await startFleet(2, {
    connectString: place.connectString,
    dist: place.dist,
    rootPath: `/stalled-${phase}`,
    sessionTimeoutMs: T_MS,
  });
  const stall = async (each: number): Promise<void> => {
    const master = await fleet.master();
    await master.block(each * T_MS, phase);
    await fleet.master();
  };
  for (const each of timeouts) await stall(each);
  // Where the machine is so slow that no successor has come in time, each further stall is longer.
  for (let each = ENOUGH; tokens(fleet).length < 2 && each < 16 * ENOUGH; each *= 2) await stall(each);
  return outcomeOf(fleet);
}
