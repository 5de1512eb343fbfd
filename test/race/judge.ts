import type { HeldTenure } from '../../src/zookeeper/mastership/election/held-tenure.js';
import { leaseMsOf } from '../../src/zookeeper/session/lease-length.js';
import type { Cluster } from './cluster.js';
import type { Replica } from './model/replica.js';

/** What must hold at every instant (safety.md of the project calls them I1, I3 and I4), and was broken. */
export class Violation extends Error {}

interface Handed {
  readonly tenure: HeldTenure;
  readonly replica: Replica;
  invalidSinceMs: number | undefined;
  told: boolean;
}

/**
 * A listener hears in the first turn of the loop after the deadline; a timer of the simulation is at most this late.
 */
const TOLD_WITHIN_MS = 60;

/** Far more than three replicas need in the worst second: more is a loop that never waits. */
const MOST_TRANSACTIONS_A_SECOND = 200;

export interface JudgeOptions {
  /** Asks a replica whether it is master, as an application does. */
  readonly isMaster: (replica: Replica) => boolean;
  /**
   * Tokens grow even across a restore. That can hold only if a replica that has seen them takes part again before the
   * next tenure begins; in general a replica knows its own tokens at least.
   */
  readonly tokensOutliveRestore: boolean;
}

/** Of one election, or of two scopes of one service. */
function excludeEachOther(one: Replica, other: Replica): boolean {
  return one.election.key === other.election.key || one.options.scope !== other.options.scope;
}

/** Looks at every replica as often as anything can have changed, by the replica's own clocks. */
export class Judge {
  private readonly handed: Handed[] = [];
  private readonly seen = new Set<string>();
  private readonly tokens: { readonly token: bigint; readonly by: Replica; readonly restored: Cluster['restored'] }[] = [];

  private countedAtMs = 0;
  private counted = 0;

  constructor(
    private readonly cluster: Cluster,
    private readonly options: JudgeOptions,
  ) {}

  /** Throws a `Violation`. */
  look(): void {
    this.countTransactions();
    const masters = this.cluster.replicas.filter((replica) => !replica.process.dead && this.options.isMaster(replica));
    if (this.inRestore()) return;
    for (const [i, one] of masters.entries()) {
      const other = masters.slice(i + 1).find((another) => excludeEachOther(one, another));
      if (other !== undefined) throw new Violation(`I1: ${one.name} and ${other.name} are master at the same instant`);
    }
    for (const replica of this.cluster.replicas) if (!replica.process.dead) this.takeTenure(replica);
    for (const handed of this.handed) this.judge(handed, masters);
  }

  /** Who is master at this instant; of different elections there may be several. */
  masters(): Replica[] {
    return this.cluster.replicas.filter((replica) => replica.process.running && replica.election.isMaster());
  }

  /** The elections that should have a master and have none. While the scopes are mixed, one master is enough. */
  vacant(): string[] {
    const masters = this.masters();
    if (this.cluster.mixesScopes) return masters.length > 0 ? [] : ['any'];
    const running = this.cluster.replicas.filter((replica) => replica.process.running);
    return [...new Set(running.map((replica) => replica.election.key))].filter((key) => masters.every((one) => one.election.key !== key));
  }

  private countTransactions(): void {
    const { world, ensemble } = this.cluster;
    if (world.nowMs < this.countedAtMs + 1_000) return;
    const many = ensemble.transactions - this.counted;
    if (many > MOST_TRANSACTIONS_A_SECOND) throw new Violation(`Storm: ${many} transactions within a second`);
    this.countedAtMs = world.nowMs;
    this.counted = ensemble.transactions;
  }

  private takeTenure(replica: Replica): void {
    const tenure = replica.election.tenure();
    if (tenure === undefined || this.handed.some((known) => known.tenure === tenure)) return;
    const handed: Handed = { tenure, replica, invalidSinceMs: undefined, told: false };
    tenure.onInvalid(() => (handed.told = true));
    this.handed.push(handed);
    if (this.seen.has(tenure.id)) return;
    this.seen.add(tenure.id);
    const { restored } = this.cluster;
    for (const known of this.tokens) {
      if (known.by.election.key !== replica.election.key) continue;
      const mustKnow = known.restored === restored || known.by === replica || this.options.tokensOutliveRestore;
      if (mustKnow && tenure.token <= known.token) {
        throw new Violation(`I3: ${replica.name} was handed token ${tenure.token} after ${known.by.name} had ${known.token}`);
      }
    }
    this.tokens.push({ token: tenure.token, by: replica, restored });
  }

  /**
   * An older state can show a resignation that has been overtaken. No replica can know better until the leases of
   * the lost time have run out.
   */
  private inRestore(): boolean {
    const { restored, world, sessionTimeoutMs } = this.cluster;
    return restored?.kind === 'older' && world.nowMs < restored.servesAtMs + leaseMsOf(sessionTimeoutMs) * 1.05;
  }

  private judge(handed: Handed, masters: readonly Replica[]): void {
    const { tenure, replica } = handed;
    if (replica.process.dead || handed.told) return this.drop(handed);
    if (!tenure.isValid()) return this.judgeInvalid(handed);
    const master = masters.find((one) => one !== replica && excludeEachOther(one, replica));
    if (master !== undefined) throw new Violation(`I4: a run of ${replica.name} hears "master" while ${master.name} is`);
    const current = replica.election.tenure();
    if (current !== undefined && current.id !== tenure.id)
      throw new Violation(`I4: a run of ${tenure.id} hears "master" under ${current.id}`);
  }

  private judgeInvalid(handed: Handed): void {
    const { world } = this.cluster;
    // Timers know the monotonic clock alone; when the wall clock ends a lease, asking tells at once, listeners
    // hear at the next renewal.
    if (!handed.replica.process.running || handed.replica.process.clocksDisagreed) handed.invalidSinceMs = undefined;
    else handed.invalidSinceMs ??= world.nowMs;
    if (handed.invalidSinceMs !== undefined && world.nowMs - handed.invalidSinceMs > TOLD_WITHIN_MS) {
      throw new Violation(`I4: a run of ${handed.replica.name} was not told that ${handed.tenure.id} is not valid any more`);
    }
  }

  private drop(handed: Handed): void {
    if (!handed.replica.process.dead && handed.tenure.isValid())
      throw new Violation(`I4: ${handed.tenure.id} is valid again after its end was told`);
    this.handed.splice(this.handed.indexOf(handed), 1);
  }
}
