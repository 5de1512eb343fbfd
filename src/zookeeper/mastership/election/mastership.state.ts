import { believable, type Lease } from '../../session/lease.js';
import { unreachable } from '../../support/invariant.js';

/**
 * One replica's mastership of one election, from win to end.
 */
export interface Tenure {
  /** Random; names the tenure node and stands in the record. */
  readonly id: string;
  /** Grows strictly from tenure to tenure of one election (token.ts). */
  readonly token: bigint;
  /** The won node's creating transaction. */
  readonly czxid: bigint;
}

/**
 * One replica's part in one election, as one value. Written only by `next`; a lease is judged at each use (`judge`).
 */
export type Mastership =
  /**
   * Not taking part: not started yet, `candidate: false`, or closed. `master`: who holds the node, as last seen;
   * undefined while nobody does, or it is not known.
   */
  | { readonly kind: 'observing'; readonly why: string; readonly master: string | undefined }
  /** Taking part, but it is not known yet who is master: no session, or the campaign's first steps. */
  | { readonly kind: 'electing'; readonly why: string }
  /** Another participant holds the node. */
  | { readonly kind: 'standby'; readonly master: string; readonly rank: number | undefined }
  /** This replica holds the node, and waits until its predecessor cannot believe any more. */
  | { readonly kind: 'waiting'; readonly tenure: Tenure; readonly untilMs: number; readonly why: string }
  /** This replica is master while the lease lasts. */
  | { readonly kind: 'master'; readonly tenure: Tenure; readonly lease: Lease }
  /** The lease has run out without a renewal; master again, with the same token, when one is acknowledged. */
  | { readonly kind: 'doubtful'; readonly tenure: Tenure; readonly lease: Lease }
  /** Still master for the runs in progress, while the lease lasts; nothing new starts. */
  | { readonly kind: 'draining'; readonly tenure: Tenure; readonly lease: Lease; readonly why: string };

/** What can happen to it. */
export type MastershipEvent =
  | { readonly kind: 'withdrawn'; readonly why: string }
  /** Who holds the node, seen by one that takes no part. */
  | { readonly kind: 'observed'; readonly master: string | undefined }
  | { readonly kind: 'campaigning'; readonly why: string }
  | { readonly kind: 'stood by'; readonly master: string; readonly rank: number | undefined }
  | { readonly kind: 'won'; readonly tenure: Tenure; readonly untilMs: number; readonly why: string }
  | { readonly kind: 'believed'; readonly tenure: Tenure; readonly lease: Lease }
  | { readonly kind: 'renewed'; readonly tenure: Tenure; readonly lease: Lease }
  | { readonly kind: 'lapsed' }
  | { readonly kind: 'drain'; readonly why: string }
  /** A hand-over was called off. */
  | { readonly kind: 'resumed' }
  | { readonly kind: 'ended'; readonly why: string };

/** The one writer: what `was` becomes by `event`. Events that make no sense in a state leave it as it is. */
export function next(was: Mastership, event: MastershipEvent): Mastership {
  switch (event.kind) {
    case 'withdrawn':
      return { kind: 'observing', why: event.why, master: undefined };
    case 'observed':
      return was.kind === 'observing' && was.master !== event.master ? { ...was, master: event.master } : was;
    case 'campaigning':
    case 'ended':
      return { kind: 'electing', why: event.why };
    case 'stood by':
      return { kind: 'standby', master: event.master, rank: event.rank };
    case 'won':
      return { kind: 'waiting', tenure: event.tenure, untilMs: event.untilMs, why: event.why };
    case 'believed':
      return { kind: 'master', tenure: event.tenure, lease: event.lease };
    case 'renewed':
      return renewed(was, event.tenure, event.lease);
    case 'lapsed':
      return was.kind === 'master' ? { kind: 'doubtful', tenure: was.tenure, lease: was.lease } : was;
    case 'drain':
      return holds(was) && was.kind !== 'waiting' ? { kind: 'draining', tenure: was.tenure, lease: was.lease, why: event.why } : was;
    case 'resumed':
      return was.kind === 'draining' ? { kind: 'master', tenure: was.tenure, lease: was.lease } : was;
    default:
      return unreachable(event);
  }
}

/** A renewal speaks only for the tenure that asked for it, and never takes time away. */
function renewed(was: Mastership, tenure: Tenure, lease: Lease): Mastership {
  if (was.kind !== 'master' && was.kind !== 'doubtful' && was.kind !== 'draining') return was;
  if (was.tenure.id !== tenure.id || lease.sentAtMs <= was.lease.sentAtMs) return was;
  return was.kind === 'draining' ? { ...was, lease } : { kind: 'master', tenure: was.tenure, lease };
}

/** The state as of now: a master whose lease has run out is in doubt, whether or not a timer has noticed. */
export function judge(state: Mastership, monotonicMs: number, wallMs: number): Mastership {
  return state.kind === 'master' && !believable(state.lease, monotonicMs, wallMs) ? next(state, { kind: 'lapsed' }) : state;
}

/** The states in which this replica holds the election node. */
type HoldingState = Extract<Mastership, { tenure: Tenure }>;

export function holds(state: Mastership): state is HoldingState {
  return 'tenure' in state;
}

/** `host:port` of the master as this replica last saw it, when that is another one. */
export function knownMaster(state: Mastership): string | undefined {
  return state.kind === 'standby' || state.kind === 'observing' ? state.master : undefined;
}
