import type { Session, Sessions } from './session.js';
import { backoffMs } from '../support/backoff.js';
import type { Clock, Timer } from '../support/clock.js';
import type { WatchEvent } from '../wire/operations.js';

/** The pauses before a watch that was refused is set again. */
const FIRST_PAUSE_MS = 50;
const MAX_PAUSE_MS = 5_000;

/** What a watch of a node needs. */
export interface NodeWatchParts {
  readonly sessions: Sessions;
  readonly clock: Clock;
}

/**
 * Tells of changes of one node until released: after each of its events, and whenever something may have been missed (a
 * reattachment, a new session, a while without a watch because ZooKeeper refused to set it). The watch is armed again
 * before the listener is called, so what the listener reads is not older than the watch.
 */
export function watchNode(parts: NodeWatchParts, path: string, listener: () => void): () => void {
  const watch = new RepeatedWatch(parts, path, listener);
  return () => watch.release();
}

/**
 * Whether the node is watched now. Only `refused` has something to wait for: the other states end by
 * an event of the session.
 */
type Arming =
  | { readonly kind: 'none' }
  /** Set, or being set. */
  | { readonly kind: 'armed'; readonly on: Session }
  /** Could not be set. Detached: set again with the next attachment. Attached: set again by the timer. */
  | { readonly kind: 'refused'; readonly on: Session; readonly retry: Timer }
  | { readonly kind: 'released' };

class RepeatedWatch {
  private arming: Arming = { kind: 'none' };
  private refusals = 0;
  private unsubscribeAttached: (() => void) | undefined;
  private readonly unsubscribe: () => void;

  constructor(
    private readonly parts: NodeWatchParts,
    private readonly path: string,
    private readonly listener: () => void,
  ) {
    let isFirst = true;
    this.unsubscribe = parts.sessions.onSession((session) => {
      this.unsubscribeAttached?.();
      this.unsubscribeAttached = session.onAttached(() => this.onAttached(session));
      this.arm(session);
      if (!isFirst) this.listener();
    });
    isFirst = false;
  }

  release(): void {
    const { arming } = this;
    if (arming.kind === 'released') return;
    this.become({ kind: 'released' });
    this.unsubscribe();
    this.unsubscribeAttached?.();
    if (arming.kind === 'armed') arming.on.unwatch(this.path, this.onEvent);
  }

  private arm(on: Session): void {
    const armed: Arming = { kind: 'armed', on };
    this.become(armed);
    on.exists(this.path, { watch: this.onEvent }).then(
      () => (this.refusals = 0),
      () => {
        if (this.arming === armed) this.refused(on);
      },
    );
  }

  /**
   * A full line of requests or a server that throttles refuses a read on a sound connection, so no reattachment
   * will come to set the watch.
   */
  private refused(on: Session): void {
    const pauseMs = backoffMs(this.refusals++, FIRST_PAUSE_MS, MAX_PAUSE_MS);
    const retry = this.parts.clock.after(pauseMs, () => this.retry(on), { keepAlive: false });
    this.become({ kind: 'refused', on, retry });
  }

  /** Detached or over by now: the session's next attachment, or the next session, arms. */
  private retry(on: Session): void {
    if (!on.attached || on.ended.aborted) return;
    this.arm(on);
    // What happened while there was no watch was told by nobody.
    this.listener();
  }

  private onAttached(session: Session): void {
    if (this.arming.kind === 'refused') this.arm(session);
    this.listener();
  }

  private become(next: Arming): void {
    if (this.arming.kind === 'refused') this.arming.retry.cancel();
    this.arming = next;
  }

  private readonly onEvent = (): void => {
    if (this.arming.kind !== 'armed') return;
    this.arm(this.arming.on);
    this.listener();
  };
}

/**
 * Calls `listener` once: when one of these nodes is gone, or may have gone unseen. A watch that ZooKeeper
 * refuses to set counts as that, after a pause, so that a caller who asks again at once does not keep asking
 * a server that throttles.
 */
export function watchForAbsence({ sessions, clock }: NodeWatchParts, paths: readonly string[], listener: () => void): () => void {
  const releases: (() => void)[] = [];
  let over = false;
  const end = (): void => {
    over = true;
    for (const release of releases.splice(0)) release();
  };
  const tell = (): void => {
    if (over) return;
    end();
    listener();
  };
  const session = sessions.current();
  if (session === undefined) {
    releases.push(sessions.onSession(tell));
    return end;
  }
  const onEvent = ({ type }: WatchEvent): void => {
    if (type === 'deleted') tell();
    else look();
  };
  const look = (): void => {
    for (const path of paths) {
      if (over) return;
      session.exists(path, { watch: onEvent }).then((stat) => {
        if (stat === undefined) tell();
      }, tellLater);
    }
  };
  const tellLater = (): void => {
    if (over) return;
    const timer = clock.after(backoffMs(0, FIRST_PAUSE_MS, MAX_PAUSE_MS), tell, { keepAlive: false });
    releases.push(() => timer.cancel());
  };
  releases.push(session.onAttached(tell));
  session.ended.addEventListener('abort', tell, { once: true });
  releases.push(() => {
    session.ended.removeEventListener('abort', tell);
    for (const path of paths) session.unwatch(path, onEvent);
  });
  look();
  return end;
}
