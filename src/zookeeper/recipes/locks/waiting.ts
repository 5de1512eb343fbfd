import { connectedWithin, NotConnectedError } from '../../session/connected.js';
import type { Session, Sessions } from '../../session/session.js';
import { unlessAborted } from '../../support/abort.js';
import { MAX_DELAY_MS, type Clock } from '../../support/clock.js';
import { LockBusyError } from './errors.js';
import type { LockPlace, LockWait } from './lock.js';
import type { OwnSightings } from './sightings.js';

/** For how long somebody who does not wait any more is kept until its node is gone. */
const CLEANUP_WAIT_MS = 1_000;

/** For how long the start of the application is waited for. */
const START_WAIT_MS = 10_000;

/** For how long whoever does not wait for the lock waits for ZooKeeper's answers. */
const ANSWER_WAIT_MS = 10_000;

/** What cannot be done without a session. */
export const CONSEQUENCE = 'nobody can say who holds the lock';

/** One caller's wait for one lock. */
export interface Wait {
  readonly place: LockPlace;
  /** False: who is not first at once gives up. */
  readonly isPatient: boolean;
  /** Aborts with what the caller is to hear. */
  readonly signal: AbortSignal;
  readonly leftMs: () => number;
  readonly waitedMs: () => number;
  /** There is no session to wait on. */
  isConnecting: boolean;
  /** Who holds it, as last read, for the message. */
  holder: string | undefined;
  readonly seen: OwnSightings;
}

/** What is held, so that it can be given back when nobody wants it any more. */
interface Releasable {
  release(): Promise<unknown>;
}

/** How a wait has ended. Without `hold`: it was not free, for somebody who does not wait. */
export interface Waited<H> {
  readonly hold: H | undefined;
  readonly holder: string | undefined;
}

/** On one session. Whatever happens: unless it answers a hold, there is no node of it left at the end. */
export type Campaign<H> = (session: Session, wait: Wait) => Promise<H | 'busy' | 'session over'>;

/** Waits for what ZooKeeper's sessions bring, one session after the other, within the caller's limits. */
export class Waiting {
  constructor(
    private readonly sessions: Sessions,
    private readonly clock: Clock,
  ) {}

  /** @throws {LockBusyError} {@link NotConnectedError} The signal's reason; what the campaign throws. */
  async within<H extends Releasable>(place: LockPlace, { waitMs, signal }: LockWait, campaign: Campaign<H>): Promise<Waited<H>> {
    signal?.throwIfAborted();
    const { clock } = this;
    const ending = new AbortController();
    const startedMs = clock.monotonicMs();
    const limitMs = waitMs ?? MAX_DELAY_MS;
    const wait: Wait = {
      place,
      isPatient: waitMs !== 0,
      signal: ending.signal,
      leftMs: () => Math.max(0, startedMs + limitMs - clock.monotonicMs()),
      waitedMs: () => Math.round(clock.monotonicMs() - startedMs),
      isConnecting: true,
      holder: undefined,
      seen: new Map(),
    };
    const onTime = (): void => {
      // Without a session that is what is told, by who waits for one.
      if (!wait.isConnecting) ending.abort(new LockBusyError(place.name, wait.waitedMs(), wait.holder));
    };
    const onAbort = (): void => ending.abort(signal?.reason);
    const onSilence = (): void => ending.abort(new NotConnectedError({ ms: wait.waitedMs(), state: this.sessions.state() }, CONSEQUENCE));
    const timer = wait.isPatient ? waitMs !== undefined && clock.after(waitMs, onTime) : clock.after(ANSWER_WAIT_MS, onSilence);
    signal?.addEventListener('abort', onAbort, { once: true });
    const work = this.campaigns(wait, campaign);
    try {
      return { hold: await unlessAborted(work, ending.signal), holder: wait.holder };
    } catch (thrown) {
      if (ending.signal.aborted) await this.cleanedUp(work.then((hold) => hold?.release()));
      throw thrown;
    } finally {
      if (timer !== false) timer.cancel();
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /** Whoever has given up hears so when its node is gone, as long as that does not take long. */
  private cleanedUp(work: Promise<unknown>): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.clock.after(CLEANUP_WAIT_MS, resolve);
      const end = (): void => {
        timer.cancel();
        resolve();
      };
      work.then(end, end);
    });
  }

  /** One session after the other. */
  private async campaigns<H>(wait: Wait, campaign: Campaign<H>): Promise<H | undefined> {
    const { sessions, clock } = this;
    for (;;) {
      // Somebody who waits for a lock in a lifecycle hook would keep the application from starting, and so from
      // connecting.
      const timeoutMs = sessions.state().kind === 'idle' ? Math.min(wait.leftMs(), START_WAIT_MS) : wait.leftMs();
      wait.isConnecting = true;
      const session = await connectedWithin(sessions, clock, { timeoutMs, signal: wait.signal, consequence: CONSEQUENCE });
      wait.isConnecting = false;
      // Its time may have passed between the two timers.
      if (wait.isPatient && wait.leftMs() === 0) throw new LockBusyError(wait.place.name, wait.waitedMs(), wait.holder);
      const outcome = await campaign(session, wait);
      if (outcome === 'busy') return undefined;
      if (outcome !== 'session over') return outcome;
    }
  }
}
