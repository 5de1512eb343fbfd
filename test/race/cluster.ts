import { unreachable } from '../../src/zookeeper/support/invariant.js';
import type { Session } from '../../src/zookeeper/session/session.js';
import type { Fault, Who } from './faults.js';
import { EMPTY_BACKUP, Ensemble, type Backup } from './model/ensemble.js';
import { Operator } from './model/operator.js';
import type { ClockFault } from './model/process.js';
import { Replica, type ReplicaKind } from './model/replica.js';
import type { World } from './model/world.js';

export const TICK_MS = 500;

/** The cluster that a search runs, and the bug that may be planted in it. */
export interface ClusterOptions {
  readonly clocks: readonly ClockFault[];
  /** One for each clock. */
  readonly kinds: readonly ReplicaKind[];
  readonly checksAreLocal?: boolean;
  readonly sameAddress?: boolean;
  readonly tamper?: (session: Session, address: string) => Session;
}

/** A fault of one replica, or of what connects it. */
type FaultOfOne = Exclude<Fault, { kind: 'operator' | 'foreign' | 'restart ensemble' | 'transfer' | 'isolate' }>;

/** Replicas of one service on a simulated ensemble, and everything that befalls them. */
export class Cluster {
  readonly ensemble: Ensemble;
  readonly replicas: Replica[];
  /** The processes that are no more. */
  readonly gone: Replica[] = [];
  private readonly operator: Operator;
  private readonly backups: Backup[] = [];
  /** The last time the ensemble was put back to an older state or to nothing, if ever. */
  restored: { readonly kind: 'older' | 'empty'; readonly servesAtMs: number } | undefined;
  private lives = 0;
  private healed = false;

  constructor(
    readonly world: World,
    private readonly options: ClusterOptions,
  ) {
    const { checksAreLocal = false } = options;
    this.ensemble = new Ensemble(world, { members: 3, tickTimeMs: TICK_MS, earlyExpiry: true, checksAreLocal });
    this.replicas = options.clocks.map((_, index) => this.made(index));
    this.operator = new Operator(this.ensemble, (index) => this.addressOf(index));
    this.backUp();
  }

  start(): void {
    for (const replica of this.replicas) this.world.in(this.world.choices.between(0, 500), () => replica.start());
  }

  apply(fault: Fault): void {
    if (this.healed) return;
    this.world.trace(`FAULT ${JSON.stringify(fault)}`);
    this.befall(fault);
    this.ensemble.review();
  }

  /** The end of all faults, but that one replica may stay frozen. */
  heal(frozen?: number): void {
    this.healed = true;
    this.world.trace('HEALED');
    this.world.choices.calm = true;
    if (!this.ensemble.serves) this.ensemble.start();
    for (const member of this.ensemble.members) if (member.isolated) member.rejoin(this.ensemble.committed);
    this.operator.leave();
    for (const [index, replica] of this.replicas.entries()) {
      replica.sessions.reachable = true;
      if (index === frozen) replica.process.freeze();
      else replica.process.wake();
      this.revive(index);
    }
    this.ensemble.review();
  }

  private befall(fault: Fault): void {
    switch (fault.kind) {
      case 'operator':
        return this.operator.edit(fault.does);
      case 'foreign':
        return this.operator.takePart(this.world, fault.forMs);
      case 'restart ensemble':
        return this.restart(fault.forMs, fault.restored);
      case 'transfer':
        return this.callOn('master', (replica) => replica.election.transferTo(this.addressOf(fault.to)));
      case 'isolate':
        return this.isolate(fault);
      default:
        return this.hit(fault);
    }
  }

  private hit(fault: FaultOfOne): void {
    const index = this.indexOf(fault.who);
    const replica = this.replicas[index]!;
    const { connection } = replica.sessions;
    switch (fault.kind) {
      case 'freeze':
      case 'suspend':
        replica.process.freeze({ suspended: fault.kind === 'suspend' });
        return this.later(fault.forMs, () => this.healed || replica.process.wake());
      case 'unreachable':
        replica.sessions.reachable = false;
        connection?.cut({ upLost: true });
        return this.later(fault.forMs, () => (replica.sessions.reachable = true));
      case 'crash':
        replica.kill();
        return this.later(fault.forMs, () => this.revive(index));
      case 'stop':
        replica.stop(2_000);
        return this.later(2_500 + fault.forMs, () => this.revive(index));
      case 'cut':
        return connection?.cut({ upLost: fault.upLost });
      case 'silence':
        return connection?.silence((replica.options.sessionTimeoutMs * 2) / 3);
      case 'resign':
        return this.callOn(fault.who, (one) => one.election.resign());
      case 'end session':
        return this.endSessionOf(replica);
      case 'wall clock':
        return replica.process.jumpWallClock(fault.byMs);
      default:
        return unreachable(fault);
    }
  }

