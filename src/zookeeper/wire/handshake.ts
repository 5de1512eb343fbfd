import type { ConnectionOptions as TlsOptions } from 'node:tls';
import type { Clock, Timer } from '../support/clock.js';
import { messageOf } from '../support/errors.js';
import { Link } from './link.js';
import { Reader } from './reader.js';
import type { Endpoint } from './servers.js';

/** The server's answer to a connect request. `timeoutMs` 0 or less: the session that was asked for is over. */
export interface Welcome {
  readonly timeoutMs: number;
  readonly sessionId: bigint;
  readonly password: Buffer;
}

export interface AttemptEvents {
  /** The link is about to be used: it can be destroyed from now on. */
  opened(link: Link): void;
  /** The first frame. What this throws takes the link down, as a failed attempt. */
  welcomed(link: Link, welcome: Welcome): void;
  heard(): void;
  frame(link: Link, frame: Buffer): void;
  /** Down before `welcomed` had returned. */
  failed(why: string): void;
  /** Down after it. */
  lost(link: Link, why: string): void;
}

/** Connects to `endpoint` and says `hello`; answers whether it was welcomed within the limit. */
export function attempt(
  options: {
    readonly endpoint: Endpoint;
    readonly limitMs: number;
    readonly clock: Clock;
    readonly tls: TlsOptions | undefined;
    readonly hello: Buffer;
  },
  events: AttemptEvents,
): Promise<boolean> {
  return new Promise((resolve) => {
    let welcomed = false;
    let deadline: Timer | undefined;
    let link: Link;
    try {
      link = new Link(options.endpoint, options.tls, {
        up: () => link.write(options.hello),
        heard: () => events.heard(),
        frame: (frame) => {
          if (welcomed) return events.frame(link, frame);
          events.welcomed(link, readWelcome(frame));
          welcomed = true;
          deadline?.cancel();
          resolve(true);
        },
        down: (why) => {
          if (welcomed) return events.lost(link, why);
          deadline?.cancel();
          events.failed(why);
          resolve(false);
        },
      });
    } catch (thrown) {
      events.failed(messageOf(thrown));
      return resolve(false);
    }
    deadline = options.clock.after(options.limitMs, () => link.destroy(`no session after ${Math.round(options.limitMs)} ms`));
    events.opened(link);
  });
}

function readWelcome(frame: Buffer): Welcome {
  const reader = new Reader(frame);
  reader.int();
  return { timeoutMs: reader.int(), sessionId: reader.long(), password: reader.buffer() };
}
