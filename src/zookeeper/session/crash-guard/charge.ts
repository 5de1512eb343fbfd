import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { deserialize, serialize } from 'node:v8';
import type { AuthOptions } from '../../wire/acl.js';
import type { SessionCredentials } from '../../wire/connection-options.js';
import type { Op } from '../../wire/operations.js';

/** How to reach the ensemble, in the way that the guarded process does. */
export interface GuardedEnsemble {
  readonly connectString: string;
  readonly auth: AuthOptions | undefined;
  readonly tls: TlsOptions | undefined;
}

/** A session that is to end with its process. */
export interface GuardedSession extends SessionCredentials {
  /** As negotiated, milliseconds. */
  readonly timeoutMs: number;
}

/** What a guard needs to know, as a whole: each charge takes the place of the one before. */
export interface Charge {
  readonly parentPid: number;
  readonly ensemble: GuardedEnsemble;
  /** Undefined: there is nothing to end. */
  readonly session: GuardedSession | undefined;
  /** Transactions to carry out before the session is closed, each for itself. */
  readonly lastWills: readonly (readonly Op[])[];
  /** The process is done with ZooKeeper, and so is the guard. */
  readonly isOver: boolean;
}

/** What the owner of a session tells. */
export interface SessionGuard {
  /** This session is the one in force; undefined: there is none now. */
  guard(session: GuardedSession | undefined): void;
  /** The session was closed, and there will be no other. */
  stop(): void;
}

/** Where transactions are left that prove, should this process die, what only its death makes true. */
export interface LastWills {
  /**
   * Leaves the transaction `key` of this session to be carried out when this process has died; undefined: takes it
   * back. It must be harmless at any time after that death, also when what it speaks of has gone on since.
   */
  leave(sessionId: bigint, key: string, will: readonly Op[] | undefined): void;
}

/** For a process that nobody guards. */
export const NO_LAST_WILLS: LastWills = { leave: () => undefined };

const LENGTH_BYTES = 4;

/** A charge as it goes through the pipe: its length, and itself as Node's structured clone. */
export function encodeCharge(charge: Charge): Buffer {
  const body = serialize(charge);
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(body.length);
  return Buffer.concat([length, body]);
}

/** Puts charges together again. One that was cut off, because its sender died while it wrote, is never there. */
export class ChargeReader {
  private rest: Buffer = Buffer.alloc(0);
  private last: Charge | undefined;

  /** The last one that has come whole. */
  get charge(): Charge | undefined {
    return this.last;
  }

  read(bytes: Buffer): void {
    this.rest = Buffer.concat([this.rest, bytes]);
    while (this.rest.length >= LENGTH_BYTES) {
      const end = LENGTH_BYTES + this.rest.readUInt32BE(0);
      if (this.rest.length < end) return;
      this.last = deserialize(this.rest.subarray(LENGTH_BYTES, end)) as Charge;
      this.rest = this.rest.subarray(end);
    }
  }
}

/**
 * Where these options of `node:tls` hold what cannot be handed to another process (a function, an object with an inside
 * of its own); undefined when all of it can.
 */
export function unfitForGuard(value: unknown, path = 'tls'): string | undefined {
  if (value === null || ['undefined', 'string', 'number', 'boolean'].includes(typeof value)) return undefined;
  if (typeof value !== 'object') return `${path}, which is a ${typeof value}`;
  if (ArrayBuffer.isView(value)) return undefined;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (!Array.isArray(value) && prototype !== Object.prototype && prototype !== null) return `${path}, which is no plain object`;
  for (const [name, inner] of Object.entries(value)) {
    const unfit = unfitForGuard(inner, `${path}.${name}`);
    if (unfit !== undefined) return unfit;
  }
  return undefined;
}
