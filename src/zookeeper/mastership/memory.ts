import type { Clock } from '../support/clock.js';
import type { Stat } from '../wire/operations.js';
import { provesResignation, type ElectionRecord, type RecordRead } from './record.js';
import { waitMsFor } from './timing.js';
import { maxOf } from './token.js';

/** What must be waited for before a won node is believed, and why. */
export interface Proof {
  readonly waitMs: number;
  readonly why: string;
}

/** What a candidate remembers of an election from session to session; lost with the process, and safe to lose. */
export class Memory {
  /** The highest fencing token of this election that this replica has held or read. */
  tokenSeen = 0n;
  private leaseSeenMs = 0;
  /** The last tenure seen, as its record was when it was first seen. */
  private tenureSeen: Pick<ElectionRecord, 'tenure' | 'leaseMs' | 'unprovenMs'> | undefined;
  private lastNodeCzxid = 0n;
  private ended: { readonly tenureId: string; readonly recordVersion: number; readonly untilMs: number } | undefined;
  private edit: { readonly address: string; readonly after: string } | undefined;
  private stoodBackAfter: string | undefined;

  constructor(private readonly clock: Clock) {}

  sawToken(token: bigint): void {
    this.tokenSeen = maxOf(this.tokenSeen, token);
  }

  /**
   * Replicas may be configured with different session timeouts, hence leases. A tenure never changes its lease and never
   * lengthens its wait, so what was seen first counts: a later edit by hand makes nobody wait for longer.
   */
  sawRecord(record: ElectionRecord): void {
    if (record.tenure === this.tenureSeen?.tenure) return;
    this.tenureSeen = record;
    this.leaseSeenMs = Math.max(this.leaseSeenMs, record.leaseMs);
  }

  /**
   * A tenure of this very process is over: nothing of it believes any more. `untilMs`: when its own wait would have ended. Known again by the
   * record's version as well: an older record put back by hand names an older tenure.
   */
  endedHere(tenureId: string, recordVersion: number, untilMs: number): void {
    this.ended = { tenureId, recordVersion, untilMs };
  }

  sawNode(stat: Stat): void {
    this.lastNodeCzxid = maxOf(this.lastNodeCzxid, stat.czxid);
  }

  /** A master's node was edited to name another replica; if that master dies before it hands over, its standbys know. */
  sawEdit(edit: { readonly address: string; readonly after: string } | undefined): void {
    this.edit = edit;
  }

  /** Whether the last edit seen names this address. */
  isNamed(address: string): boolean {
    return this.edit?.address === address;
  }

  /** Whether a hand-over was asked for whose successor is to go first. */
  expectsSuccessor(): boolean {
    return this.edit !== undefined;
  }

  /** The wait when the predecessor's end is not proven; `record` may be its own. */
  unproven(ownLeaseMs: number, record: ElectionRecord | undefined, why: string): Proof {
    const seen = record !== undefined && record.tenure === this.tenureSeen?.tenure ? this.tenureSeen : record;
    const leaseMs = Math.max(ownLeaseMs, this.leaseSeenMs, seen?.leaseMs ?? 0);
    const unprovenMs = Math.min(record?.unprovenMs ?? 0, seen?.unprovenMs ?? 0);
    return { waitMs: Math.max(waitMsFor(leaseMs), unprovenMs), why };
  }

  /**
   * The proof-or-wait rule, for the winner of the node created at `wonCzxid` who replaced the record as read. A renewal of the predecessor
   * that was ever acknowledged was sent before its node vanished, hence before the win; so its belief ends within its lease
   * of the win, whatever session timeouts, ticks and pings did. Only three things need no wait: a resignation, an end within this
   * very process, and what is left of an inherited wait.
   */
  proofOf(read: RecordRead, ownLeaseMs: number, wonCzxid: bigint): Proof {
    const { record, stat } = read;
    if (record === undefined) return this.unproven(ownLeaseMs, record, 'nothing is known of a predecessor');
    // A win writes the record in the node's own transaction, so a node younger than the record's last write was not won by us.
    if (this.lastNodeCzxid > stat.mzxid) return this.unproven(ownLeaseMs, record, 'the last holder was a participant that keeps no record');
    if (provesResignation(read, wonCzxid)) return { waitMs: record.unprovenMs, why: `${record.address} has resigned` };
    const { ended } = this;
    if (ended?.tenureId === record.tenure && ended.recordVersion === stat.version) {
      return { waitMs: Math.max(0, ended.untilMs - this.clock.nowMs()), why: 'the predecessor was this process, and has ended' };
    }
    return this.unproven(ownLeaseMs, record, `the end of ${record.address}'s tenure is not proven`);
  }

  /** The address that a hand-over prefers now, if any: the record's word, or an edit that its master did not live to carry out. */
  preferred(read: RecordRead): { readonly address: string; readonly after: string } | undefined {
    const { record } = read;
    if (record === undefined) return undefined;
    if (record.state === 'resigned') return record.successor?.after === record.tenure ? record.successor : undefined;
    return this.edit?.after === record.tenure ? this.edit : undefined;
  }

  /** Whether to stand back for the preferred address: once for each tenure, so that a preference never blocks. */
  standsBack(read: RecordRead, ownAddress: string): boolean {
    const preferred = this.preferred(read);
    if (preferred === undefined || preferred.address === ownAddress || this.stoodBackAfter === preferred.after) return false;
    this.stoodBackAfter = preferred.after;
    return true;
  }
}
