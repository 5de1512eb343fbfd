import { expect, it } from 'vitest';
import { hooksOutOfStep, runsOf, startedTooOften, toldIn, violations, type Run } from '../support/job-replica/runs.js';
import type { Ledger } from '../support/job-replica/verdicts.js';
import { Chance, seedFrom } from '../support/random.js';
import { startEnsemble } from '../support/zookeeper.js';
import { Fire, HANGING_JOBS, NEWER, RERUN_JOBS, RERUNS } from './fire.js';

/**
 * `FIRE_SECONDS=600 npm test -- test/e2e/fire.spec.ts` makes it last ten minutes, `FIRE_SEED` makes it
 * choose as an earlier one did.
 */
const SECONDS = Number(process.env['FIRE_SECONDS'] ?? 45);
const SEED = seedFrom('FIRE_SEED');

it(
  `starts no tick twice, lets no two runs overlap and gives each tick one verdict, under all faults at once (seed ${SEED})`,
  { timeout: SECONDS * 1_000 + 1_800_000 },
  async () => {
    await using ensemble = await startEnsemble(3);
    await using fire = await Fire.lay(ensemble, new Chance(SEED));
    await fire.burn(SECONDS * 1_000);
    await fire.settled();
    await Promise.all(fire.fleet.living().map((one) => one.process.kill('SIGTERM')));
    const runs = runsOf(fire.fleet);
    const found = [...violations(runs, ['beside']), ...startedTooOften(runs, RERUNS), ...toldTwice(toldIn(fire.fleet))];
    found.push(...hooksOutOfStep(fire.fleet), ...fire.starved());
    // Its code has it disabled.
    const halted = runs.filter(({ job, replica }) => job === 'halted' && replica.version === NEWER);
    found.push(
      ...halted.map(({ replica, cause }) => `"halted" was started (${cause}) by ${replica.name}, of the version that has it disabled`),
    );
    for (const [job, ledger] of fire.ledgers) {
      const own = runs.filter((run) => run.job === job);
      found.push(...ledger.conflicts, ...contradictions(ledger, own));
      console.log(`${SECONDS} s of fire (seed ${SEED}): "${job}" ran ${own.length} times; its ticks: ${JSON.stringify(ledger.counts())}`);
    }
    expect(found, fire.log.join('\n')).toEqual([]);
    // Otherwise nothing was shown.
    expect(new Set(runs.map((run) => run.token)).size).toBeGreaterThan(2);
    expect(fire.hasHalted).toBe(true);
    expect(runs.filter((run) => run.cause === 'misfire' && HANGING_JOBS.includes(run.job)).length).toBeGreaterThan(0);
    expect(runs.filter((run) => run.cause === 'rerun' && !RERUN_JOBS.includes(run.job))).toEqual([]);
  },
);

/** Ticks whose verdict is not what has happened. */
function contradictions(ledger: Ledger, runs: readonly Run[]): string[] {
  const started = new Set(runs.map((run) => run.tickMs));
  return [...ledger.ticks].flatMap(([tickMs, { outcome }]) => {
    const ran = started.has(tickMs);
    const fits = ran ? ['ran', 'failed', 'interrupted'].includes(outcome) : outcome !== 'ran' && outcome !== 'failed';
    return fits ? [] : [`${new Date(tickMs).toISOString()} ${ran ? 'was' : 'was not'} started, and its verdict is "${outcome}"`];
  });
}

/** Verdicts that were told to listeners of more than one replica, or more than once. */
function toldTwice(told: ReturnType<typeof toldIn>): string[] {
  const first = new Map<string, string>();
  return told.flatMap(({ replica, verdict }) => {
    const key = JSON.stringify([verdict['job'], verdict['scheduledTime'], verdict['until']]);
    const other = first.get(key);
    first.set(key, replica.name);
    return other === undefined ? [] : [`the verdict of ${key} was told by ${other} and by ${replica.name}`];
  });
}
