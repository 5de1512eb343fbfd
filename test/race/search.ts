import fc from 'fast-check';
import { leaseMsOf } from '../../src/zookeeper/mastership/timing.js';
import { Cluster, SESSION_TIMEOUT_MS, TICK_MS, type ClusterOptions } from './cluster.js';
import { faultsOf, type FaultMix, type TimedFault } from './faults.js';
import { Judge, Violation, type JudgeOptions } from './judge.js';
import { Choices } from './model/choices.js';
import type { ClockFault } from './model/process.js';
import type { Replica } from './model/replica.js';
import { World } from './model/world.js';

/** One run, complete: the same scenario is the same run. */
export interface Scenario {
  /** Delays, members, lost answers: everything that nobody chose. */
  readonly choices: number;
  readonly clocks: readonly ClockFault[];
  readonly faults: readonly TimedFault[];
  /** A replica that stays frozen when all else is healed. */
  readonly frozen: number | undefined;
}

/** What a search looks at. */
export interface SearchOptions extends FaultMix, Omit<ClusterOptions, 'clocks'>, Partial<JudgeOptions> {}

/** I6, and what the simulation's own delays add. */
const HEALED_WITHIN_MS = SESSION_TIMEOUT_MS + leaseMsOf(SESSION_TIMEOUT_MS) + 1.5 * TICK_MS + 2_000 + 500;
/** And then it stays. */
const STABLE_FOR_MS = 3_000;
/** How finely time between two happenings is looked at: a belief can begin or end by time alone. */
const LOOK_EVERY_MS = 7;

/** Clock rates within 5 % of each other. */
const clocks = fc.array(
  fc.record({
    rate: fc.double({ min: 0.976, max: 1.024, noNaN: true }),
    wallAtStartMs: fc.integer({ min: 1_700_000_000_000, max: 1_700_000_100_000 }),
  }),
  { minLength: 3, maxLength: 3 },
);

export function scenarios(mix: FaultMix): fc.Arbitrary<Scenario> {
  return fc.record({
    choices: fc.noShrink(fc.nat(2 ** 31 - 1)),
    clocks,
    faults: faultsOf(mix),
    frozen: mix.onlyRestarts === true ? fc.constant(undefined) : fc.option(fc.nat(2), { nil: undefined, freq: 3 }),
  });
}

/** Runs one scenario to its end; throws a `Violation` with what happened before. */
export async function play(scenario: Scenario, options: SearchOptions): Promise<void> {
  const world = new World(new Choices(scenario.choices));
  const dice = new Choices(scenario.choices ^ 0x5bd1e995);
  const realRandom = Math.random;
  Math.random = () => dice.fraction();
  try {
    await playIn(world, scenario, options);
  } catch (thrown) {
    if (thrown instanceof Violation) thrown.message += `\n${world.history()}`;
    throw thrown;
  } finally {
    Math.random = realRandom;
  }
}

async function playIn(world: World, scenario: Scenario, options: SearchOptions): Promise<void> {
  const cluster = new Cluster(world, { ...options, clocks: scenario.clocks });
  const { isMaster = (replica: Replica): boolean => replica.election.isMaster(), tokensOutliveRestore = false } = options;
  const judge = new Judge(cluster, { isMaster, tokensOutliveRestore });
  cluster.start();
  let atMs = 2_500;
  for (const { afterMs, fault } of scenario.faults) {
    atMs += afterMs;
    world.at(atMs, () => cluster.apply(fault));
  }
  const healedAtMs = atMs + world.choices.between(0, 4_000);
  world.at(healedAtMs, () => cluster.heal(scenario.frozen));
  await until(world, judge, healedAtMs + HEALED_WITHIN_MS);
  if (judge.master() === undefined) throw new Violation(`I6: ${Math.round(HEALED_WITHIN_MS)} ms after the last fault nobody is master`);
  const master = judge.master();
  if (master !== cluster.holder) throw new Violation(`I6: ${master?.name} is master, but ${cluster.holder?.name} holds the node`);
  await until(world, judge, healedAtMs + HEALED_WITHIN_MS + STABLE_FOR_MS);
  if (judge.master() !== master) throw new Violation(`I6: ${master?.name} did not stay master without any fault`);
}

async function until(world: World, judge: Judge, endMs: number): Promise<void> {
  while (world.nowMs < endMs) {
    const nextMs = Math.min(world.nextMs ?? endMs, endMs);
    while (world.nowMs + LOOK_EVERY_MS < nextMs) {
      world.passTo(world.nowMs + LOOK_EVERY_MS);
      judge.look();
    }
    if (nextMs >= endMs) {
      world.passTo(endMs);
      return judge.look();
    }
    await world.step();
    judge.look();
  }
}
