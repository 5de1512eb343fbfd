import { connectedWithin, reattached } from '../../session/connected.js';
import type { Session, Sessions } from '../../session/session.js';
import { unlessAborted } from '../../support/abort.js';
import { MAX_DELAY_MS, type Clock } from '../../support/clock.js';
import { Latch } from '../../support/latch.js';
import { isConnectionLost, isSessionLost } from '../../wire/errors.js';
import type { WatchEvent } from '../../wire/operations.js';
import { checkWait, type BarrierWait } from './barrier.js';

/** What everything about barriers needs. */
export interface BarrierParts {
  readonly sessions: Sessions;
  readonly clock: Clock;
  /** `host:port` of this replica, for people. */
  readonly address: string;
}

/** For how long the start of the application is waited for. */
const START_WAIT_MS = 10_000;
/** For how long somebody who does not wait any more is kept until its node is gone. */
export const CLEANUP_WAIT_MS = 1_000;
const CONSEQUENCE = 'nothing is known of the barrier';

/** One caller's wait, over as many sessions as it takes. */
export class Patience {
  private readonly ending = new AbortController();
  private readonly startedMs: number;
  private isConnecting = true;

  constructor(
    private readonly parts: BarrierParts,
    private readonly options: BarrierWait,
    /** What is told when the time is over. */
    private readonly onTime: (waitedMs: number) => Error,
  ) {
    checkWait(options);
    options.signal?.throwIfAborted();
    this.startedMs = parts.clock.monotonicMs();
  }

  /** Aborts with what the caller is to hear. */
  get signal(): AbortSignal {
    return this.ending.signal;
  }

  /**
   * What `work` answers, whose rejections for a lost connection or session are followed by the next attempt. When the
   * time is over, or the caller's signal aborts, `work` is to end by `signal`, and is waited for a moment; `abandoned`
   * is called with what it answers all the same.
   */
  async run<T>(work: (session: Session) => Promise<T>, abandoned: (answer: T) => unknown = () => undefined): Promise<T> {
    const { clock } = this.parts;
    const { waitMs, signal } = this.options;
    const timer = waitMs === undefined ? undefined : clock.after(waitMs, () => this.timeIsOver());
    const onAbort = (): void => this.ending.abort(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    const working = this.attempts(work);
    try {
      return await unlessAborted(working, this.signal);
    } catch (thrown) {
      if (this.signal.aborted) await atMost(this.parts.clock, CLEANUP_WAIT_MS, working.then(abandoned));
      throw thrown;
    } finally {
      timer?.cancel();
      signal?.removeEventListener('abort', onAbort);
    }
  }

  private async attempts<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const { sessions, clock } = this.parts;
    for (;;) {
      this.isConnecting = true;
      const leftMs = this.leftMs();
      const timeoutMs = sessions.state().kind === 'idle' ? Math.min(leftMs, START_WAIT_MS) : leftMs;
      const session = await connectedWithin(sessions, clock, { timeoutMs, signal: this.signal, consequence: CONSEQUENCE });
      this.isConnecting = false;
      try {
        return await work(session);
      } catch (thrown) {
        this.signal.throwIfAborted();
        if (isSessionLost(thrown) || session.ended.aborted) continue;
        if (!isConnectionLost(thrown)) throw thrown;
        await reattached(session, this.signal);
      }
    }
  }

  /** Without a session that is what is told, by who waits for one. */
  private timeIsOver(): void {
    if (!this.isConnecting) this.ending.abort(this.onTime(Math.round(this.parts.clock.monotonicMs() - this.startedMs)));
  }

  private leftMs(): number {
    const limitMs = this.options.waitMs ?? MAX_DELAY_MS;
    return Math.max(0, this.startedMs + limitMs - this.parts.clock.monotonicMs());
  }
}

/** Resolves when `work` has settled, or after `limitMs`. Never rejects. */
export function atMost(clock: Clock, limitMs: number, work: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.after(limitMs, resolve);
    const end = (): void => {
      timer.cancel();
      resolve();
    };
    work.then(end, end);
  });
}

/** What a round of looking has left watches on. */
export interface Looking {
  readonly watch: (event: WatchEvent) => void;
  /** Whose watches are to be taken out again. */
  watches(path: string): void;
}

/**
 * Calls `look` until it answers something, each time after one of the nodes that it watches has changed, or the
 * session was attached again. Over lost connections; rejects when the session has ended, or the signal aborts. Leaves
 * no watch.
 */
export async function lookUntil<T>(
  session: Session,
  clock: Clock,
  signal: AbortSignal,
  look: (looking: Looking) => Promise<T | undefined>,
  onEvent: (event: WatchEvent) => void = () => undefined,
): Promise<T> {
  const latch = new Latch(clock);
  const ring = (): void => latch.ring();
  const watch = (event: WatchEvent): void => {
    onEvent(event);
    latch.ring();
  };
  session.ended.addEventListener('abort', ring, { once: true });
  const release = session.onAttached(ring);
  const watched = new Set<string>();
  try {
    for (;;) {
      signal.throwIfAborted();
      session.ended.throwIfAborted();
      try {
        const found = await look({ watch, watches: (path) => void watched.add(path) });
        if (found !== undefined) return found;
        await latch.wait(signal);
      } catch (thrown) {
        if (!isConnectionLost(thrown)) throw thrown;
        await reattached(session, signal);
      }
    }
  } finally {
    release();
    session.ended.removeEventListener('abort', ring);
    for (const path of watched) session.unwatch(path, watch);
  }
}
