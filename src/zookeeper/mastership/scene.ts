import type { Clock } from '../support/clock.js';
import type { Observation, Observer } from '../support/observer.js';
import type { Membership } from '../recipes/membership/membership.js';
import { hexId } from '../session/errors.js';
import type { Session } from '../session/session.js';
import type { Belief } from './belief.js';
import type { Drain } from './election.js';
import type { ElectionZnodes } from './election.znodes.js';
import type { LeaseKeeper } from '../session/lease.js';
import type { Line } from '../recipes/line/line.js';
import type { Memory } from './memory.js';
import type { NodeWatch } from '../session/node-watch.js';
import type { Latch } from '../support/latch.js';

/** What stays the same for a candidate whatever session it uses. */
export interface CandidateParts {
  readonly znodes: ElectionZnodes;
  readonly address: string;
  readonly clock: Clock;
  readonly observer: Observer;
  readonly belief: Belief;
  readonly memory: Memory;
  readonly newId: () => string;
  readonly drain: () => Drain | undefined;
  /** How many other elections of the service this replica holds, or is about to win. */
  readonly heldElsewhere: () => number;
}

/** This replica among the members of its service. */
export interface OwnMember {
  readonly memberName: string;
  readEnsembleTime(): Promise<number>;
  clocks(): ReturnType<Membership['clocks']>;
}

/** The same, and what belongs to one session. */
export interface Scene extends CandidateParts {
  readonly session: Session;
  readonly keeper: LeaseKeeper;
  readonly watch: NodeWatch;
  readonly line: Line;
  readonly wake: Latch;
  readonly member: OwnMember;
}

/** One observation about an election, with the fields that let all replicas' logs be put together. */
export function report(
  scene: Scene,
  level: Observation['level'],
  event: string,
  message: string,
  fields?: Readonly<Record<string, string | number | boolean | undefined>>,
): void {
  scene.observer.observe({
    level,
    event: `mastership.${event}`,
    message: `Election "${scene.znodes.key}": ${message}`,
    fields: { election: scene.znodes.key, address: scene.address, session: hexId(scene.session.id), ...fields },
  });
}
