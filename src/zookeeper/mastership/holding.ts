import type { ElectionRecord } from './record.js';

/** What of a won election can change while it is held: written by `Reign` and the steps that it calls. */
export interface Holding {
  readonly tenureId: string;
  readonly czxid: bigint;
  /** The node's version that this tenure has written or accepted. */
  nodeVersion: number;
  record: ElectionRecord;
  recordVersion: number;
}
