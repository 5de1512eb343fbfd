import { setTimeout as wait } from 'node:timers/promises';
import { eventually } from '../../support/eventually.js';
import { tokens } from '../../support/replica/audit.js';
import { startCrowd, writesOf } from '../../support/replica/crowd.js';
import { startFleet, type Fleet } from '../../support/replica/replica.js';
import { startEnsemble } from '../../support/zookeeper.js';
import { outcomeOf, type Outcome, type Subject } from './outcome.js';

const T_MS = 4_000;

class Fleets implements AsyncDisposable {
  readonly fleets: Fleet[] = [];

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.fleets.map((fleet) => fleet[Symbol.asyncDispose]()));
  }
}

/**
 * The ensemble's leader is stopped for each of `pauses` (session timeouts) while hundreds of
 * sessions write all the time.
 */
export async function pausedLeader({ dist }: Subject, pauses: readonly number[], services: number): Promise<readonly Outcome[]> {
  // ZooKeeper's own defaults: the followers wait for a silent leader for longer than it is stopped.
  await using ensemble = await startEnsemble(3, { tickTimeMs: 2_000, cfg: { initLimit: 10, syncLimit: 5 } });
  const { connectString } = ensemble;
  await using all = new Fleets();
  for (let number = 0; number < services; number += 1) {
    all.fleets.push(await startFleet(2, { connectString, dist, sessionTimeoutMs: T_MS, service: `bank-${number}` }));
  }
  await using crowd = await startCrowd({ connectString, sessionTimeoutMs: T_MS, size: 300, inFlight: 3 });
  const pauseLeader = async (timeouts: number): Promise<void> => {
    const leader = await ensemble.leader();
    const before = writesOf(crowd);
    await leader.pause();
    await wait(timeouts * T_MS);
    await leader.resume();
    await eventually(() => writesOf(crowd) > before + 1_000 || Promise.reject(new Error('not yet')), {
      what: 'writes to go on',
    });
    await Promise.all(all.fleets.map((fleet) => fleet.master()));
  };
  for (const timeouts of pauses) await pauseLeader(timeouts);
  // Where no session expired with the leader's first breath, nothing was shown: whether one
  // does is a matter of moments.
  const nothingShown = (): boolean => all.fleets.every((fleet) => tokens(fleet).length === 1);
  for (let further = 0; nothingShown() && further < 20; further += 1) await pauseLeader(1.3 + (further % 4) * 0.3);
  return all.fleets.map(outcomeOf);
}