  private isolate(fault: Extract<Fault, { kind: 'isolate' }>): void {
    const session = this.sessionOf(this.replicas[this.indexOf(fault.who)]!);
    const member = session?.attachment?.member;
    if (session === undefined || member === undefined || member.isolated) return;
    member.isolate(fault.as, { inFlightLost: this.world.choices.chance(0.5) });
    if (fault.endsSessions) this.ensemble.endSession(session.id, 'ended while its member is cut off');
    this.later(fault.forMs, () => member.isolated && member.rejoin(this.ensemble.committed));
  }

  private restart(forMs: number, restored: 'as it was' | 'older' | 'empty'): void {
    if (!this.ensemble.serves) return;
    this.ensemble.stop();
    const from = restored === 'empty' ? EMPTY_BACKUP : restored === 'older' ? this.world.choices.pick(this.backups) : undefined;
    this.later(forMs, () => {
      if (this.ensemble.serves) return;
      this.ensemble.start(from);
      if (restored !== 'as it was') this.restored = { kind: restored, servesAtMs: this.world.nowMs };
    });
  }

  private endSessionOf(replica: Replica): void {
    const session = this.sessionOf(replica);
    if (session !== undefined) this.ensemble.endSession(session.id, 'ended by force');
  }

  private sessionOf(replica: Replica): ReturnType<Ensemble['sessionOf']> {
    const id = replica.sessions.current()?.id;
    return id === undefined ? undefined : this.ensemble.sessionOf(id);
  }

  private callOn(who: Who, call: (replica: Replica) => Promise<void>): void {
    const replica = this.replicas[this.indexOf(who)]!;
    replica.process.receive(() => void call(replica).catch(() => undefined));
  }

  private indexOf(who: Who): number {
    if (who !== 'master') return who % this.replicas.length;
    return this.holder === undefined ? 0 : this.replicas.indexOf(this.holder);
  }

  private later(delayMs: number, run: () => void): void {
    this.world.in(delayMs, () => {
      run();
      this.ensemble.review();
    });
  }

  private revive(index: number): void {
    const old = this.replicas[index]!;
    if (this.healed && old.stopping) old.kill();
    if (!old.process.dead) return;
    this.gone.push(old);
    const replica = this.made(index);
    this.replicas[index] = replica;
    replica.start();
  }

  private made(index: number): Replica {
    const { clocks, tamper } = this.options;
    const name = `replica ${index}${this.lives >= clocks.length ? ` (life ${this.lives})` : ''}`;
    this.lives += 1;
    const clock = clocks[index]!;
    return new Replica(name, this.world, this.ensemble, {
      ...{ address: this.addressOf(index), clock, ...this.options.kinds[index]! },
      ...(tamper === undefined ? {} : { tamper }),
    });
  }

  private addressOf(index: number): string {
    return `10.0.0.${this.options.sameAddress === true ? 1 : index + 1}:8080`;
  }

  /**
   * Who holds its election's node, by what the ensemble has committed. With several elections there may be
   * several; this is the first.
   */
  get holder(): Replica | undefined {
    return this.replicas.find((replica) => this.holds(replica));
  }

  holds(replica: Replica): boolean {
    const session = replica.sessions.current();
    return session !== undefined && this.ensemble.committed.find(replica.election.path)?.owner === session.id;
  }

  /** The longest of the replicas' session timeouts. */
  get sessionTimeoutMs(): number {
    return Math.max(...this.options.kinds.map((kind) => kind.sessionTimeoutMs));
  }

  /** Whether replicas campaign in both scopes: then at most one of all their elections may have a master. */
  get mixesScopes(): boolean {
    return new Set(this.options.kinds.map((kind) => kind.scope)).size > 1;
  }

  /** One backup a second or so, for a restore from an older state. */
  private backUp(): void {
    if (this.healed) return;
    if (this.ensemble.serves) this.backups.push(this.ensemble.backup());
    this.world.in(1_500, () => this.backUp());
  }
}
