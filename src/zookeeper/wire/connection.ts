import type { Timer } from '../support/clock.js';
import type { AttemptFailure, ConnectionEnd, ConnectionOptions, SessionCredentials } from './connection-options.js';
import { Exchange } from './exchange.js';
import { refused, type WireFailure } from './failure.js';
import { attempt, type Welcome } from './handshake.js';
import type { Link } from './link.js';
import { Liveness } from './liveness.js';
import type { Watcher } from './operations.js';
import type { ConnectionManager, ReplyCallback, WireRequest } from './package.js';
import { ProtocolError, Reader } from './reader.js';
import { withoutChroot } from './replies.js';
import { authFrame, closeRequest, connectFrame, PING_FRAME, removeWatchesRequest, XID } from './requests.js';
import { setWatchesFrames } from './rewatch.js';
import { seek } from './seek.js';
import { formatEndpoint, type Endpoint } from './servers.js';
import { Watches } from './watches.js';

/** A connection that lasted less counts as failed, so that a server that drops each one is not called in a storm. */
const STEADY_MS = 1000;

/** Asks for a new session. */
const NO_SESSION: SessionCredentials = { id: 0n, password: Buffer.alloc(16) };

interface Open {
  readonly link: Link;
  readonly liveness: Liveness;
  readonly sinceMs: number;
}

type State =
  | { readonly kind: 'idle' }
  | { readonly kind: 'seeking'; readonly abort: AbortController; link: Link | undefined }
  /**
   * Welcomed; `owed` answers to credentials and watches are still to come. `failure`: what it means when the link goes
   * down before.
   */
  | ({ readonly kind: 'preparing'; owed: number; failure: AttemptFailure } & Open)
  | ({ readonly kind: 'attached' } & Open)
  | { readonly kind: 'over'; readonly end: ConnectionEnd };

/**
 * The connection of one session: finds a server, attaches, and attaches again elsewhere when the link breaks, until the
 * session is over. It takes the place of the package's `ConnectionManager` behind its `Client`, which calls `queue` and
 * `register...Watcher`.
 */
export class Connection implements ConnectionManager {
  readonly watches: Watches;
  private state: State = { kind: 'idle' };
  private readonly exchange: Exchange;
  private credentials: SessionCredentials;
  private negotiatedMs: number;
  private unsteady = 0;
  private everAttached: boolean;
  private closing: { readonly limit: Timer; readonly resolve: (how: 'closed' | 'abandoned') => void } | undefined;
  private closed: Promise<'closed' | 'abandoned'> | undefined;

  constructor(private readonly options: ConnectionOptions) {
    this.negotiatedMs = options.sessionTimeoutMs;
    this.credentials = options.resume ?? NO_SESSION;
    this.everAttached = options.resume !== undefined;
    this.exchange = new Exchange(options.chroot);
    this.watches = new Watches(
      (path, type) => this.queue(removeWatchesRequest(path, type)),
      (what, thrown) => options.events.callbackFailed(what, thrown),
    );
  }

  get id(): bigint {
    return this.credentials.id;
  }

  /** Of the session in force; meaningless before the first attachment. */
  get session(): SessionCredentials {
    return this.credentials;
  }

  get timeoutMs(): number {
    return this.negotiatedMs;
  }

  get lastZxid(): bigint {
    return this.exchange.lastZxid;
  }

  get attached(): boolean {
    return this.state.kind === 'attached' && this.closing === undefined;
  }

  connect(): void {
    if (this.state.kind === 'idle') this.seek();
  }

  /** Sends `request` now, or calls back now with why not. Nothing waits for a connection. */
  queue(request: WireRequest, callback: ReplyCallback = ignore): void {
    const { state } = this;
    if (state.kind === 'over') return callback(afterTheEnd(state.end));
    if (this.closing !== undefined) return callback(refused('connection-loss', 'the session is being closed'));
    if (state.kind !== 'attached') return callback(refused('connection-loss', 'there is no connection to ZooKeeper'));
    const full = this.exchange.full();
    if (full !== undefined) return callback(full);
    this.exchange.send(state.link, request, callback);
  }

