import type { Clock } from '../../support/clock.js';
import type { Stat } from '../../wire/operations.js';
import { isAsWritten, provesEnd, type ElectionRecord, type RecordRead } from './election-record.js';
import { MAX_LEASE_MS, waitMsFor } from '../../session/lease-length.js';
import { maxOf } from '../../support/token.js';

/** What must be waited for before a won node is believed, and why. */
export interface Proof {
  readonly waitMs: number;
  readonly why: string;
}

/** So many masters are remembered by name. */
const MAX_HOLDERS = 16;

/** A tenure as this replica first saw it in a record that was as written. */
interface SeenTenure {
  readonly id: string;
  readonly leaseMs: number;
  readonly unprovenMs: number;
  /** Monotonic. */
  readonly seenAtMs: number;
}

/** What a candidate remembers of an election from session to session; lost with the process, and safe to lose. */
export class Memory {
  /** The highest fencing token of this election that this replica has held or read. */
  tokenSeen = 0n;
  /** Who held the last few of them, by token. */
  private readonly holders = new Map<bigint, string>();
  /** The longest lease that any record seen here has named. */
  private leaseSeenMs = 0;
  private seen: SeenTenure | undefined;
  private lastNodeCzxid = 0n;
  private ended: { readonly tenureId: string; readonly recordVersion: number; readonly untilMs: number } | undefined;
  private edit: { readonly address: string; readonly after: string } | undefined;
  private stoodBackAfter: string | undefined;

  constructor(private readonly clock: Clock) {}

  sawToken(token: bigint, address: string): void {
    this.tokenSeen = maxOf(this.tokenSeen, token);
    this.holders.set(token, address);
    const [oldest] = this.holders.keys();
    if (this.holders.size > MAX_HOLDERS && oldest !== undefined) this.holders.delete(oldest);
  }

  /** `host:port` of the master with this token, if this replica has seen it: for people. */
  holderOf(token: bigint): string | undefined {
    return this.holders.get(token);
  }

  /**
   * Replicas may be configured with different session timeouts, hence leases. A tenure never changes its lease and
   * never lengthens its wait, so what was seen first counts: a later edit by hand makes nobody wait for longer.
   */
  sawRecord(read: RecordRead): void {
    const { record } = read;
    if (record === undefined || record.tenure === this.seen?.id) return;
    this.leaseSeenMs = Math.max(this.leaseSeenMs, record.leaseMs);
    if (!isAsWritten(read)) return;
    const { tenure, leaseMs, unprovenMs } = record;
    this.seen = { id: tenure, leaseMs, unprovenMs, seenAtMs: this.clock.monotonicMs() };
  }

  /** Whether this is the tenure that was seen last. */
  hasSeen(tenure: string): boolean {
    return this.seen?.id === tenure;
  }

  /**
   * A tenure of this very process is over: nothing of it believes any more. `untilMs`: when its own wait would have
   * ended. Known again by the record's version as well: an older record put back by hand names an older tenure.
   */
  endedHere(tenureId: string, recordVersion: number, untilMs: number): void {
    this.ended = { tenureId, recordVersion, untilMs };
  }

  sawNode(stat: Stat): void {
    this.lastNodeCzxid = maxOf(this.lastNodeCzxid, stat.czxid);
  }

  /**
   * A master's node was edited to name another replica; if that master dies before it hands over, its standbys know.
   */
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

  /**
   * The wait for a predecessor that may be anybody: the longest lease there can be, be it longer than this replica's
   * own. `record` is one that is not known to be the predecessor's. It counts nevertheless where it says more: a master
   * of an older version of this library, whose record does not prove itself, may believe for longer.
   */
  unknown(record: ElectionRecord | undefined, why: string): Proof {
    const seen = record !== undefined && record.tenure === this.seen?.id ? this.seen : record;
    const leaseMs = Math.max(MAX_LEASE_MS, this.leaseSeenMs, seen?.leaseMs ?? 0);
    const unprovenMs = Math.min(record?.unprovenMs ?? 0, seen?.unprovenMs ?? 0);
    return { waitMs: Math.max(waitMsFor(leaseMs), unprovenMs), why };
  }

  /**
   * The wait for the very tenure that this record names: for its lease, and for what is left of the wait that it had
   * inherited. That wait has begun, at the latest, when this replica saw the tenure for the first time.
   */
  private unended(record: ElectionRecord, why: string): Proof {
    const seen = record.tenure === this.seen?.id ? this.seen : undefined;
    const leaseMs = seen?.leaseMs ?? record.leaseMs;
    const sinceMs = seen === undefined ? 0 : this.clock.monotonicMs() - seen.seenAtMs;
    const inheritedMs = Math.min(record.unprovenMs, seen?.unprovenMs ?? record.unprovenMs) - sinceMs;
    return { waitMs: Math.max(waitMsFor(leaseMs), inheritedMs), why };
  }

  /**
   * The proof-or-wait rule, for the winner of the node created at `wonCzxid` who replaced the record as read. A renewal
   * of the predecessor that was ever acknowledged was sent before its node vanished, hence before the win; so its
   * belief ends within its lease of the win, whatever session timeouts, ticks and pings did. Only four things need no
   * wait: a resignation, a death that a crash guard has seen, an end within this very process, and what is left of an
   * inherited wait.
   *
   * Whose lease? The replicas' leases differ with their session timeouts. A record that is as written names
   * the last tenure there was, since every win replaces it, and that tenure's own lease. Anything else leaves
   * the predecessor unknown.
   */
  proofOf(read: RecordRead, wonCzxid: bigint): Proof {
    const { record, stat } = read;
    if (record === undefined) return this.unknown(record, 'nothing is known of a predecessor');
    // A win writes the record in the node's own transaction, so a node younger than the record's last
    // write was not won by us.
    if (this.lastNodeCzxid > stat.mzxid) return this.unknown(record, 'the last holder was a participant that keeps no record');
    if (provesEnd(read, wonCzxid)) {
      const why =
        record.state === 'died'
          ? `the process of ${record.address} has died, which its crash guard has seen`
          : `${record.address} has resigned`;
      return { waitMs: record.unprovenMs, why };
    }
    const { ended } = this;
    if (ended?.tenureId === record.tenure && ended.recordVersion === stat.version) {
      return { waitMs: Math.max(0, ended.untilMs - this.clock.monotonicMs()), why: 'the predecessor was this process, and has ended' };
    }
    if (isAsWritten(read)) return this.unended(record, `the end of ${record.address}'s tenure is not proven`);
    return this.unknown(
      record,
      `the record that names ${record.address} was not written by a master of this version of the library, or was edited`,
    );
  }

  /**
   * The address that a hand-over prefers now, if any: the record's word, or an edit that its master
   * did not live to carry out.
   */
  preferred(read: RecordRead): { readonly address: string; readonly after: string } | undefined {
    const { record } = read;
    if (record === undefined) return undefined;
    if (record.state !== 'held') return record.successor?.after === record.tenure ? record.successor : undefined;
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
