import { isHeld, type RunEntry } from '../jobs/record/job-record.js';
import type { MemberDirectory, MemberView } from '../jobs/persistence/job-store.js';
import type { Clock } from '../support/clock.js';
import type { Fence } from '../mastership/election/held-tenure.js';
import { LONGEST_OLD_LEASE_MS, waitMsFor } from '../session/lease-length.js';

/** How many names of gone replicas are remembered; a forgotten one is waited for anew. */
const MAX_REMEMBERED = 1_000;

/** Of the replicas that were asked about. */
export interface Gone {
  /** For long enough: their runs may be taken over. */
  readonly gone: ReadonlySet<string>;
  /** Not long enough yet. */
  readonly waiting: ReadonlySet<string>;
  /** `host:port` of those that are gone, by the name of their member node, where it is known. */
  readonly addresses: ReadonlyMap<string, string>;
  /** When the next of these may be gone. */
  readonly askAgainInMs: number | undefined;
}

export const NONE_GONE: Gone = { gone: new Set(), waiting: new Set(), addresses: new Map(), askAgainInMs: undefined };

/** One list of the members serves all jobs that ask within this and had their record before the list was asked for. */
const SHARED_MS = 200;

interface MemberList {
  readonly number: number;
  readonly atMs: number;
  readonly members: Promise<readonly MemberView[]>;
}

/**
 * Which replicas are gone for good, so that their runs may be taken over.
 *
 * The member node of a replica lives with its session. For a run under an earlier tenure of the *same* election that is
 * enough: this master believes, so its predecessor does not any more. For a run under another election (another
 * version's master) the end of the session does not prove the end of belief; its lease, which is at most
 * `LONGEST_OLD_LEASE_MS`, has passed when the node has been away for that long.
 *
 * A list of the members says nothing about a replica that has come since it was asked for, and such a one may have
 * claimed a run already. So a list counts for a record only if it was asked for when that record had been read: who
 * claims has its member node first, and a session reads nothing older than it has read before.
 */
export class GoneReplicas {
  private readonly sinceMs = new Map<string, number>();
  private readonly addressesSeen = new Map<string, string>();
  private latest: MemberList | undefined;
  private asked = 0;

  constructor(
    private readonly store: MemberDirectory,
    private readonly clock: Clock,
  ) {}

  /** Names the moment for `among`: the lists asked for from now on are newer than what is known now. */
  get moment(): number {
    return this.asked;
  }

  /**
   * Which of the replicas that these runs name are gone. `readAt`: the `moment` at which the record
   * that names them was there.
   */
  async among(running: readonly RunEntry[], election: string, readAt: number, fence?: Pick<Fence, 'holderOf'>): Promise<Gone> {
    const living = await this.members(readAt);
    for (const { name, address } of living) remember(this.addressesSeen, name, address);
    const present = new Set(living.map((member) => member.name));
    const addresses = new Map<string, string>();
    const gone = new Set<string>();
    const waiting = new Set<string>();
    let askAgainInMs: number | undefined;
    for (const entry of running) {
      if (!isHeld(entry)) continue;
      const { member } = entry.holder;
      if (present.has(member)) {
        this.sinceMs.delete(member);
        continue;
      }
      const sinceMs = this.sinceMs.get(member) ?? this.clock.monotonicMs();
      remember(this.sinceMs, member, sinceMs);
      const address = this.addressesSeen.get(member) ?? fence?.holderOf(entry.token);
      if (address !== undefined && address !== '') addresses.set(member, address);
      const leftMs = entry.election === election ? 0 : sinceMs + waitMsFor(LONGEST_OLD_LEASE_MS) - this.clock.monotonicMs();
      (leftMs <= 0 ? gone : waiting).add(member);
      if (leftMs > 0) askAgainInMs = Math.min(askAgainInMs ?? leftMs, leftMs);
    }
    return { gone, waiting, addresses, askAgainInMs };
  }

  private members(readAt: number): Promise<readonly MemberView[]> {
    const { latest } = this;
    const monotonicMs = this.clock.monotonicMs();
    if (latest !== undefined && latest.number > readAt && monotonicMs - latest.atMs < SHARED_MS) return latest.members;
    this.asked += 1;
    const list = { number: this.asked, atMs: monotonicMs, members: this.store.members() };
    this.latest = list;
    list.members.catch(() => {
      if (this.latest === list) this.latest = undefined;
    });
    return list.members;
  }
}

function remember<T>(map: Map<string, T>, member: string, value: T): void {
  map.set(member, value);
  const [oldest] = map.keys();
  if (map.size > MAX_REMEMBERED && oldest !== undefined) map.delete(oldest);
}
