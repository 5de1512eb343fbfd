import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { backoffMs } from '../support/backoff.js';
import type { Clock, Timer } from '../support/clock.js';
import { Listeners } from '../support/listeners.js';
import type { Observer } from '../support/observer.js';
import type { AuthOptions } from '../wire/acl.js';
import { WireClient } from '../wire/client.js';
import { parseConnectString, type ConnectString } from '../wire/connect-string.js';
import type { AttemptFailure, ConnectionEnd } from '../wire/connection-options.js';
import { checkPackage } from '../wire/package.js';
import { ServerList, type Lookup } from '../wire/servers.js';
import type { SessionGuard } from './crash-guard/charge.js';
import { LiveSession } from './live-session.js';
import { SessionLog } from './session-log.js';
import type { Session, Sessions, SessionState } from './session.js';

export interface SessionsOptions {
  /** `host:port[,host:port...][/chroot]`. */
  readonly connectString: string;
  /** Requested; what the server answers counts. */
  readonly sessionTimeoutMs: number;
  readonly auth?: AuthOptions | undefined;
  /** Given: every connection is TLS, with these options of `node:tls`. */
  readonly tls?: TlsOptions | undefined;
  readonly clock: Clock;
  readonly observer: Observer;
  /** How names become addresses; default: the system's resolver, asked anew at each attempt. */
  readonly lookup?: Lookup | undefined;
  /** Ends the session when this process dies. */
  readonly crashGuard?: SessionGuard | undefined;
}

/**
 * How much longer than its timeout a session may stay detached. An expired session is normally told so by
 * the next server it reaches; one that an ensemble restored to an older state refuses ("has seen a later
 * zxid") is never told anything.
 */
const GIVE_UP_AFTER_TIMEOUT_MS = 2000;

/**
 * A session that lasted less is followed by a pause, so that a server that ends each one at once
 * is not called in a storm.
 */
const SHORT_LIFE_MS = 5000;

/**
 * Makes the supervisor; nothing happens before `start`. Throws `ConnectStringError`, and
 * `ZK_UNFIT_PACKAGE` (wire/package.ts).
 */
export function createSessions(options: SessionsOptions): Sessions {
  checkPackage();
  return new Supervisor(options, parseConnectString(options.connectString));
}

class Supervisor implements Sessions {
  private readonly log: SessionLog;
  private readonly sessionListeners: Listeners<[Session]>;
  private readonly stateListeners: Listeners<[SessionState]>;
  private readonly servers: ServerList;
  private now: SessionState = { kind: 'idle' };
  private wire: WireClient | undefined;
  private session: LiveSession | undefined;
  private giveUp: Timer | undefined;
  private nextStart: Timer | undefined;
  private shortLives = 0;
  private bornAtMs = 0;
  private stopping: Promise<'closed' | 'abandoned'> | undefined;

  constructor(
    private readonly options: SessionsOptions,
    private readonly connectString: ConnectString,
  ) {
    this.log = new SessionLog(options.observer, options.clock);
    this.sessionListeners = new Listeners((thrown) => this.log.callbackFailed('an onSession listener', thrown));
    this.stateListeners = new Listeners((thrown) => this.log.callbackFailed('an onState listener', thrown));
    this.servers = new ServerList(connectString.servers, options.lookup);
  }

  start(): void {
    if (this.now.kind === 'idle') this.begin();
  }

  current(): Session | undefined {
    return this.session;
  }

  onSession(listener: (session: Session) => void): () => void {
    const remove = this.sessionListeners.add(listener);
    const { session } = this;
    if (session !== undefined) {
      const once = new Listeners<[Session]>((thrown) => this.log.callbackFailed('an onSession listener', thrown));
      once.add(listener);
      once.tell(session);
    }
    return remove;
  }

  state(): SessionState {
    return this.now;
  }

  onState(listener: (state: SessionState) => void): () => void {
    return this.stateListeners.add(listener);
  }

  stop(limitMs: number): Promise<'closed' | 'abandoned'> {
    // Set before the first step of closing, which may call back at once.
    this.stopping ??= Promise.resolve().then(() => this.close(limitMs));
    return this.stopping;
  }

  private async close(limitMs: number): Promise<'closed' | 'abandoned'> {
    const { clock } = this.options;
    const fromMs = clock.monotonicMs();
    const { wire, session } = this;
    this.giveUp?.cancel();
    this.nextStart?.cancel();
    const how = (await wire?.connection.shutdown(limitMs)) ?? 'closed';
    this.session = undefined;
    this.wire = undefined;
    session?.end('closed');
    if (wire !== undefined) this.log.closed(session?.id, how, clock.monotonicMs() - fromMs);
    // What could not be closed is left to the guard, which does it when this process has ended.
    if (how === 'closed') this.options.crashGuard?.stop();
    this.become({ kind: 'stopped' });
    return how;
  }

