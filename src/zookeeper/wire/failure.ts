import { ZOOKEEPER_CODES } from './errors.js';
import type { CodedError } from './package.js';

/** Why a request was not answered, or what the server answered; becomes a `ZooKeeperError` in client.ts. */
export class WireFailure implements CodedError {
  constructor(
    readonly code: number,
    /** False: the request never left this process. */
    readonly sent: boolean,
    readonly fromServer: boolean,
    readonly hint?: string,
    /** In a transaction: the operation that failed. */
    readonly at?: { readonly opIndex: number; readonly path: string },
  ) {}

  /** The package's client asks for it. */
  getCode(): number {
    return this.code;
  }
}

export function connectionLoss(sent: boolean, hint: string): WireFailure {
  return new WireFailure(ZOOKEEPER_CODES['connection-loss'], sent, false, hint);
}

export function refused(reason: keyof typeof ZOOKEEPER_CODES, hint: string): WireFailure {
  return new WireFailure(ZOOKEEPER_CODES[reason], false, false, hint);
}
