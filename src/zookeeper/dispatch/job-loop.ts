import { randomUUID } from 'node:crypto';
import { decide } from '../jobs/decide/decide.js';
import type { JobView, RunEntry } from '../jobs/record/job-record.js';
import { viewIn, type WriteResult } from '../jobs/persistence/job-store.js';
import type { Situation } from '../jobs/decide/plan.js';
import type { StoredVerdict } from '../jobs/record/verdict.js';
import type { Schedule } from '../jobs/schedule/schedule.js';
import type { HeldTenure } from '../mastership/election/held-tenure.js';
import { NONE_GONE, type Absence } from './gone-replicas.js';
import { Claims } from './claims.js';
import type { ElectionGate } from '../gate/election-gate.js';
import { inputOf, GONE, pauseAfter, retryDelayMs, UNREAD, type LoopJob, type LoopParts } from './loop-parts.js';
import { MAX_SLEEP_MS, Reasons } from './wake-ups.js';
import { KnownSchedule } from './known-schedule.js';
import { LongRuns } from './long-runs.js';
import { Obstacles } from './obstacles.js';
import { OwnRuns } from './own-runs.js';
import type { Place, Waiter } from './catch-up-limit.js';
import { RecordCache } from './record-cache.js';
import { Registrar } from './registrar.js';
import { reportClockOff, reportFailure, reportLost, reportPlan, reportUnreadable } from './tick-reports.js';

/**
 * One job on this replica: the only place that decides about its ticks and writes them down here.
 *
 * Everything that happens (a timer, a fire of the schedule, an election, a reconnect, an operator's order, the end of a run) is only a reason to
 * look. A look asks for the tenure, takes the record as known, lets `decide` say what to write, writes it in one transaction that ZooKeeper refuses if anything
 * has moved, and only then starts what was claimed. Looks of one job never run beside each other.
 */
export class JobLoop {
  /** The record as last read. */
  readonly cache = new RecordCache();
  private succeededMs: number | undefined;
  /** The hold that it has entered. */
  private held: HeldTenure | undefined;
  private saidClock = false;
  private behindSinceMs: number | undefined;
  private isLooking = false;
  private looking = Promise.resolve();
  private lookAgain = false;
  private phase: 'open' | 'retired' | 'closed' = 'open';
  private failures = 0;
  private readonly unwatch: (() => void)[] = [];
  private readonly waiter: Waiter;
  private readonly reasons: Reasons;
  private readonly registrar: Registrar;
  private readonly claims: Claims;
  private readonly longRuns: LongRuns;
  private readonly schedule: KnownSchedule;
  private readonly obstacles: Obstacles;
  private readonly unwatchElection: () => void;

  /** Called when it is closed. */
  onClosed: () => void = () => undefined;

  constructor(
    private readonly job: LoopJob,
    private readonly gate: ElectionGate,
    private readonly parts: LoopParts,
    readonly runs: OwnRuns = new OwnRuns(),
  ) {
    runs.onEnd = this.look;
    this.waiter = { job: job.identity.name, look: this.look };
    this.reasons = new Reasons(parts, this.waiter, this.outdated);
    this.registrar = new Registrar(job, parts.clock);
    this.claims = new Claims(parts, job.identity.name, runs);
    this.longRuns = new LongRuns(parts, job.identity.name);
    this.schedule = new KnownSchedule(job.identity.name, parts.observer);
    this.obstacles = new Obstacles(parts.clock, parts.address, gate.availability, gate.ask() !== undefined);
    gate.loops.add(this);
    this.unwatchElection = gate.election.onChange(this.look);
  }

  /** Calls `then` once the record was read, or the later one for the same `what`; drops it when the mastership ends before. */
  afterRead(what: unknown, then: () => void): void {
    this.cache.afterRead(what, then);
    this.look();
  }

  /** A reason to look has come up. Cheap, and safe to call at any time. */
  readonly look = (): void => {
    this.lookAgain = true;
    if (!this.isLooking && this.phase !== 'closed') this.looking = this.run();
  };

  /** A run without a claim has ended: notes its failure, or its success where `maxSilenceMs` wants to know. */
  note(report: StoredVerdict | undefined, succeededMs: number | undefined): void {
    if (report !== undefined) this.runs.report(report);
    if (succeededMs !== undefined) this.succeededMs = succeededMs;
    if (report !== undefined || this.job.identity.rules.maxSilenceMs !== undefined) this.look();
  }