  /** A new client for a new session. Kept trying for ever. */
  private begin(): void {
    const { clock, sessionTimeoutMs, auth, tls } = this.options;
    this.become({ kind: 'connecting', sinceMs: clock.monotonicMs(), attempts: 0 });
    const wire: WireClient = new WireClient({
      servers: this.servers,
      chroot: this.connectString.chroot,
      sessionTimeoutMs,
      auth,
      tls,
      clock,
      events: {
        attached: (server) => this.attached(wire, server),
        detached: (server, why) => this.detached(wire, server, why),
        attemptFailed: (server, why, failure) => this.attemptFailed(server, why, failure),
        over: (_, end) => this.over(end),
        callbackFailed: (what, thrown) => this.log.callbackFailed(what, thrown),
      },
    });
    this.wire = wire;
    wire.connection.connect();
  }

  private attached(wire: WireClient, server: string): void {
    const { clock, sessionTimeoutMs } = this.options;
    const monotonicMs = clock.monotonicMs();
    const { id, timeoutMs } = wire.connection;
    const before = this.now;
    const afterMs = before.kind === 'connecting' || before.kind === 'detached' ? monotonicMs - before.sinceMs : 0;
    this.giveUp?.cancel();
    const known = this.session;
    if (known === undefined) this.log.attached(id, server, timeoutMs, sessionTimeoutMs, afterMs);
    else this.log.reattached(id, server, afterMs);
    const session = known ?? new LiveSession(wire, clock, (what, thrown) => this.log.callbackFailed(what, thrown));
    this.session = session;
    this.become({ kind: 'attached', sessionId: id, timeoutMs, server, sinceMs: monotonicMs });
    this.options.crashGuard?.guard({ ...wire.connection.session, timeoutMs });
    if (known !== undefined) return session.tellAttached();
    this.bornAtMs = monotonicMs;
    this.sessionListeners.tell(session);
  }

  private detached(wire: WireClient, server: string, why: string): void {
    const { session } = this;
    if (session === undefined) return;
    const { clock } = this.options;
    const limitMs = wire.connection.timeoutMs + GIVE_UP_AFTER_TIMEOUT_MS;
    this.log.detached(session.id, server, why, limitMs);
    if (this.stopping === undefined) this.giveUp = clock.after(limitMs, () => wire.connection.abandon());
    this.become({ kind: 'detached', sessionId: session.id, sinceMs: clock.monotonicMs(), lastError: `${server}: ${why}` });
    session.tellDetached();
  }

  private attemptFailed(server: string, why: string, failure: AttemptFailure): void {
    const before = this.now;
    const lastError = `${server}: ${why}`;
    if (before.kind === 'connecting') {
      const attempts = before.attempts + 1;
      this.log.attemptFailed(server, why, { sinceMs: before.sinceMs, attempts, failure });
      this.become({ ...before, attempts, lastError });
    } else if (before.kind === 'detached') {
      this.log.attemptFailed(server, why, { sinceMs: before.sinceMs, attempts: 1, failure });
      this.become({ ...before, lastError });
    }
  }

  /** The connection's session is over; unless that was asked for, the next one is made. */
  private over(end: ConnectionEnd): void {
    const { session, now } = this;
    if (this.stopping !== undefined) return;
    const { clock } = this.options;
    this.giveUp?.cancel();
    this.session = undefined;
    const detachedForMs = now.kind === 'detached' ? clock.monotonicMs() - now.sinceMs : undefined;
    if (session !== undefined && end === 'expired') this.log.expired(session.id, detachedForMs);
    if (session !== undefined && end === 'abandoned')
      this.log.givenUp(session.id, detachedForMs ?? 0, now.kind === 'detached' ? now.lastError : undefined);
    this.options.crashGuard?.guard(undefined);
    session?.end(end === 'expired' ? 'expired' : 'given up');
    this.next(session === undefined ? 0 : clock.monotonicMs() - this.bornAtMs);
  }

  private next(lifeMs: number): void {
    // A listener of the session's end may have called stop.
    if (this.stopping !== undefined) return;
    this.shortLives = lifeMs < SHORT_LIFE_MS ? this.shortLives + 1 : 0;
    if (this.shortLives <= 1) return this.begin();
    this.become({ kind: 'connecting', sinceMs: this.options.clock.monotonicMs(), attempts: 0 });
    this.nextStart = this.options.clock.after(backoffMs(this.shortLives - 2, 50, 1000), () => this.begin());
  }

  private become(state: SessionState): void {
    this.now = state;
    this.stateListeners.tell(state);
  }
}
