import { placesIn } from '../../recipes/line/line.js';
import type { ElectionContext } from '../election/election-context.js';

/** That its answers come too late is told this often. */
const LATE_AGAIN_MS = 60_000;
/** Fewer late answers than this, one after the other, are an accident. */
const LATE_ANSWERS = 3;

/**
 * Answers to one tenure that came when their lease was over. With round trips longer than the lease nobody can be
 * master, however healthy all else is. That must be said; and the node, which keeps others from being master, goes to
 * one of them, if there are any, when it has been so for a session timeout.
 */
export class Lateness {
  /** Since the last answer that came in time. */
  private run: { readonly sinceMs: number; readonly count: number } | undefined;
  private toldMs: number | undefined;

  constructor(
    private readonly context: ElectionContext,
    /** Identifies this replica in the line of standbys. */
    private readonly lineId: string,
    /** Leaves, unless that is under way. */
    private readonly leave: (why: string) => void,
  ) {}

  inTime(): void {
    this.run = undefined;
  }

  late(tookMs: number): void {
    const monotonicMs = this.context.clock.monotonicMs();
    this.run = { sinceMs: this.run?.sinceMs ?? monotonicMs - tookMs, count: (this.run?.count ?? 0) + 1 };
    if (this.toldMs === undefined || monotonicMs - this.toldMs >= LATE_AGAIN_MS) this.tell(monotonicMs, tookMs);
    if (this.run.count >= LATE_ANSWERS && monotonicMs - this.run.sinceMs >= this.context.session.timeoutMs) void this.makeWay();
  }

  private tell(monotonicMs: number, tookMs: number): void {
    const { context } = this;
    this.toldMs = monotonicMs;
    const [took, leaseMs] = [Math.round(tookMs), Math.round(context.keeper.lengthMs)];
    context.report(
      'warn',
      'slow',
      `ZooKeeper has answered a write after ${took} ms, which is longer than the lease of ${leaseMs} ms: with such answers this replica cannot be ` +
        'master. Look at the servers and the network; or raise sessionTimeoutMs (a lease is a third of it, at most 5 s).',
      { tookMs: took, leaseMs },
    );
  }

  private async makeWay(): Promise<void> {
    const places = await placesIn(this.context.session, this.context.znodes.line).catch(() => []);
    const isAlone = places.every((place) => place.id === this.lineId);
    if (!isAlone && this.run !== undefined) this.leave('ZooKeeper answers too late here');
  }
}
