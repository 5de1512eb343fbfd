import { setTimeout as wait } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { eventually } from '../../support/eventually.js';
import { violations } from '../../support/replica/audit.js';
import { startCrowd, writesOf } from '../../support/replica/crowd.js';
import { startFleet } from '../../support/replica/replica.js';
import { startEnsemble } from '../../support/zookeeper.js';

const T_MS = 4_000;

it("never has two masters while the ensemble's leader pauses for about a session timeout among hundreds of sessions that write", async () => {
  // ZooKeeper's own defaults: the followers wait for a silent leader for longer than it is paused.
  await using ensemble = await startEnsemble(3, { tickTimeMs: 2_000, cfg: { initLimit: 10, syncLimit: 5 } });
  const { connectString } = ensemble;
  await using fleet = await startFleet(3, { connectString, sessionTimeoutMs: T_MS });
  await using crowd = await startCrowd({ connectString, sessionTimeoutMs: T_MS, size: 300, inFlight: 3 });
  for (const timeouts of [0.8, 1, 1.3]) {
    const leader = await ensemble.leader();
    const before = writesOf(crowd);
    await leader.pause();
    await wait(timeouts * T_MS);
    await leader.resume();
    await eventually(() => expect(writesOf(crowd)).toBeGreaterThan(before + 1_000), { what: 'writes to go on', withinMs: 60_000 });
    await fleet.master();
  }
  expect(violations(fleet)).toEqual([]);
});