  registerDataWatcher(path: string, watcher: Watcher): void {
    this.watches.register('data', path, watcher);
  }

  registerExistenceWatcher(path: string, watcher: Watcher): void {
    this.watches.register('exists', path, watcher);
  }

  registerChildWatcher(path: string, watcher: Watcher): void {
    this.watches.register('children', path, watcher);
  }

  /**
   * Ends the session within `limitMs`, in every state. Detached, it goes on looking for a server that long: only there
   * can the session be ended, so that its ephemeral nodes go at once.
   */
  shutdown(limitMs: number): Promise<'closed' | 'abandoned'> {
    const { state } = this;
    if (this.closed !== undefined) return this.closed;
    if (state.kind === 'over') return Promise.resolve(howClosed(state.end));
    if (this.id === 0n) {
      this.end('closed');
      return Promise.resolve('closed');
    }
    const limit = this.options.clock.after(limitMs, () => this.end('abandoned'));
    const promise = new Promise<'closed' | 'abandoned'>((resolve) => (this.closing = { limit, resolve }));
    this.closed = promise;
    if (state.kind === 'attached' || state.kind === 'preparing') this.sendClose(state.link);
    return promise;
  }

  /** Lets go of the session without telling ZooKeeper. */
  abandon(): void {
    this.end('abandoned');
  }

  private sendClose(link: Link): void {
    this.exchange.send(link, closeRequest(), (error) => {
      if (error === null || (error as WireFailure).fromServer) this.end('closed');
    });
  }

  private seek(): void {
    const abort = new AbortController();
    const state: State = { kind: 'seeking', abort, link: undefined };
    this.state = state;
    const { servers, clock, events } = this.options;
    void seek({
      servers,
      clock,
      timeoutMs: this.negotiatedMs,
      failedRounds: this.unsteady,
      signal: abort.signal,
      attempt: (endpoint, limitMs) => this.attempt(state, endpoint, limitMs),
      unresolved: (server, why) => events.attemptFailed(server, why, 'not reached'),
    });
  }

  private attempt(state: Extract<State, { kind: 'seeking' }>, endpoint: Endpoint, limitMs: number): Promise<boolean> {
    const { clock, tls, events, sessionTimeoutMs } = this.options;
    const hello = connectFrame({ ...this.credentials, lastZxid: this.exchange.lastZxid, timeoutMs: sessionTimeoutMs });
    return attempt(
      { endpoint, limitMs, clock, tls, hello },
      {
        opened: (link) => (state.link = link),
        welcomed: (link, welcome) => this.welcome(link, welcome),
        heard: () => this.heard(),
        frame: (link, frame) => this.onFrame(link, frame),
        failed: (why) => {
          state.link = undefined;
          if (this.state === state) events.attemptFailed(formatEndpoint(endpoint), why, 'not reached');
        },
        lost: (link, why) => this.lost(link, why),
      },
    );
  }

  private heard(): void {
    if (this.state.kind === 'preparing' || this.state.kind === 'attached') this.state.liveness.heard();
  }

  private welcome(link: Link, welcome: Welcome): void {
    const isNew = this.id === 0n;
    if (isNew && (welcome.timeoutMs <= 0 || welcome.sessionId === 0n)) throw new ProtocolError('no session was given');
    if (welcome.timeoutMs <= 0 || (!isNew && welcome.sessionId !== this.id)) return this.end('expired');
    this.credentials = { id: welcome.sessionId, password: welcome.password };
    this.negotiatedMs = welcome.timeoutMs;
    const { clock } = this.options;
    const liveness = new Liveness(
      clock,
      welcome.timeoutMs,
      () => link.write(PING_FRAME),
      (why) => link.destroy(why),
    );
    const state: State = { kind: 'preparing', owed: 0, failure: 'not reached', link, liveness, sinceMs: clock.monotonicMs() };
    this.state = state;
    if (this.closing !== undefined) return this.sendClose(link);
    // Before anything that a user sends: rights first, then the watches, relative to what was last seen on the old
    // connection.
    const frames = this.options.credentials.map(({ scheme, auth }) => authFrame(scheme, auth));
    frames.push(...setWatchesFrames(this.watches, this.exchange.lastZxid, this.options.chroot));
    for (const frame of frames) link.write(frame);
    state.owed = frames.length;
    if (state.owed === 0) this.attach(state);
  }

