import type { Clock } from '../support/clock.js';
import { messageOf } from '../support/errors.js';
import { harmless, type Observation, type Observer } from '../support/observer.js';
import type { AttemptFailure } from '../wire/connection-options.js';
import { standstillInWords } from '../support/standstill.js';
import { hexId } from './errors.js';

/** A failure that goes on repeating is told again only after this long. */
const REPEAT_AFTER_MS = 60_000;

/** How far back a standstill of this process is looked for when a session has ended without a word. */
const STANDSTILL_MS = 20_000;
/** A shorter one ends no connection. */
const WORTH_TELLING_MS = 500;

/** What the supervisor has to say, in sentences for whoever is woken by them. */
export class SessionLog {
  private readonly observer: Observer;
  /** Of this outage: when a failure of each kind was last told, and how many have not been told since. */
  private readonly told = new Map<AttemptFailure, { readonly atMs: number; untold: number }>();

  constructor(
    observer: Observer,
    private readonly clock: Clock,
  ) {
    this.observer = harmless(observer);
  }

  /**
   * Could not attach to one server: the first time in an outage, and then at most once a minute,
   * for each kind of failure.
   */
  attemptFailed(
    server: string,
    why: string,
    outage: { readonly sinceMs: number; readonly attempts: number; readonly failure: AttemptFailure },
  ): void {
    const monotonicMs = this.clock.monotonicMs();
    const { attempts, failure } = outage;
    const last = this.told.get(failure);
    if (last !== undefined && monotonicMs - last.atMs < REPEAT_AFTER_MS) {
      last.untold++;
      return;
    }
    this.told.set(failure, { atMs: monotonicMs, untold: 0 });
    const forMs = Math.round(monotonicMs - outage.sinceMs);
    const before =
      last === undefined || last.untold === 0 ? '' : ` ${last.untold} further failures since the last such line are not shown.`;
    const facts = { server, why, attempts, forMs };
    const since = `Attempt ${attempts}, ${forMs} ms without a connection;`;
    if (failure === 'credentials refused') {
      const advice = 'If all servers refuse them, correct the auth option; if this one alone does, look at its authentication providers.';
      const text = `ZooKeeper at ${server} has refused the credentials. ${since} the other servers are tried, and this one again; until one takes them no @MasterOnly job starts here. ${advice}${before}`;
      return this.tell('error', 'session.authentication-failed', text, facts);
    }
    const text = `Could not connect to ZooKeeper at ${server}: ${why}. ${since} retrying for as long as it takes; until then no @MasterOnly job starts here.${before}`;
    this.tell('warn', 'session.connect-failed', text, facts);
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
      `ZooKeeper session ${hexId(id)} has lost its connection to ${server}: ${why}. Looking for another server; unless one is found within ${givenUpAfterMs} ms, the session is given up.${this.standstill(givenUpAfterMs)}`,
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
      `ZooKeeper has ended session ${hexId(id)}${after}: it expired, or was closed by force. Its ephemeral nodes are gone. A new session is being made.${this.standstill(detachedForMs)}`,
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

  /** What this process knows of its own part in the silence; a second more, for what came before it. */
  private standstill(silentMs = STANDSTILL_MS): string {
    return standstillInWords(this.clock, Math.max(STANDSTILL_MS, silentMs + 1_000), WORTH_TELLING_MS);
  }

  private healed(): void {
    this.told.clear();
  }

  private tell(level: Observation['level'], event: string, message: string, fields: NonNullable<Observation['fields']>): void {
    this.observer.observe({ level, event, message, fields });
  }
}
