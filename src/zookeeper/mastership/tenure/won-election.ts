import type { Lease } from '../../session/lease.js';
import type { NodeView } from '../../session/node-watch.js';
import { ownerOf } from '../../session/nodes.js';
import type { ElectionRecord } from '../election/election-record.js';
import type { Tenure } from '../election/mastership.state.js';
import { tokenOf } from '../../support/token.js';

/**
 * The won node's version: created with 0, then set once in the same transaction, so that a foreign or
 * re-created node (0) differs.
 */
export const WON_VERSION = 1;

/** A won node, as the winning transaction has made it. */
export interface Win {
  readonly tenureId: string;
  readonly czxid: bigint;
  readonly record: ElectionRecord;
  /** The record's version after the win; every later write of the record is conditional on it. */
  readonly recordVersion: number;
  /**
   * The record node's creating transaction: tells a record that was wiped and made again from the one that was read.
   */
  readonly recordCzxid: bigint;
  /**
   * From the winning write itself; undefined when its reply was lost: then the end of the take-over
   * wait gives the first one.
   */
  readonly lease: Lease | undefined;
  /** The read that arms the watch, sent right behind the winning write; undefined when the win's reply was lost. */
  readonly view: Promise<NodeView | undefined> | undefined;
}

/** What of a won election can change while it is held: written by `TenureKeeper` and the steps that it calls. */
export interface WonElection {
  readonly tenureId: string;
  readonly czxid: bigint;
  /** The node's version that this tenure has written or accepted. */
  nodeVersion: number;
  /** The version of an edit that this master has not been able to follow, and has yet to undo. */
  unfollowedVersion: number | undefined;
  record: ElectionRecord;
  recordVersion: number;
}

export function wonElection({ tenureId, czxid, record, recordVersion }: Win): WonElection {
  return { tenureId, czxid, record, recordVersion, nodeVersion: WON_VERSION, unfollowedVersion: undefined };
}

/** The tenure, with the fencing token that the record as known now gives it. */
export function tenureOf({ tenureId, czxid, record }: WonElection): Tenure {
  return { id: tenureId, czxid, token: tokenOf(record.floor, czxid) };
}

/** Whether this is the node that the tenure has won, over this session. */
export function isOwn({ czxid }: WonElection, { stat }: NodeView, sessionId: bigint): boolean {
  return ownerOf(stat, sessionId) === 'this session' && stat.czxid === czxid;
}

/** Nobody is to go first after this tenure. */
export function clearSuccessor(won: WonElection): void {
  const { successor: _dropped, ...record } = won.record;
  won.record = record;
}

/**
 * A win that has put back a floor raised meanwhile: the end of the take-over wait writes the right one
 * before anything is believed.
 */
export function withFloor(won: Win, floor: bigint): Win {
  return floor <= won.record.floor ? won : { ...won, record: { ...won.record, floor }, lease: undefined };
}