  private attach({ link, liveness, sinceMs }: Open): void {
    this.state = { kind: 'attached', link, liveness, sinceMs };
    this.everAttached = true;
    this.options.events.attached(formatEndpoint(link.endpoint));
  }

  private lost(link: Link, why: string): void {
    const { state } = this;
    if ((state.kind !== 'preparing' && state.kind !== 'attached') || state.link !== link) return;
    state.liveness.stop();
    this.unsteady = this.options.clock.monotonicMs() - state.sinceMs >= STEADY_MS ? 0 : this.unsteady + 1;
    // When nothing hangs on it yet, a fresh one is simpler than finding out whether it lives.
    if (!this.everAttached) this.credentials = NO_SESSION;
    this.seek();
    this.exchange.lost(why);
    const server = formatEndpoint(link.endpoint);
    if (state.kind === 'attached') this.options.events.detached(server, why);
    else this.options.events.attemptFailed(server, why, state.failure);
  }

  private end(end: ConnectionEnd): void {
    const { state, closing } = this;
    if (state.kind === 'over') return;
    this.state = { kind: 'over', end };
    if (state.kind === 'seeking') state.abort.abort();
    if (state.kind === 'preparing' || state.kind === 'attached') state.liveness.stop();
    if (state.kind !== 'idle') state.link?.destroy(end);
    this.exchange.lost(`the session is over: ${end}`);
    this.watches.clear();
    closing?.limit.cancel();
    closing?.resolve(howClosed(end));
    const link = state.kind === 'idle' ? undefined : state.link;
    this.options.events.over(link && formatEndpoint(link.endpoint), end);
  }

  private onFrame(link: Link, frame: Buffer): void {
    const { state } = this;
    if ((state.kind !== 'preparing' && state.kind !== 'attached') || state.link !== link) return;
    const reader = new Reader(frame);
    const xid = reader.int();
    const zxid = reader.long();
    const code = reader.int();
    switch (xid) {
      case XID.ping:
        return;
      case XID.notification:
        return this.notify(reader);
      case XID.auth:
        return code === 0 ? this.answered(state) : this.credentialsRefused(state, code);
      case XID.setWatches:
        if (code !== 0) throw new ProtocolError(`the watches were refused (${code})`);
        return this.answered(state);
      default:
        return this.exchange.reply(reader, xid, zxid, code);
    }
  }

  /**
   * By this server. That says nothing about the others: during a rolling upgrade one of them may lack the provider of
   * the scheme, or have an older configuration. So the session goes on, and the next server is tried, in growing
   * pauses.
   */
  private credentialsRefused(state: Extract<State, { kind: 'preparing' | 'attached' }>, code: number): void {
    if (state.kind === 'preparing') state.failure = 'credentials refused';
    state.link.destroy(`the server has refused the credentials (${code})`);
  }

  /** One of the answers that the new connection waits for. */
  private answered(state: Extract<State, { kind: 'preparing' | 'attached' }>): void {
    if (state.kind === 'preparing' && --state.owed === 0) this.attach(state);
  }

  private notify(reader: Reader): void {
    const type = reader.int();
    reader.int();
    const path = reader.string();
    // Types that this library did not ask for (and those of later servers) are nobody's.
    this.watches.fire(type, type >= 1 && type <= 4 ? withoutChroot(path, this.options.chroot) : path);
  }
}

function afterTheEnd(end: ConnectionEnd): WireFailure {
  return refused('session-expired', `the session is over: ${end}`);
}

function howClosed(end: ConnectionEnd): 'closed' | 'abandoned' {
  return end === 'closed' || end === 'expired' ? 'closed' : 'abandoned';
}

function ignore(): void {}
