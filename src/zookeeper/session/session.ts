import type { Operations } from '../wire/operations.js';

/** Why a session is over for good. */
export type SessionEnd =
  /** ZooKeeper said so. */
  | 'expired'
  /** Not attached for its timeout + 2 s: whatever became of it, it is not used again. */
  | 'given up'
  /** By `close`. */
  | 'closed';

/**
 * One ZooKeeper session, from its first attachment to its end. Detached and attached again (to another member, say) it
 * is still the same session: its ephemeral nodes and watches live on.
 *
 * Being attached proves nothing about being alive: a follower cut off from its peers keeps a connection up and answers
 * pings for seconds after the leader has ended the session. Only an acknowledged write is proof (lease.ts).
 */
export interface Session extends Operations {
  readonly id: bigint;
  /** As negotiated with the server, milliseconds. */
  readonly timeoutMs: number;
  /** The highest zxid this session has seen in a reply. */
  readonly lastZxid: bigint;
  /**
   * The wall clock of the ensemble's leader now: that of the last acknowledged `set`, plus what the monotonic clock has
   * counted since it was sent. Undefined before the first. Ahead of the true one by at most that write's round trip.
   */
  ensembleTimeMs(): number | undefined;
  /** Aborts when the session is over for good; the reason is a `SessionEndedError`. */
  readonly ended: AbortSignal;
  readonly attached: boolean;
  /** After each re-attachment, once the watches have been set again on the new connection. Not for the first. */
  onAttached(listener: () => void): () => void;
  onDetached(listener: () => void): () => void;
}

/** What the supervisor is doing, as one value. */
export type SessionState =
  | { readonly kind: 'idle' }
  | { readonly kind: 'connecting'; readonly sinceMs: number; readonly lastError?: string; readonly attempts: number }
  | { readonly kind: 'attached'; readonly sessionId: bigint; readonly timeoutMs: number; readonly server: string; readonly sinceMs: number }
  | { readonly kind: 'detached'; readonly sessionId: bigint; readonly sinceMs: number; readonly lastError?: string }
  | { readonly kind: 'stopped' };

/** Keeps one session alive at a time: when it ends, the next one is made, until `stop`. */
export interface Sessions {
  start(): void;
  /** The session in force: attached at least once and not ended. */
  current(): Session | undefined;
  /** Called for each session when it is first attached (at once for the current one). */
  onSession(listener: (session: Session) => void): () => void;
  state(): SessionState;
  onState(listener: (state: SessionState) => void): () => void;
  /**
   * Ends the session and stops making new ones; resolves within `limitMs` in every state, with no timer or socket left.
   * `'closed'`: ZooKeeper has acknowledged the end; the ephemeral nodes are gone. `'abandoned'`: it could not be told;
   * they go when the session times out.
   */
  stop(limitMs: number): Promise<'closed' | 'abandoned'>;
}
