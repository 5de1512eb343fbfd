import type { MemberClock } from '../../recipes/membership/membership.js';
import type { Session } from '../../session/session.js';
import type { Op } from '../../wire/operations.js';
import type { Tenure } from './mastership.state.js';
import type { Span } from './span.js';

/** What ties writes to a tenure, so that ZooKeeper itself refuses them once the tenure is over. */
export interface Fence {
  /** The session that the tenure lives and dies with. */
  readonly session: Session;
  /** The name of this replica's node below `<root>/members/<service>`; gone when the session is over. */
  readonly member: string;
  /** `host:port` of the master of this election that had this token, as far as this replica has seen it: for people. */
  holderOf(token: bigint): string | undefined;
  /**
   * Operations to put first into a transaction that starts work: refused when the tenure node is gone, or the election
   * node is not what this tenure won or accepted (an operator has edited it, a foreign participant has taken it).
   */
  startChecks(): readonly Op[];
  /**
   * Operations to put first into a write by work in progress, also while the mastership drains: refused when the tenure
   * node is gone, or a successor has won.
   */
  workChecks(): readonly Op[];
  /**
   * To be called when one of these checks was refused although the tenure seemed valid: the master reads its nodes
   * again, and then mends what is missing or ends the tenure. Resolves when it has done either.
   */
  refused(): Promise<void>;
  /** The ensemble's clock from a write made now. Rejects as the write does. */
  readEnsembleTime(): Promise<number>;
  /**
   * By how much the wall clock of this replica is ahead of the ensemble's, by a write made now, and by how much those
   * of other hosts were when their replicas last told, under the same leader of ZooKeeper. Rejects as the write does.
   */
  clocks(): Promise<{ readonly own: MemberClock; readonly others: readonly MemberClock[] }>;
}

/**
 * What a run, or a hook, holds on to: one tenure, judged when asked.
 */
export interface HeldTenure extends Tenure {
  /** Undefined where there is no ZooKeeper: standalone, and in tests. */
  readonly fence: Fence | undefined;
  /**
   * True while this replica may act as master for work that it has already started (I4). No I/O; safe at every instant.
   * False for a moment when the wall clock has leapt on, until ZooKeeper has acknowledged a renewal sent since.
   */
  isValid(): boolean;
  /**
   * Calls `listener` once, in the first turn of the event loop after the tenure is not valid any more (in doubt, lost
   * or resigned), with the reason in words. A tenure that was in doubt and recovers, or that was to be handed over and
   * is not, is a new `HeldTenure` with the same token. The earlier one of a hand-over that was taken back stays valid,
   * for the runs that go on under it.
   */
  onInvalid(listener: (why: string) => void): () => void;
}

/**
 * A tenure as it is handed out. Several are handed out in one span when a hand-over is taken back. `isMaster`: whether
 * it may be believed at this instant; left out where it may as long as the span lasts.
 */
export class TenureHandle implements HeldTenure {
  readonly id: string;
  readonly token: bigint;
  readonly czxid: bigint;

  constructor(
    tenure: Tenure,
    private readonly span: Span,
    readonly fence: Fence | undefined,
    private readonly isMaster: () => boolean = () => true,
  ) {
    this.id = tenure.id;
    this.token = tenure.token;
    this.czxid = tenure.czxid;
  }

  isValid(): boolean {
    return !this.span.isOver && this.isMaster();
  }

  onInvalid(listener: (why: string) => void): () => void {
    return this.span.onOver(listener);
  }
}
