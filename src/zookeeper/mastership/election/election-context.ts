import type { LastWills } from '../../session/crash-guard/charge.js';
import { hexId } from '../../session/errors.js';
import type { LeaseKeeper } from '../../session/lease.js';
import { NodeWatch } from '../../session/node-watch.js';
import type { Session } from '../../session/session.js';
import type { Clock } from '../../support/clock.js';
import { Latch } from '../../support/latch.js';
import type { Observation, Observer } from '../../support/observer.js';
import type { ElectionZnodes } from './election.znodes.js';
import type { LocalMastership } from './local-mastership.js';
import type { Memory } from './memory.js';

/** This replica in one election, whatever session it uses. */
export interface OwnPart {
  readonly znodes: ElectionZnodes;
  /** `host:port`, written into the nodes that this replica wins. */
  readonly address: string;
  readonly clock: Clock;
  readonly observer: Observer;
  readonly mastership: LocalMastership;
  readonly memory: Memory;
  /** Where a tenure leaves the proof of its end, should this process die. */
  readonly lastWills: LastWills;
}

/** One election over one session: what the campaign and the tenure that comes of it have in common. */
export class ElectionContext {
  readonly znodes: ElectionZnodes;
  readonly address: string;
  readonly clock: Clock;
  readonly mastership: LocalMastership;
  readonly memory: Memory;
  readonly lastWills: LastWills;
  /** Rung by whatever happens to the election node, the line and the record; the one who waits looks again. */
  readonly latch: Latch;
  /** The watch on the election node. */
  readonly watch: NodeWatch;
  private readonly observer: Observer;

  constructor(
    own: OwnPart,
    readonly session: Session,
    readonly keeper: LeaseKeeper,
  ) {
    this.znodes = own.znodes;
    this.address = own.address;
    this.clock = own.clock;
    this.mastership = own.mastership;
    this.memory = own.memory;
    this.lastWills = own.lastWills;
    this.observer = own.observer;
    this.latch = new Latch(own.clock);
    this.watch = new NodeWatch(session, own.znodes.node, keeper, this.latch);
  }

  /** One observation about the election, with the fields by which the logs of all replicas can be put together. */
  report(
    level: Observation['level'],
    event: string,
    message: string,
    fields?: Readonly<Record<string, string | number | boolean | undefined>>,
  ): void {
    this.observer.observe({
      level,
      event: `mastership.${event}`,
      message: `Election "${this.znodes.key}": ${message}`,
      fields: { election: this.znodes.key, address: this.address, session: hexId(this.session.id), ...fields },
    });
  }
}
