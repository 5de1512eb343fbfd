import type { Clock } from '../support/clock.js';
import { messageOf } from '../support/errors.js';
import type { Observer } from '../support/observer.js';
import { getOrUndefined } from '../session/nodes.js';
import { FailurePauses } from '../session/failure-pauses.js';
import type { Session } from '../session/session.js';
import type { ElectionZnodes } from './election/election.znodes.js';
import { Latch } from '../support/latch.js';

const MAX_PAUSE_MS = 10_000;
/** So many failures in a row are told at DEBUG. */
const QUIET_FAILURES = 3;

export interface FollowerParts {
  readonly session: Session;
  readonly znodes: Pick<ElectionZnodes, 'key' | 'node'>;
  readonly clock: Clock;
  readonly observer: Observer;
  /** Called with the master's `host:port` as read, or undefined when nobody holds the node. */
  readonly tell: (master: string | undefined) => void;
}

/**
 * Lets a replica that takes no part know who is master: reads the election node, keeps one watch on it, and
 * reads again at each of its events and after each reconnect. What it knows is as old as the last event;
 * nothing may be decided by it.
 */
export class Follower {
  private readonly wake: Latch;
  private readonly stopping = new AbortController();
  private readonly unsubscribe: () => void;
  private readonly pauses: FailurePauses;
  /** False: what was read may be out of date. */
  private current = false;

  constructor(private readonly parts: FollowerParts) {
    this.wake = new Latch(parts.clock);
    this.pauses = new FailurePauses({ session: parts.session, clock: parts.clock, latch: this.wake, maxMs: MAX_PAUSE_MS });
    this.unsubscribe = parts.session.onAttached(this.outdated);
  }

  /** Resolves when it is closed; never rejects. */
  async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        if (!this.current) await this.look();
        this.pauses.succeeded();
        if (this.current) await this.wake.wait(signal);
      } catch (thrown) {
        await this.pause(thrown);
      }
    }
  }

  close(): void {
    this.stopping.abort();
    this.unsubscribe();
    this.parts.session.unwatch(this.parts.znodes.node, this.outdated);
  }

  private async look(): Promise<void> {
    const { session, znodes, tell } = this.parts;
    this.current = true;
    try {
      const master = await this.read();
      // Made between the two reads: look again.
      if (master === undefined && (await session.exists(znodes.node, { watch: this.outdated })) !== undefined) this.current = false;
      else if (!this.stopping.signal.aborted) tell(master);
    } catch (thrown) {
      this.current = false;
      throw thrown;
    }
  }

  private async read(): Promise<string | undefined> {
    const { session, znodes } = this.parts;
    return (await getOrUndefined(session, znodes.node, { watch: this.outdated }))?.data.toString('utf8');
  }

  private pause(thrown: unknown): Promise<void> {
    const { observer, znodes } = this.parts;
    return this.pauses.after(thrown, this.stopping.signal, (delayMs, failures) =>
      observer.observe({
        level: failures < QUIET_FAILURES ? 'debug' : 'warn',
        event: 'mastership.not-followed',
        message: `Election "${znodes.key}": who is master cannot be read (${messageOf(thrown)}); tries again in ${delayMs} ms.`,
        fields: { election: znodes.key },
      }),
    );
  }

  private readonly outdated = (): void => {
    this.current = false;
    this.wake.ring();
  };
}
