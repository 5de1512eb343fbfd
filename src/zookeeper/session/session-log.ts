import type { Clock } from '../support/clock.js';
import { messageOf } from '../support/errors.js';
import { harmless, type Observation, type Observer } from '../support/observer.js';
import { hexId } from './errors.js';

/** A failure that goes on repeating is told again only after this long. */
const REPEAT_AFTER_MS = 60_000;

/** What the supervisor has to say, in sentences for whoever is woken by them. */
export class SessionLog {
  private readonly observer: Observer;
  private toldFailureAtMs: number | undefined;
  private untold = 0;

  constructor(
    observer: Observer,
    private readonly clock: Clock,
  ) {
    this.observer = harmless(observer);
  }

  /** Could not connect to one server: the first time in an outage, and then at most once a minute. */
  attemptFailed(server: string, why: string, outage: { readonly sinceMs: number; readonly attempts: number }): void {
    const nowMs = this.clock.nowMs();
    if (this.toldFailureAtMs !== undefined && nowMs - this.toldFailureAtMs < REPEAT_AFTER_MS) {
      this.untold++;
      return;
    }
    const { attempts } = outage;
    const forMs = Math.round(nowMs - outage.sinceMs);
    const before = this.untold === 0 ? '' : ` ${this.untold} further failures since the last such line are not shown.`;
    this.toldFailureAtMs = nowMs;
    this.untold = 0;
    this.tell(
      'warn',
      'session.connect-failed',
      `Could not connect to ZooKeeper at ${server}: ${why}. Attempt ${attempts}, ${forMs} ms without a connection; retrying for as long as it takes; until then no @MasterOnly job starts here.${before}`,
      {
        server,
        why,
        attempts,
        forMs,
      },
    );
  }

  attached(id: bigint, server: string, timeoutMs: number, requestedMs: number, afterMs: number): void {
    this.healed();
    this.tell(
      'info',
      'session.attached',
      `ZooKeeper session ${hexId(id)} is established at ${server} after ${Math.round(afterMs)} ms; its timeout is ${timeoutMs} ms.`,
      {
        session: hexId(id),
        server,
        timeoutMs,
        afterMs: Math.round(afterMs),
      },
    );
    if (timeoutMs === requestedMs) return;
    this.tell(
      'info',
      'session.timeout-negotiated',
      `ZooKeeper changed the session timeout from the requested ${requestedMs} ms to ${timeoutMs} ms, which counts. Its minSessionTimeout and maxSessionTimeout (2 and 20 ticks unless configured) set the bounds.`,
      {
        session: hexId(id),
        requestedMs,
        timeoutMs,
      },
    );
  }

  reattached(id: bigint, server: string, afterMs: number): void {
    this.healed();
    this.tell(
      'info',
      'session.reattached',
      `ZooKeeper session ${hexId(id)} is attached again, at ${server}, after ${Math.round(afterMs)} ms without a connection.`,
      {
        session: hexId(id),
        server,
        afterMs: Math.round(afterMs),
      },
    );
  }

  detached(id: bigint, server: string, why: string, givenUpAfterMs: number): void {
    this.tell(
      'warn',
      'session.detached',
      `ZooKeeper session ${hexId(id)} has lost its connection to ${server}: ${why}. Looking for another server; unless one is found within ${givenUpAfterMs} ms, the session is given up.`,
      {
        session: hexId(id),
        server,
        why,
        givenUpAfterMs,
      },
    );
  }

  expired(id: bigint, detachedForMs: number | undefined): void {
    const after = detachedForMs === undefined ? '' : ` after ${Math.round(detachedForMs)} ms without a connection`;
    this.tell(
      'warn',
      'session.expired',
      `ZooKeeper has ended session ${hexId(id)}${after}: it expired, or was closed by force. Its ephemeral nodes are gone. A new session is being made.`,
      {
        session: hexId(id),
        ...(detachedForMs !== undefined && { detachedForMs: Math.round(detachedForMs) }),
      },
    );
  }

  givenUp(id: bigint, detachedForMs: number, lastError: string | undefined): void {
    const last = lastError === undefined ? '' : ` The last error: ${lastError}.`;
    this.tell(
      'warn',
      'session.given-up',
      `ZooKeeper session ${hexId(id)} was not attached for ${Math.round(detachedForMs)} ms and is given up, whatever became of it. A new session is being made.${last} (An ensemble restored to an older state refuses old sessions in just this way.)`,
      {
        session: hexId(id),
        detachedForMs: Math.round(detachedForMs),
        lastError,
      },
    );
  }

  authenticationFailed(server: string): void {
    this.tell(
      'error',
      'session.authentication-failed',
      `ZooKeeper at ${server} has refused the credentials. No further attempt is made: correct the auth option and restart.`,
      { server },
    );
  }

  closed(id: bigint | undefined, how: 'closed' | 'abandoned', tookMs: number): void {
    const what = id === undefined ? 'The ZooKeeper client' : `ZooKeeper session ${hexId(id)}`;
    const fields = { session: id === undefined ? undefined : hexId(id), how, tookMs: Math.round(tookMs) };
    if (how === 'closed') return this.tell('info', 'session.closed', `${what} was closed in ${fields.tookMs} ms.`, fields);
    this.tell(
      'warn',
      'session.closed',
      `${what} could not be closed within ${fields.tookMs} ms: no server answered. Its ephemeral nodes go when it times out.`,
      fields,
    );
  }

  callbackFailed(what: string, thrown: unknown): void {
    this.tell('error', 'session.callback-failed', `${what} threw: ${messageOf(thrown)}. It was ignored.`, { what });
  }

  private healed(): void {
    this.toldFailureAtMs = undefined;
    this.untold = 0;
  }

  private tell(level: Observation['level'], event: string, message: string, fields: NonNullable<Observation['fields']>): void {
    this.observer.observe({ level, event, message, fields });
  }
}
