import type { Sessions } from '../../session/session.js';
import type { HeldTenure } from './held-tenure.js';
import type { Mastership } from './mastership.state.js';
import type { ClusterMember } from './members.js';

/** Lets runs finish before the node is given up. */
export interface Drain {
  /**
   * Waits for the runs of this election, aborts them when the limit is reached, and answers whether all have settled.
   * Also asked in doubt and while waiting (`tenure` is undefined then): a run of the tenure before may have ignored its
   * abort. `'stuck'`: a run has ignored its abort; the node must then not be resigned. `calledOff` aborts when the node
   * is not given up after all, or is gone already: from then on the drain stops nothing more, because what it would
   * stop may belong to what came after, and its answer counts for nothing.
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
  /**
   * Asks the ensemble who holds the node: its data (`host:port`), whether it is this replica, or
   * undefined when nobody does.
   */
  master(signal?: AbortSignal): Promise<{ readonly address: string; readonly isThis: boolean } | undefined>;
  /**
   * Drains, gives the node up and stands in line again. The signal stops waiting for it, and nothing else.
   * @throws {NotMasterError} elsewhere than on the master. {RunIgnoresAbortError} when a run went
   * on. The signal's reason.
   */
  resign(signal?: AbortSignal): Promise<void>;
  /** Names another replica in the election node; the master then drains and hands over. From any replica. */
  transferTo(address: string, signal?: AbortSignal): Promise<void>;
}

/** All elections of this replica, over one session. */
export interface Elections {
  /**
   * Where ticks are claimed. `'process'`: in memory, for `standalone`. `'off'`: nowhere, every fire on the
   * master runs (testing kit).
   */
  readonly claims: { readonly kind: 'ensemble'; readonly sessions: Sessions } | { readonly kind: 'process' } | { readonly kind: 'off' };
  /** The election with this name (undefined: the service's own), made on first use. */
  election(name?: string): Election;
  /**
   * Asks the ensemble who lives of this service, the oldest first, with ranks in the line of the
   * election with this name.
   * @throws {ClusterCronError} `ZK_NOT_CONNECTED` while there is no session, and what reading rejects with.
   */
  members(name?: string, signal?: AbortSignal): Promise<readonly ClusterMember[]>;
  /**
   * Tells the other replicas which jobs this one has, in its member node. Resolves when they can read it, or when there
   * is no such node now: it is made with this.
   */
  setJobs(names: readonly string[]): Promise<void>;
  /** Starts to campaign. Before it, every election observes. */
  start(): void;
  /**
   * Drains and resigns every election, then closes the session. `'stuck'`: a run ignored its abort; its node and the
   * session are left to end with the process.
   */
  stop(limitMs: number): Promise<'resigned' | 'stuck' | 'abandoned'>;
}
