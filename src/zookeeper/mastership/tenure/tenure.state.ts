import { unreachable } from '../../support/invariant.js';

/** Why a master leaves: an edit of the node, an order to resign, the end of the process. In rising strength. */
export type LeavingKind = 'transfer' | 'resign' | 'close';

const STRENGTH: Readonly<Record<LeavingKind, number>> = { transfer: 0, resign: 1, close: 2 };

/** Why this tenure is to end. */
export interface Reason {
  readonly kind: LeavingKind;
  /** In words. */
  readonly why: string;
}

/** Nobody has asked it to end. */
export type StayingTenure =
  /** The node is won, and the predecessor may still believe: the take-over wait. */
  | { readonly kind: 'waiting' }
  /** Its mastership is believed while the lease lasts. */
  | { readonly kind: 'held' };

/**
 * One tenure from the win to its end, as one value. Written only by `next`. `D` is the departure under way, which
 * this file only hands on.
 */
export type TenureState<D> =
  | StayingTenure
  /**
   * Asked to end; its runs go on, or what became of them has not been acted upon yet. `from`: what it goes back to
   * when it stays after all.
   */
  | {
      readonly kind: 'draining';
      readonly from: StayingTenure;
      readonly reason: Reason;
      readonly departure: D;
      readonly runs: 'in progress' | 'ended' | 'ignore their abort';
    }
  /** The process ends, and a run has ignored its abort: the node is left to the end of the session. */
  | { readonly kind: 'stuck'; readonly reason: Reason; readonly departure: D }
  /** Not believed any more; the transaction that gives the node up is under way. The node's events are its own echo. */
  | { readonly kind: 'resigning'; readonly reason: Reason; readonly departure: D }
  | { readonly kind: 'over'; readonly how: TenureEnd; readonly departure: D | undefined };

export type TenureEnd = 'resigned' | 'lost';

/** What can happen to it. */
export type TenureEvent<D> =
  /** The take-over wait is over, and its end was acknowledged. */
  | { readonly kind: 'believed' }
  /** `departure` is used when none is under way. */
  | { readonly kind: 'asked to leave'; readonly reason: Reason; readonly departure: D }
  | { readonly kind: 'drain over'; readonly departure: D; readonly outcome: 'drained' | 'stuck' }
  /** What asked for it was taken back, or cannot be followed: it stays. */
  | { readonly kind: 'stays' }
  | { readonly kind: 'left to the process' }
  | { readonly kind: 'resigning' }
  | { readonly kind: 'ended'; readonly how: TenureEnd };

/** The one writer: what `was` becomes by `event`. Events that make no sense in a state leave it as it is. */
export function next<D>(was: TenureState<D>, event: TenureEvent<D>): TenureState<D> {
  switch (event.kind) {
    case 'believed':
      return was.kind === 'waiting' ? { kind: 'held' } : was;
    case 'asked to leave':
      return asked(was, event.reason, event.departure);
    case 'drain over':
      if (was.kind !== 'draining' || was.departure !== event.departure) return was;
      return { ...was, runs: event.outcome === 'drained' ? 'ended' : 'ignore their abort' };
    case 'stays':
      return was.kind === 'draining' ? was.from : was;
    case 'left to the process':
      return was.kind === 'draining' ? { kind: 'stuck', reason: was.reason, departure: was.departure } : was;
    case 'resigning':
      return was.kind === 'draining' && was.runs === 'ended' ? { kind: 'resigning', reason: was.reason, departure: was.departure } : was;
    case 'ended':
      return was.kind === 'over' ? was : { kind: 'over', how: event.how, departure: departureOf(was) };
    default:
      return unreachable(event);
  }
}

/** Another reason to leave may come up while it drains: the strongest one counts, and of those the last. */
function asked<D>(was: TenureState<D>, reason: Reason, departure: D): TenureState<D> {
  switch (was.kind) {
    case 'waiting':
    case 'held':
      return { kind: 'draining', from: was, reason, departure, runs: 'in progress' };
    case 'draining':
      return STRENGTH[reason.kind] < STRENGTH[was.reason.kind] ? was : { ...was, reason };
    default:
      return was;
  }
}

/** The departure under way; undefined while nobody has asked for one. */
export function departureOf<D>(state: TenureState<D>): D | undefined {
  return 'departure' in state ? state.departure : undefined;
}
