import { sleep } from '../support/abort.js';
import { backoffMs } from '../support/backoff.js';
import type { Clock } from '../support/clock.js';
import { messageOf } from '../support/errors.js';
import type { Observer } from '../support/observer.js';
import { getOrUndefined } from '../session/nodes.js';
import type { Session } from '../session/session.js';
import { isConnectionLost } from '../wire/errors.js';
import type { ElectionZnodes } from './election/election.znodes.js';
import { Latch } from '../support/latch.js';

export interface FollowerParts {
  readonly session: Session;
  readonly znodes: Pick<ElectionZnodes, 'key' | 'node'>;
  readonly clock: Clock;
  readonly observer: Observer;
  /** Called with the master's `host:port` as read, or undefined when nobody holds the node. */
  readonly tell: (master: string | undefined) => void;
}

/**
 * Lets a replica that takes no part know who is master: reads the election node, keeps one watch on it, and reads again at each of its events and
 * after each reconnect. What it knows is as old as the last event; nothing may be decided by it.
 */
export class Follower {
  private readonly wake: Latch;
  private readonly stopping = new AbortController();
  private readonly unsubscribe: () => void;
  /** False: what was read may be out of date. */
  private current = false;

  constructor(private readonly parts: FollowerParts) {
    this.wake = new Latch(parts.clock);
    this.unsubscribe = parts.session.onAttached(this.outdated);
  }

  /** Resolves when it is closed; never rejects. */
  async run(): Promise<void> {
    const { signal } = this.stopping;
    for (let failures = 0; !signal.aborted;) {
      try {
        if (!this.current) await this.look();
        failures = 0;
        if (this.current) await this.wake.wait(signal);
      } catch (thrown) {
        await this.pause(thrown, failures);
        failures += 1;
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

  /** A lost connection is mended by the next attachment, which rings. */
  private async pause(thrown: unknown, failures: number): Promise<void> {
    const { session, clock, observer, znodes } = this.parts;
    const { signal } = this.stopping;
    if (signal.aborted) return;
    if (isConnectionLost(thrown)) {
      while (!session.attached && !signal.aborted) await this.wake.wait(signal);
      return;
    }
    const delayMs = backoffMs(failures, 100, 10_000);
    observer.observe({
      level: failures < 3 ? 'debug' : 'warn',
      event: 'mastership.not-followed',
      message: `Election "${znodes.key}": who is master cannot be read (${messageOf(thrown)}); tries again in ${Math.round(delayMs)} ms.`,
      fields: { election: znodes.key },
    });
    await sleep(clock, delayMs, signal).catch(() => undefined);
  }

  private readonly outdated = (): void => {
    this.current = false;
    this.wake.ring();
  };
}
