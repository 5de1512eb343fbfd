import { expect, it } from 'vitest';
import { crowds, overlaps, type Asked } from '../support/lock-holder/lock-holder.js';
import { Chance, seedFrom } from '../support/random.js';
import { startEnsemble } from '../support/zookeeper.js';
import { LocksFire } from './locks-fire.js';

/**
 * `FIRE_SECONDS=600 npm test -- test/e2e/locks-fire.spec.ts` makes each of them last ten minutes, `FIRE_SEED` makes it
 * choose as an earlier one did.
 */
const SECONDS = Number(process.env['FIRE_SECONDS'] ?? 30);
const SEED = seedFrom('FIRE_SEED');
const PERMITS = 2;

/** All faults end within 10 s, and all that is waited for after them within the longest session timeout and lease. */
const LONGEST_WAIT_MS = 180_000;

const cases: readonly { readonly kind: string; readonly asked: readonly Asked[]; readonly paths: readonly string[] }[] = [
  { kind: 'mutex', asked: [{ mode: 'mutex' }], paths: ['/soa/locks/mutex'] },
  { kind: 'read-write', asked: [{ mode: 'read' }, { mode: 'read' }, { mode: 'write' }], paths: ['/soa/locks/read-write'] },
  { kind: 'semaphore', asked: [{ permits: PERMITS }], paths: ['/soa/semaphores/semaphore/locks', '/soa/semaphores/semaphore/leases'] },
];

it.each(cases)(
  `no two of ours hold what excludes the other, and everybody gets a turn, under all faults at once: $kind (seed ${SEED})`,
  { timeout: SECONDS * 1_000 + 1_800_000 },
  async ({ kind, asked, paths }) => {
    await using ensemble = await startEnsemble(3);
    await using fire = await LocksFire.lay(ensemble, new Chance(SEED), { name: kind, asked, paths });
    await fire.burn(SECONDS * 1_000);
    await fire.goesOn();
    await fire.putOut();
    const { holders } = fire;
    const found = kind === 'semaphore' ? crowds(holders, PERMITS) : overlaps(holders);
    const waits = holders.flatMap((holder) => holder.waitsMs);
    found.push(...waits.filter((ms) => ms > LONGEST_WAIT_MS).map((ms) => `somebody waited ${ms} ms`));
    console.log(`${SECONDS} s of fire (seed ${SEED}): ${waits.length} turns of ${kind}; the longest wait was ${Math.max(...waits)} ms`);
    expect(found, fire.log.join('\n')).toEqual([]);
    expect(waits.length).toBeGreaterThan(holders.length);
  },
);