  /** Resolves when each run here that is over has its verdict, and no claim is under way that would be given back; or after `limitMs`. */
  async flushed(limitMs: number): Promise<void> {
    if (this.runs.isWritten && !this.isLooking) return;
    this.look();
    await this.runs.told(this.parts.clock, limitMs);
  }

  /** Decides about nothing any more. Closes when its last run has ended and has its verdict. Resolves when nothing else of it is under way. */
  retire(): Promise<void> {
    if (this.phase === 'open') this.phase = 'retired';
    this.look();
    return this.looking;
  }

  /** For good. What has no verdict yet is left to whoever gets the runs from here, or to the next master. */
  close(): void {
    this.phase = 'closed';
    this.unwatchElection();
    this.leave();
    this.gate.loops.delete(this);
    this.runs.tell();
    this.onClosed();
  }

  private async run(): Promise<void> {
    this.isLooking = true;
    try {
      while (this.lookAgain && this.phase !== 'closed') {
        this.lookAgain = false;
        await this.step();
      }
    } catch (thrown) {
      this.retryAfter(thrown);
    } finally {
      this.isLooking = false;
      if (this.runs.isWritten) this.runs.tell();
      if (this.phase === 'retired' && this.runs.isIdle) this.close();
    }
  }

  private async step(): Promise<void> {
    const tenure = this.phase === 'open' ? this.gate.ask() : undefined;
    if (tenure === undefined) return this.settleOnly();
    if (this.held !== tenure) this.enter(tenure);
    this.obstacles.asks();
    const judged = this.parts.clockGuard.judge(tenure, this.gate);
    if ((judged instanceof Promise ? await judged : judged).kind === 'off') {
      // Nothing is decided, and nothing written. The guard has told, and hands over.
      if (!this.saidClock) reportClockOff(this.parts, this.job.identity);
      this.saidClock = true;
      return this.reasons.pause(MAX_SLEEP_MS);
    }
    if (this.registrar.isDue(this.cache.view, this.cache.cursorSeen))
      await this.registrar.register({ cursor: this.cache.cursorSeen, running: this.runs.live, pause: this.cache.pause });
    const { epoch } = this.cache;
    const view = this.cache.view ?? (await this.load(epoch));
    if (view === undefined) return;
    const others = view.record.running.filter(({ claim }) => !this.runs.has(claim));
    const ask = (): Promise<Absence> => this.parts.absent.among(others, this.gate.digest, this.cache.seenAt, tenure.fence);
    const absence = others.length === 0 ? NONE_GONE : await ask();
    await this.carryOut(this.situation(view, tenure, absence), epoch, tenure, absence);
  }

  /** Elsewhere than on the master: only what became of this replica's own runs is written down. */
  private async settleOnly(): Promise<void> {
    if (this.held !== undefined) this.leave();
    if (this.runs.isWritten) return;
    const { epoch } = this.cache;
    const view = viewIn(await this.parts.store.load(this.job.identity.name));
    if (view !== undefined) return this.carryOut(this.situation(view, undefined, NONE_GONE), epoch, undefined, NONE_GONE);
    const { finished, reports } = this.runs;
    reportLost(this.parts.observer, this.job.identity.name, finished.length + reports.length);
    this.runs.forget(finished, reports);
  }

  private enter(tenure: HeldTenure): void {
    this.leave();
    this.held = tenure;
    this.unwatch.push(this.parts.store.watchControl(this.job.identity.name, () => (this.registrar.doubt(), this.reasons.readAgain())));
    if (tenure.fence !== undefined) this.unwatch.push(tenure.fence.session.onAttached(this.outdated));
  }

  private leave(): void {
    this.held = undefined;
    this.registrar.forget();
    this.saidClock = false;
    this.obstacles.leave();
    this.behindSinceMs = undefined;
    this.cache.forget();
    this.reasons.clear();
    for (const release of this.unwatch.splice(0)) release();
  }

  private readonly outdated = (): void => {
    this.cache.outdate();
    this.look();
  };

  private async load(epoch: number): Promise<JobView | undefined> {
    const loaded = await this.parts.store.load(this.job.identity.name);
    const view = viewIn(loaded);
    if (view !== undefined) this.cache.saw(view, epoch, this.parts.absent.moment);
    if (view !== undefined && this.registrar.isDue(view, this.cache.cursorSeen)) {
      this.lookAgain = true;
      return undefined;
    }
    if (loaded.kind === 'unreadable') {
      reportUnreadable(this.parts.observer, this.job.identity.name, loaded.problem);
      this.registrar.forget();
      this.reasons.pause(MAX_SLEEP_MS);
    } else if (view === undefined) {
      // Deleted: it is made anew, with the ensemble's present time as its floor.
      this.registrar.forget();
      this.lookAgain = true;
      return undefined;
    }
    this.cache.read();
    return view;
  }

