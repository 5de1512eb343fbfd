/**
 * One replica's mastership of one election, from win to end. Immutable; what changes about it (is it believed now?) is
 * judged at each use.
 */
export interface Tenure {
  /** Random; names the tenure node and stands in the record. */
  readonly id: string;
  /** Grows strictly from tenure to tenure of one election (mastership/token.ts). */
  readonly token: bigint;
  /** The won node's creating transaction. */
  readonly czxid: bigint;
}

/**
 * Until when mastership may be believed, by both clocks: the monotonic one decides; the wall clock catches a machine that was
 * suspended while its monotonic clock stood still. A wall clock set back never shortens or extends anything.
 */
export interface Lease {
  /** Monotonic time of sending the write that ZooKeeper has acknowledged. */
  readonly sentAtMs: number;
  readonly sentWallMs: number;
  readonly lengthMs: number;
}

/** Why a replica is not, or no longer, master. Ends up in log lines. */
export type Mastership =
  /** Not taking part: not started yet, `candidate: false`, or closed. */
  | { readonly kind: 'observing'; readonly why: string }
  /** Taking part, but it is not known yet who is master: no session, or the campaign's first steps. */
  | { readonly kind: 'electing'; readonly why: string }
  /** Another participant holds the node. */
  | { readonly kind: 'standby'; readonly master: string; readonly rank: number | undefined }
  /** This replica holds the node, and waits until its predecessor cannot believe any more. */
  | { readonly kind: 'waiting'; readonly tenure: Tenure; readonly untilMs: number; readonly why: string }
  /** This replica is master while the lease lasts. */
  | { readonly kind: 'master'; readonly tenure: Tenure; readonly lease: Lease }
  /** The lease has run out without a renewal; master again, with the same token, when one is acknowledged. */
  | { readonly kind: 'doubtful'; readonly tenure: Tenure; readonly sinceMs: number }
  /** Still master for the runs in progress, while the lease lasts; nothing new starts. */
  | { readonly kind: 'draining'; readonly tenure: Tenure; readonly lease: Lease; readonly why: string };
