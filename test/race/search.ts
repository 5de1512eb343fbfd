import fc from 'fast-check';
import { MAX_LEASE_MS, waitMsFor } from '../../src/zookeeper/session/lease-length.js';
import { Cluster, TICK_MS, type ClusterOptions } from './cluster.js';
import { faultsOf, type FaultMix, type TimedFault } from './faults.js';
import { Judge, Violation, type JudgeOptions } from './judge.js';
import { Choices } from './model/choices.js';
import type { ClockFault } from './model/process.js';
import { VERSION, type Replica, type ReplicaKind } from './model/replica.js';
import { World } from './model/world.js';

/** One run, complete: the same scenario is the same run. */
export interface Scenario {
  /** Delays, members, lost answers: everything that nobody chose. */
  readonly choices: number;
  readonly clocks: readonly ClockFault[];
  readonly kinds: readonly ReplicaKind[];
  readonly faults: readonly TimedFault[];
  /** A replica that stays frozen when all else is healed. */
  readonly frozen: number | undefined;
}

/** What a search looks at. */
export interface SearchOptions extends FaultMix, KindMix, Omit<ClusterOptions, 'clocks' | 'kinds'>, Partial<JudgeOptions> {}

/** In what the replicas differ. Not named: they are alike. */
export interface KindMix {
  readonly timeouts?: boolean;
  readonly versions?: boolean;
  /**
   * A deploy that changes `electionScope`. Without operators that wipe then: the check for mixed scopes
   * goes by the members' nodes.
   */
  readonly scopes?: boolean;
}

/**
 * I6 for a predecessor that nothing is known of, and what the simulation's own delays add. With mixed scopes the other
 * scope is waited for first.
 */
export function healedWithinMs(cluster: Cluster): number {
  return cluster.sessionTimeoutMs + waitMsFor(MAX_LEASE_MS) * (cluster.mixesScopes ? 2 : 1) + 1.5 * TICK_MS + 2_000 + 500;
}
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

const ALIKE_TIMEOUT_MS = 4_000;

function kindsOf(mix: KindMix): fc.Arbitrary<readonly ReplicaKind[]> {
  const kind = fc.record({
    // Leases of 0.7, 1.3 and 4 s.
    sessionTimeoutMs: mix.timeouts === true ? fc.constantFrom(2_000, ALIKE_TIMEOUT_MS, 12_000) : fc.constant(ALIKE_TIMEOUT_MS),
    version: mix.versions === true ? fc.constantFrom(VERSION, '2') : fc.constant(VERSION),
    scope: mix.scopes === true ? fc.constantFrom('version' as const, 'service' as const) : fc.constant('version' as const),
  });
  return fc.array(kind, { minLength: 3, maxLength: 3 });
}

export function scenarios(mix: FaultMix & KindMix): fc.Arbitrary<Scenario> {
  return fc.record({
    choices: fc.noShrink(fc.nat(2 ** 31 - 1)),
    clocks,
    kinds: kindsOf(mix),
    faults: faultsOf(mix),
    frozen: mix.onlyRestarts === true ? fc.constant(undefined) : fc.option(fc.nat(2), { nil: undefined, freq: 3 }),
  });
}

/** Runs one scenario to its end; throws a `Violation` with what happened before. */
export function play(scenario: Scenario, options: SearchOptions): Promise<void> {
  return inWorld(scenario.choices, (world) => playIn(world, scenario, options));
}

/** Runs what happens in a world of these choices; a `Violation` tells what happened before. */
export async function inWorld(choices: number, playIt: (world: World) => Promise<void>): Promise<void> {
  const world = new World(new Choices(choices));
  const dice = new Choices(choices ^ 0x5bd1e995);
  const realRandom = Math.random;
  Math.random = () => dice.fraction();
  try {
    await playIt(world);
  } catch (thrown) {
    if (thrown instanceof Violation) thrown.message += `\n${world.history()}`;
    throw thrown;
  } finally {
    Math.random = realRandom;
  }
}

async function playIn(world: World, scenario: Scenario, options: SearchOptions): Promise<void> {
  const cluster = new Cluster(world, { ...options, clocks: scenario.clocks, kinds: scenario.kinds });
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
  const withinMs = healedWithinMs(cluster);
  await until(world, judge, healedAtMs + withinMs);
  const vacant = judge.vacant();
  if (vacant.length > 0)
    throw new Violation(`I6: ${Math.round(withinMs)} ms after the last fault nobody is master of ${vacant.join(' and ')}`);
  const masters = judge.masters();
  const outsider = masters.find((master) => !cluster.holds(master));
  if (outsider !== undefined) throw new Violation(`I6: ${outsider.name} is master, but does not hold the node`);
  await until(world, judge, healedAtMs + withinMs + STABLE_FOR_MS);
  const after = judge.masters();
  const gone = masters.find((master) => !after.includes(master));
  if (gone !== undefined) throw new Violation(`I6: ${gone.name} did not stay master without any fault`);
}

/** Goes on to `endMs`, and lets the judge look as often as anything can have changed. */
export async function until(world: World, judge: { look(): void }, endMs: number): Promise<void> {
  // A replica that is asked may send something: what happens next is another thing then, and its promises have
  // begun outside of a step.
  const look = (): void => {
    const wasNextMs = world.nextMs;
    judge.look();
    if (world.nextMs !== wasNextMs) world.touch();
  };
  while (world.nowMs < endMs) {
    const nextMs = Math.min(world.nextMs ?? endMs, endMs);
    if (world.nowMs + LOOK_EVERY_MS < nextMs) world.passTo(world.nowMs + LOOK_EVERY_MS);
    else if (nextMs >= endMs) world.passTo(endMs);
    else await world.step();
    look();
  }
}
