import fc from 'fast-check';
import type { Elections } from '../../../src/zookeeper/mastership/election/election.js';
import type { Session } from '../../../src/zookeeper/session/session.js';
import { Cluster } from '../cluster.js';
import { faultsOf, type TimedFault } from '../faults.js';
import type { ClockFault } from '../model/process.js';
import { VERSION, type ReplicaKind } from '../model/replica.js';
import type { World } from '../model/world.js';
import { healedWithinMs, inWorld, until } from '../search.js';
import { Audit } from './audit.js';

/**
 * What an operator does who changes their mind: names the next replica in the master's node, and then somebody else.
 */
export interface ChangeOfMind {
  readonly kind: 'change of mind';
  /** One after the other. 0: the master's own address again, 1 and 2: those of the others. */
  readonly edits: readonly { readonly afterMs: number; readonly to: number }[];
}

interface Step {
  /** Since the one before. */
  readonly afterMs: number;
  readonly fault: TimedFault['fault'] | ChangeOfMind;
}

export interface ApplicationScenario {
  readonly choices: number;
  readonly clocks: readonly ClockFault[];
  readonly steps: readonly Step[];
}

/** The bug that is planted, if any. */
export interface ApplicationOptions {
  readonly seen?: (elections: Elections) => Elections;
}

/** One election; what differing replicas do is searched for without applications. */
const ALIKE: ReplicaKind = { sessionTimeoutMs: 4_000, version: VERSION, scope: 'version' };

/** How long the master has, once there is one again, to do what was left. */
const CALM_MS = 16_000;

/** They show the ensemble's time within what a replica tolerates. */
const clocks = fc.array(
  fc.record({
    rate: fc.double({ min: 0.976, max: 1.024, noNaN: true }),
    wallAtStartMs: fc.integer({ min: 1_700_000_000_000 - 500, max: 1_700_000_000_000 + 500 }),
  }),
  { minLength: 3, maxLength: 3 },
);

const afterMs = fc.oneof(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 2_500 }));

const changeOfMind: fc.Arbitrary<ChangeOfMind> = fc.record({
  kind: fc.constant('change of mind' as const),
  edits: fc
    .tuple(fc.constantFrom(1, 2), fc.array(fc.record({ afterMs, to: fc.nat(2) }), { minLength: 1, maxLength: 3 }))
    .map(([first, then]) => [{ afterMs: 0, to: first }, ...then]),
});

/** Everything but the loss of the job's record, which promises nothing. */
export const applicationScenarios: fc.Arbitrary<ApplicationScenario> = fc.record({
  choices: fc.noShrink(fc.nat(2 ** 31 - 1)),
  clocks,
  steps: fc
    .tuple(
      faultsOf({}),
      fc.array(fc.record({ afterMs: fc.integer({ min: 0, max: 6_000 }), fault: changeOfMind }), { minLength: 1, maxLength: 4 }),
    )
    .chain(([faults, changes]) => fc.shuffledSubarray<Step>([...faults.slice(0, 6), ...changes], { minLength: 1 })),
});

/** Runs one scenario to its end; throws a `Violation` with what happened before. */
export function playApplication(scenario: ApplicationScenario, options: ApplicationOptions): Promise<void> {
  return inWorld(scenario.choices, (world) => playIn(world, scenario, options));
}

async function playIn(world: World, scenario: ApplicationScenario, options: ApplicationOptions): Promise<void> {
  const cluster = new Cluster(world, {
    clocks: scenario.clocks,
    kinds: scenario.clocks.map(() => ALIKE),
    tamper: (session) => withTime(session, world),
  });
  const audit = new Audit(cluster, options.seen ?? ((elections) => elections));
  cluster.start();
  let atMs = 4_000;
  for (const { afterMs: laterMs, fault } of scenario.steps) {
    atMs += laterMs;
    world.at(atMs, () => (fault.kind === 'change of mind' ? changeMind(cluster, fault) : cluster.apply(fault)));
  }
  const healedAtMs = atMs + world.choices.between(0, 4_000);
  world.at(healedAtMs, () => cluster.heal());
  const calmAtMs = healedAtMs + healedWithinMs(cluster);
  await until(world, audit, calmAtMs);
  audit.trigger('once more');
  await until(world, audit, calmAtMs + CALM_MS);
  audit.judgeCalm('once more');
}

function changeMind(cluster: Cluster, { edits }: ChangeOfMind): void {
  const { replicas, holder, world } = cluster;
  if (holder === undefined) return;
  const master = replicas.indexOf(holder);
  let inMs = 0;
  for (const { afterMs: laterMs, to } of edits) {
    inMs += laterMs;
    const as = `replica ${(master + to) % replicas.length}` as 'replica 0';
    world.in(inMs, () => cluster.apply({ kind: 'operator', does: { edit: 'write node', as } }));
  }
}

/** The model's sessions tell no time, which the job records need. */
function withTime(session: Session, world: World): Session {
  return new Proxy(session, {
    get(target, key) {
      if (key === 'ensembleTimeMs') return () => 1_700_000_000_000 + world.nowMs;
      const member: unknown = Reflect.get(target, key, target);
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
}
