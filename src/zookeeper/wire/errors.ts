import { ClusterCronError } from '../support/errors.js';

/** ZooKeeper's error codes (KeeperException.Code, 3.9), by the name this library gives them. */
export const ZOOKEEPER_CODES = {
  'system-error': -1,
  'runtime-inconsistency': -2,
  'data-inconsistency': -3,
  'connection-loss': -4,
  'marshalling-error': -5,
  unimplemented: -6,
  'operation-timeout': -7,
  'bad-arguments': -8,
  'new-config-no-quorum': -13,
  'reconfig-in-progress': -14,
  'api-error': -100,
  'no-node': -101,
  'no-auth': -102,
  'bad-version': -103,
  'no-children-for-ephemerals': -108,
  'node-exists': -110,
  'not-empty': -111,
  'session-expired': -112,
  'invalid-callback': -113,
  'invalid-acl': -114,
  'auth-failed': -115,
  'session-moved': -118,
  'not-read-only': -119,
  'ephemeral-on-local-session': -120,
  'no-watcher': -121,
  'request-timeout': -122,
  'reconfig-disabled': -123,
  'session-closed-require-sasl-auth': -124,
  'quota-exceeded': -125,
  throttled: -127,
} as const;

/** Why ZooKeeper refused a request, or did not answer it; `unknown-code` for a code that is not in its list. */
export type ZooKeeperReason = keyof typeof ZOOKEEPER_CODES | 'unknown-code';

const REASON_BY_CODE = new Map<number, ZooKeeperReason>(
  Object.entries(ZOOKEEPER_CODES).map(([reason, code]) => [code, reason as ZooKeeperReason]),
);

export function reasonOf(zkCode: number): ZooKeeperReason {
  return REASON_BY_CODE.get(zkCode) ?? 'unknown-code';
}

/** ZooKeeper, or the connection to it, refused an operation. */
export class ZooKeeperError extends ClusterCronError {
  constructor(
    readonly reason: ZooKeeperReason,
    readonly details: {
      /** e.g. `create`, `multi`. */
      readonly operation: string;
      readonly path?: string;
      /** In a transaction: the operation that failed. */
      readonly opIndex?: number;
      /**
       * False: the request never left this process, so it did not and will not happen. True: the server may have seen
       * it.
       */
      readonly sent: boolean;
      readonly zkCode?: number;
      /** What else is known, a full clause. */
      readonly hint?: string;
    },
  ) {
    const where = details.path === undefined ? '' : ` ${details.path}`;
    const which = details.opIndex === undefined ? '' : ` (operation ${details.opIndex + 1} of the transaction)`;
    const code = details.zkCode === undefined ? '' : ` [${details.zkCode}]`;
    const hint = details.hint === undefined ? '' : `; ${details.hint}`;
    super(`ZK_${reason.toUpperCase().replaceAll('-', '_')}`, `${details.operation}${where}${which}: ${reason}${code}${hint}`);
  }

  /** True when the request may have been carried out although no answer came. */
  get outcomeUnknown(): boolean {
    return this.details.sent && (this.reason === 'connection-loss' || this.reason === 'operation-timeout');
  }
}

/** Narrow `thrown` to a ZooKeeper error with one of these reasons. */
export function isZooKeeperError(thrown: unknown, ...reasons: readonly ZooKeeperReason[]): thrown is ZooKeeperError {
  return thrown instanceof ZooKeeperError && (reasons.length === 0 || reasons.includes(thrown.reason));
}

/** No answer came, because the connection was lost or is not there; the session may live on. */
export function isConnectionLost(thrown: unknown): thrown is ZooKeeperError {
  return isZooKeeperError(thrown, 'connection-loss', 'operation-timeout');
}

/** The session is over, or has gone on over another connection: nothing more is answered on this one. */
export function isSessionLost(thrown: unknown): thrown is ZooKeeperError {
  return isZooKeeperError(thrown, 'session-expired', 'session-moved');
}

/** A transaction that may have been carried out although no answer came. */
export function isReplyLost(thrown: unknown): thrown is ZooKeeperError {
  return isZooKeeperError(thrown) && thrown.outcomeUnknown && thrown.details.operation === 'multi';
}

/** What was read of a node; undefined when there is no such node. */
export async function orUndefined<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (thrown) {
    if (isZooKeeperError(thrown, 'no-node')) return undefined;
    throw thrown;
  }
}
