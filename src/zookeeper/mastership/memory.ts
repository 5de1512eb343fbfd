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

const MAX_ENDED = 16;

/** What a candidate remembers of an election from session to session; lost with the process, and safe to lose. */
export class Memory {
  /** The highest fencing token of this election that this replica has held or read. */
  tokenSeen = 0n;
  private readonly ended = new Map<string, number>();
  private foreignCzxid: bigint | undefined;
  private edit: { readonly address: string; readonly after: string } | undefined;
  private stoodBackAfter: string | undefined;

  constructor(private readonly clock: Clock) {}

  sawToken(token: bigint): void {
    this.tokenSeen = maxOf(this.tokenSeen, token);
  }

  /** A tenure of this very process is over: nothing of it believes any more. `untilMs`: when its own wait would have ended. */
  endedHere(tenureId: string, untilMs: number): void {
    this.ended.set(tenureId, untilMs);
    const [oldest] = this.ended.keys();
    if (this.ended.size > MAX_ENDED && oldest !== undefined) this.ended.delete(oldest);
  }

  /** A node with version 0 was not made by this library, which sets its node once: its holder keeps no record. */
  sawNode(stat: Stat): void {
    if (stat.version === 0) this.foreignCzxid = stat.czxid;
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

  /** The wait when nothing certain is known of the predecessor, but that it may have been the tenure of this record. */
  unknown(ownLeaseMs: number, record?: ElectionRecord): Proof {
    const waitMs = Math.max(waitMsFor(Math.max(ownLeaseMs, record?.leaseMs ?? 0)), record?.unprovenMs ?? 0);
    return { waitMs, why: 'nothing certain is known of the predecessor' };
  }

  /**
   * The proof-or-wait rule. A renewal of the predecessor that was ever acknowledged was sent before its node vanished, hence
   * before the win; so its belief ends within its lease of the win, whatever session timeouts, ticks and pings did. Only three
   * things need no wait: a resignation, an end within this very process, and what is left of an inherited wait.
   */
  proofOf(read: RecordRead, ownLeaseMs: number): Proof {
    const own = waitMsFor(ownLeaseMs);
    const { record } = read;
    if (record === undefined) return { waitMs: own, why: 'nothing is known of a predecessor' };
    if (this.foreignCzxid !== undefined && this.foreignCzxid > read.stat.mzxid) {
      return { waitMs: Math.max(own, record.unprovenMs), why: 'the last holder was a participant that keeps no record' };
    }
    if (provesResignation(read)) return { waitMs: record.unprovenMs, why: `${record.address} has resigned` };
    const endedUntil = this.ended.get(record.tenure);
    if (endedUntil !== undefined) {
      return { waitMs: Math.max(0, endedUntil - this.clock.nowMs()), why: 'the predecessor was this process, and has ended' };
    }
    const waitMs = Math.max(own, waitMsFor(record.leaseMs), record.unprovenMs);
    return { waitMs, why: `the end of ${record.address}'s tenure is not proven` };
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
