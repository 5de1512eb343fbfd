import type { MemberClock } from '../recipes/membership/membership.js';
import type { Session, Sessions } from '../session/session.js';
import type { Op } from '../wire/operations.js';
import type { Mastership, Tenure } from './mastership.state.js';
import type { ClusterMember } from './members.js';

/** What ties writes to a tenure, so that ZooKeeper itself refuses them once the tenure is over. */
export interface Ground {
  /** The session that the tenure lives and dies with. */
  readonly session: Session;
  /** The name of this replica's node below `<root>/members/<service>`; gone when the session is over. */
  readonly member: string;
  /** `host:port` of the master of this election that had this token, as far as this replica has seen it: for people. */
  holderOf(token: bigint): string | undefined;
  /**
   * Operations to put first into a transaction that starts work: refused when the tenure node is gone, or the election node is not
   * what this tenure won or accepted (an operator has edited it, a foreign participant has taken it).
   */
  startChecks(): readonly Op[];
  /**
   * Operations to put first into a write by work in progress, also while the mastership drains: refused when the tenure node is gone, or a
   * successor has won.
   */
  workChecks(): readonly Op[];
  /**
   * To be called when one of these checks was refused although the tenure seemed valid: the master reads its nodes again, and then mends what
   * is missing or ends the tenure. Resolves when it has done either.
   */
  refused(): Promise<void>;
  /** The ensemble's clock from a write made now. Rejects as the write does. */
  readEnsembleTime(): Promise<number>;
  /**
   * By how much the wall clock of this replica is ahead of the ensemble's, by a write made now, and by how much those of other hosts were when their
   * replicas last told, under the same leader of ZooKeeper. Rejects as the write does.
   */
  clocks(): Promise<{ readonly own: MemberClock; readonly others: readonly MemberClock[] }>;
}

/**
 * What a run, or a hook, holds on to: one tenure, judged when asked.
 */
export interface HeldTenure extends Tenure {
  /** Undefined where there is no ZooKeeper: standalone, and in tests. */
  readonly ground: Ground | undefined;
  /**
   * True while this replica may act as master for work that it has already started (I4). No I/O; safe at every instant. False for a moment
   * when the wall clock has leapt on, until ZooKeeper has acknowledged a renewal sent since.
   */
  isValid(): boolean;
  /**
   * Calls `listener` once, in the first turn of the event loop after the tenure is not valid any more (in doubt, lost or
   * resigned), with the reason in words. A tenure that was in doubt and recovers, or that was to be handed over and is not, is a new `HeldTenure` with
   * the same token. The earlier one of a hand-over that was taken back stays valid, for the runs that go on under it.
   */
  onInvalid(listener: (why: string) => void): () => void;
}

/** Lets runs finish before the node is given up. */
export interface Drain {
  /**
   * Waits for the runs of this election, aborts them when the limit is reached, and answers whether all have settled.
   * Also asked in doubt and while waiting (`tenure` is undefined then): a run of the tenure before may have ignored its abort.
   * `'stuck'`: a run has ignored its abort; the node must then not be resigned.
   * `calledOff` aborts when the node is not given up after all, or is gone already: from then on the drain stops nothing more, because what it would stop may
   * belong to what came after, and its answer counts for nothing.
   */
  (tenure: HeldTenure | undefined, why: string, calledOff: AbortSignal): Promise<'drained' | 'stuck' | 'called off'>;
}

/** One election, as the gate, the hooks and `MasterElection` see it. */
export interface Election {
  /** `<service>:<version>[:<name>]`, or `<service>[:<name>]` with `electionScope: 'service'`. */
  readonly key: string;
  /** The path of the election node. */
  readonly path: string;
  /** The state as of now: a master whose lease has run out answers `doubtful`. */
  state(): Mastership;
  /** True if and only if this replica is master now (also while it drains). No I/O (I1). */
  isMaster(): boolean;
  /** The tenure under which new work may start now; undefined on a standby, in doubt, waiting or draining. */
  tenure(): HeldTenure | undefined;
  /** Called with each new state. Listeners that throw are reported and dropped. */
  onChange(listener: (state: Mastership) => void): () => void;
  /** Called once before a resignation, transfer or shutdown gives the node up. The last one set counts. */
  setDrain(drain: Drain): void;
  /** Asks the ensemble who holds the node: its data (`host:port`), whether it is this replica, or undefined when nobody does. */
  master(signal?: AbortSignal): Promise<{ readonly address: string; readonly isThis: boolean } | undefined>;
  /** Drains, gives the node up and stands in line again. Rejects with `NotMasterError` elsewhere than on the master. */
  resign(): Promise<void>;
  /** Names another replica in the election node; the master then drains and hands over. From any replica. */
  transferTo(address: string, signal?: AbortSignal): Promise<void>;
}

/** All elections of this replica, over one session. */
export interface Elections {
  /** Where ticks are claimed. `'process'`: in memory, for `standalone`. `'off'`: nowhere, every fire on the master runs (testing kit). */
  readonly claims: { readonly kind: 'ensemble'; readonly sessions: Sessions } | { readonly kind: 'process' } | { readonly kind: 'off' };
  /** The election with this name (undefined: the service's own), made on first use. */
  election(name?: string): Election;
  /**
   * Asks the ensemble who lives of this service, the oldest first, with ranks in the line of the election with this name.
   * @throws {ClusterCronError} `ZK_NOT_CONNECTED` while there is no session, and what reading rejects with.
   */
  members(name?: string, signal?: AbortSignal): Promise<readonly ClusterMember[]>;
  /** Tells the other replicas which jobs this one has, in its member node. Resolves when they can read it, or when there is no such node now: it is made with this. */
  setJobs(names: readonly string[]): Promise<void>;
  /** Starts to campaign. Before it, every election observes. */
  start(): void;
  /**
   * Drains and resigns every election, then closes the session. `'stuck'`: a run ignored its abort; its node and the session
   * are left to end with the process.
   */
  stop(limitMs: number): Promise<'resigned' | 'stuck' | 'abandoned'>;
}
