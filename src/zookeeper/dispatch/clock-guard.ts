import type { Fence, HeldTenure } from '../mastership/election/held-tenure.js';
import type { Clock } from '../support/clock.js';
import type { Observer } from '../support/observer.js';
import { messageOf } from '../support/errors.js';
import type { ElectionGate } from '../gate/election-gate.js';

/** A replica whose clock is off says so, and hands the mastership over, this often at most for each election. */
const REPEAT_MS = 60_000;
/** How long a judgement by a fresh reading of the ensemble's clock counts. */
const FRESH_MS = 5_000;

/** How this replica's wall clock stands to the ensemble's: `offMs` is positive when it is ahead. */
export type ClockJudgement = { readonly kind: 'good' } | { readonly kind: 'off'; readonly offMs: number };

const GOOD: ClockJudgement = { kind: 'good' };

/**
 * Compares the wall clock, by which ticks are due, with the ensemble's. A replica that is too far off decides about no
 * tick: ahead, it would use up ticks of the future; behind, it would run none. It gives its masterships up, so that
 * another one can run them.
 *
 * The ensemble's clock is that of one server, its leader, and may be the wrong one. So a replica that finds the two
 * apart asks how the clocks of the other replicas stand to it. When more of them agree with this replica's than with
 * the leader's, it is the leader that is off, and ticks are decided by the replicas' clocks. On equal terms the leader
 * is right. Replicas of one host have one clock and one vote.
 *
 * The ensemble's clock as of the last write serves as long as it agrees. When it does not it is read anew, because that
 * write may have been long ago and this machine suspended since.
 */
export class ClockGuard {
  private fresh: { readonly atMs: number; readonly judgement: ClockJudgement } | undefined;
  private readonly toldMs = new WeakMap<ElectionGate, number>();
  private leaderToldMs: number | undefined;
  private reading: Promise<ClockJudgement> | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly observer: Observer,
    private readonly maxClockSkewMs: number,
  ) {}

  /** No I/O as long as the clocks agree. Rejects as the write does that reads the ensemble's clock. */
  check(tenure: HeldTenure, gate: ElectionGate): ClockJudgement | Promise<ClockJudgement> {
    const { fence } = tenure;
    if (fence === undefined) return GOOD;
    const ensembleMs = fence.session.ensembleTimeMs();
    if (ensembleMs !== undefined && this.compare(ensembleMs).kind === 'good') {
      this.fresh = undefined;
      return GOOD;
    }
    const judgement = this.checkAnew(fence);
    return judgement instanceof Promise ? judgement.then((checked) => this.handOver(checked, gate)) : this.handOver(judgement, gate);
  }

  private checkAnew(fence: Fence): ClockJudgement | Promise<ClockJudgement> {
    if (this.fresh !== undefined && this.clock.monotonicMs() - this.fresh.atMs < FRESH_MS) return this.fresh.judgement;
    this.reading ??= this.read(fence).finally(() => (this.reading = undefined));
    return this.reading;
  }

  private async read(fence: Fence): Promise<ClockJudgement> {
    const compared = this.compare(await fence.readEnsembleTime());
    const judgement = compared.kind === 'off' ? await this.hearOthers(fence, compared) : compared;
    this.fresh = { atMs: this.clock.monotonicMs(), judgement };
    return judgement;
  }

  private async hearOthers(fence: Fence, judgement: ClockJudgement): Promise<ClockJudgement> {
    const { own, others } = await fence.clocks();
    const isClose = (aMs: number, bMs: number): boolean => Math.abs(aMs - bMs) <= this.maxClockSkewMs;
    // One that stands between the two speaks for neither.
    const withLeader = others.filter(({ offMs }) => isClose(offMs, 0) && !isClose(offMs, own.offMs)).length;
    const withThis = others.filter(({ offMs }) => isClose(offMs, own.offMs) && !isClose(offMs, 0)).length;
    if (withThis <= withLeader) return judgement;
    const monotonicMs = this.clock.monotonicMs();
    if (this.leaderToldMs === undefined || monotonicMs - this.leaderToldMs >= REPEAT_MS) {
      this.leaderToldMs = monotonicMs;
      const offMs = Math.round(-own.offMs);
      this.observer.observe({
        level: 'error',
        event: 'clock.leader-off',
        message:
          `The wall clock of ZooKeeper's leader is ${Math.abs(offMs)} ms ${offMs > 0 ? 'ahead of' : 'behind'} that of this replica, and of ${withThis} other ` +
          `host(s); ${withLeader} agree with the leader. Ticks are decided by the replicas' clocks. Set the clock of ZooKeeper's leader.`,
        fields: { offMs, withThis, withLeader, maxClockSkewMs: this.maxClockSkewMs },
      });
    }
    return GOOD;
  }

  private compare(ensembleMs: number): ClockJudgement {
    const offMs = this.clock.wallMs() - ensembleMs;
    return Math.abs(offMs) <= this.maxClockSkewMs ? GOOD : { kind: 'off', offMs };
  }

  private handOver(judgement: ClockJudgement, gate: ElectionGate): ClockJudgement {
    const monotonicMs = this.clock.monotonicMs();
    if (judgement.kind === 'good' || monotonicMs - (this.toldMs.get(gate) ?? -Infinity) < REPEAT_MS) return judgement;
    this.toldMs.set(gate, monotonicMs);
    const { key } = gate.election;
    const rounded = Math.round(judgement.offMs);
    this.observer.observe({
      level: 'error',
      event: 'clock.off',
      message:
        `ZK_CLOCK_OFF: the wall clock of this replica is ${Math.abs(rounded)} ms ${rounded > 0 ? 'ahead of' : 'behind'} ZooKeeper's (allowed: maxClockSkewMs ` +
        `${this.maxClockSkewMs}), so it decides about no tick and hands "${key}" over. Set its clock; if ZooKeeper's is the wrong one, set that of its leader.`,
      fields: { code: 'ZK_CLOCK_OFF', election: key, offMs: rounded, maxClockSkewMs: this.maxClockSkewMs },
    });
    gate.election.resign().catch((thrown: unknown) => {
      this.observer.observe({
        level: 'warn',
        event: 'clock.not-handed-over',
        message: `"${key}" could not be handed over: ${messageOf(thrown)}`,
        fields: { election: key },
      });
    });
    return judgement;
  }
}