  private situation(view: JobView, tenure: HeldTenure | undefined, { gone, addresses }: Absence): Situation {
    const { identity } = this.job;
    return {
      view,
      schedule: identity.disabled ? undefined : this.schedule.of(view.record.schedule),
      rules: identity.disabled ? { ...identity.rules, maxSilenceMs: undefined } : identity.rules,
      wallMs: this.parts.clock.wallMs(),
      tenure: tenure && { member: tenure.fence?.member ?? 'this process', election: this.gate.digest, token: tenure.token },
      address: this.parts.address,
      ...this.runs.situation,
      succeededMs: this.succeededMs,
      gone,
      addresses,
      mayCatchUp: this.parts.pace.hasRoomFor(this.waiter),
      behindSinceMs: this.behindSinceMs,
      obstacles: this.obstacles.list(),
      disabled: identity.disabled,
      newClaim: randomUUID(),
    };
  }

  private async carryOut(situation: Situation, epoch: number, tenure: HeldTenure | undefined, absence: Absence): Promise<void> {
    const plan = decide(situation);
    // In the same turn of the event loop in which the situation has said that there is one, and before the claim is sent.
    const place = plan.catchesUp ? this.parts.pace.take(this.waiter) : undefined;
    try {
      const result = await this.claims.write(situation, plan, tenure);
      if (result !== undefined && !(await this.meet(result, epoch, tenure))) {
        if (result.kind === 'moved' || result.kind === 'unknown') place?.missed();
        return this.claims.unmade(result, situation, plan);
      }
      this.failures = 0;
      this.obstacles.answered(plan.wakeAtMs);
      this.behindSinceMs = plan.isBehind ? (this.behindSinceMs ?? situation.wallMs) : undefined;
      this.runs.forget(situation.finished, situation.reports);
      reportPlan(this.parts, this.job.identity.name, plan, situation);
      if (plan.start !== undefined && tenure !== undefined) {
        const { trigger } = plan.start;
        const input = trigger === undefined ? undefined : await inputOf(this.parts.store, this.job.identity.name, trigger);
        this.start(plan.start, tenure, situation.schedule, input, place);
      }
    } finally {
      place?.release();
    }
    if (plan.again) this.lookAgain = true;
    if (tenure === undefined || this.held !== tenure) return;
    this.longRuns.look(plan, situation);
    this.reasons.await(plan, absence);
  }

  /** True when the change has been made. Otherwise sees to the next look. */
  private async meet(result: WriteResult, epoch: number, tenure: HeldTenure | undefined): Promise<boolean> {
    if (result.kind === 'written') {
      if (this.held !== undefined) this.cache.saw(result.view, epoch, this.parts.absent.moment);
      return true;
    }
    this.cache.outdate();
    if (result.kind === 'refused') await tenure?.fence?.refused();
    this.failures += result.kind === 'refused' ? 1 : 0;
    const pauseMs = pauseAfter(result, this.failures);
    if (pauseMs === undefined) this.lookAgain = true;
    else this.reasons.pause(pauseMs);
    return false;
  }

  /** What was claimed starts only if the mastership holds *now*: the claim has taken a round trip. Otherwise the claim is given back. */
  private start(entry: RunEntry, tenure: HeldTenure, schedule: Schedule | undefined, input: unknown, place: Place | undefined): void {
    if (input === GONE) return this.claims.giveBack(entry, { outcome: 'skipped', reason: 'withdrawn' });
    if (this.phase !== 'open' || this.gate.ask()?.id !== tenure.id || !tenure.isValid() || input === UNREAD)
      return this.claims.giveBack(entry);
    const ended = place?.begun();
    this.job.start(entry, tenure, schedule, input, (finished) => {
      ended?.();
      this.runs.end(finished, this.parts.clock.wallMs());
    });
  }

  private retryAfter(thrown: unknown): void {
    this.cache.outdate();
    if (this.phase === 'closed') return;
    const delayMs = retryDelayMs(this.failures++);
    reportFailure(this.parts.observer, this.job.identity.name, thrown, delayMs, this.failures);
    this.reasons.pause(delayMs);
  }
}
