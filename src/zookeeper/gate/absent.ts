import type { RunEntry } from '../jobs/record/job-record.js';
import type { JobStore, MemberView } from '../jobs/record/job-store.js';
import type { Clock } from '../support/clock.js';
import { LONGEST_OLD_LEASE_MS, waitMsFor } from '../mastership/timing.js';

/** How many names of absent replicas are remembered; a forgotten one is waited for anew. */
const MAX_REMEMBERED = 1_000;

/** Of the replicas that were asked about. */
export interface Absence {
  /** For long enough: their runs may be taken over. */
  readonly gone: ReadonlySet<string>;
  /** Not long enough yet. */
  readonly waiting: ReadonlySet<string>;
  /** When the next of these may be gone. */
  readonly lookAgainInMs: number | undefined;
}

export const NONE_GONE: Absence = { gone: new Set(), waiting: new Set(), lookAgainInMs: undefined };

/** One look at the members serves all jobs that ask within this. */
const SHARED_MS = 200;

/**
 * Which replicas are gone for good, so that their runs may be taken over.
 *
 * The member node of a replica lives with its session. For a run under an earlier tenure of the *same* election that is enough: this master believes,
 * so its predecessor does not any more. For a run under another election (another version's master) the end of the session does not
 * prove the end of belief; its lease, which is at most `LONGEST_OLD_LEASE_MS`, has passed when the node has been away for that long.
 */
export class Absent {
  private readonly sinceMs = new Map<string, number>();
  private look: { readonly atMs: number; readonly members: Promise<readonly MemberView[]> } | undefined;

  constructor(
    private readonly store: JobStore,
    private readonly clock: Clock,
  ) {}

  /** Which of the replicas that these runs name are gone. */
  async among(running: readonly RunEntry[], election: string): Promise<Absence> {
    const askedMs = this.clock.nowMs();
    const present = new Set((await this.members(askedMs)).map((member) => member.name));
    const gone = new Set<string>();
    const waiting = new Set<string>();
    let lookAgainInMs: number | undefined;
    for (const entry of running) {
      if (entry.member === '') continue;
      if (present.has(entry.member)) {
        this.sinceMs.delete(entry.member);
        continue;
      }
      const sinceMs = this.sinceMs.get(entry.member) ?? this.clock.nowMs();
      this.remember(entry.member, sinceMs);
      const leftMs = entry.election === election ? 0 : sinceMs + waitMsFor(LONGEST_OLD_LEASE_MS) - this.clock.nowMs();
      (leftMs <= 0 ? gone : waiting).add(entry.member);
      if (leftMs > 0) lookAgainInMs = Math.min(lookAgainInMs ?? leftMs, leftMs);
    }
    return { gone, waiting, lookAgainInMs };
  }

  private remember(member: string, sinceMs: number): void {
    this.sinceMs.set(member, sinceMs);
    const [oldest] = this.sinceMs.keys();
    if (this.sinceMs.size > MAX_REMEMBERED && oldest !== undefined) this.sinceMs.delete(oldest);
  }

  private members(askedMs: number): Promise<readonly MemberView[]> {
    const { look } = this;
    if (look !== undefined && askedMs - look.atMs < SHARED_MS) return look.members;
    const members = this.store.members();
    this.look = { atMs: askedMs, members };
    members.catch(() => {
      if (this.look?.members === members) this.look = undefined;
    });
    return members;
  }
}
