import type { ConnectionOptions as TlsOptions } from 'node:tls';
import type { Clock } from '../support/clock.js';
import type { ServerList } from './servers.js';

/** Why a connection will not be used again. */
export type ConnectionEnd = 'expired' | 'closed' | 'abandoned';

/** What kept a server from being attached to. `credentials refused`: by this server; another one may take them. */
export type AttemptFailure = 'not reached' | 'credentials refused';

export interface Credential {
  readonly scheme: string;
  readonly auth: Buffer;
}

/** What the owner of a connection hears, each synchronously. */
export interface ConnectionEvents {
  /** Attached: authenticated, and all watches set again. */
  attached(server: string): void;
  detached(server: string, why: string): void;
  attemptFailed(server: string, why: string, failure: AttemptFailure): void;
  /** `server` is the one that said so. */
  over(server: string | undefined, end: ConnectionEnd): void;
  /** A function of the user's threw; `what` says which. */
  callbackFailed(what: string, thrown: unknown): void;
}

/** What a server asks for before it lets a client go on with a session. Whoever has these can end it. */
export interface SessionCredentials {
  readonly id: bigint;
  readonly password: Buffer;
}

export interface ConnectionOptions {
  readonly servers: ServerList;
  readonly chroot: string;
  readonly sessionTimeoutMs: number;
  readonly credentials: readonly Credential[];
  readonly tls: TlsOptions | undefined;
  /**
   * A session to go on with, in place of a new one. Its former client must be over: two clients of one session take it
   * from each other without end.
   */
  readonly resume?: SessionCredentials | undefined;
  readonly clock: Clock;
  readonly events: ConnectionEvents;
}
