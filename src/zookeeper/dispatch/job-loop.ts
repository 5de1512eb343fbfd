import { randomUUID } from 'node:crypto';
import { decide } from '../jobs/decide/decide.js';
import type { JobView, RunEntry } from '../jobs/record/job-record.js';
import { viewIn, type WriteResult } from '../jobs/persistence/job-store.js';
import type { Situation } from '../jobs/decide/plan.js';
import type { StoredVerdict } from '../jobs/record/verdict.js';
import type { Schedule } from '../jobs/schedule/schedule.js';
import type { HeldTenure } from '../mastership/election/held-tenure.js';
import { NONE_GONE, type Gone } from './gone-replicas.js';
import { Claims } from './claims.js';
import type { ElectionGate } from '../gate/election-gate.js';
import { inputOf, GONE, pauseAfter, retryDelayMs, UNREAD, type LoopJob, type LoopParts } from './loop-parts.js';
import { MAX_SLEEP_MS, WakeUps } from './wake-ups.js';
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
 * Everything that happens (a timer, a fire of the schedule, an election, a reconnect, an operator's command, the end of
 * a run) only wakes it up. Awake, it asks for the tenure, takes the record as known, lets `decide` say what to write,
 * writes that in one transaction, which ZooKeeper refuses if anything has moved, and only then starts what was claimed.
 * Two decisions about one job are never under way at once.
 */
export class JobLoop {
  /** The record as last read. */
  readonly cache = new RecordCache();
  private succeededMs: number | undefined;
  /** The hold that it has entered. */
  private held: HeldTenure | undefined;
  private saidClock = false;
  private behindSinceMs: number | undefined;
  /** Whether it decides, and whether anything has happened since the present look began, so that it looks again. */
  private round: 'none' | 'looks' | 'looks again' = 'none';
  private deciding = Promise.resolve();
  private phase: 'open' | 'retired' | 'closed' = 'open';
  private failures = 0;
  private readonly unwatch: (() => void)[] = [];
  private readonly waiter: Waiter;
  private readonly wakeUps: WakeUps;
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
    runs.onEnd = this.wakeUp;
    this.waiter = { job: job.identity.name, wakeUp: this.wakeUp };
    this.wakeUps = new WakeUps(parts, this.waiter, this.outdated);
    this.registrar = new Registrar(job, parts.clock);
    this.claims = new Claims(parts, job.identity.name, runs);
    this.longRuns = new LongRuns(parts, job.identity.name);
    this.schedule = new KnownSchedule(job.identity.name, parts.observer);
    this.obstacles = new Obstacles(parts.clock, parts.address, gate.availability, gate.ask() !== undefined);
    gate.loops.add(this);
    this.unwatchElection = gate.election.onChange(this.wakeUp);
  }

  /** Calls `then` (of several for one `what`: the last) once the record is read; never if the mastership ends first. */
  afterRead(what: unknown, then: () => void): void {
    this.cache.afterRead(what, then);
    this.wakeUp();
  }

  /** Something has happened: decides anew. Cheap, and safe to call at any time. */
  readonly wakeUp = (): void => {
    if (this.round !== 'none') this.round = 'looks again';
    else if (this.phase !== 'closed') this.deciding = this.run();
  };

  /** A run without a claim has ended: notes its failure, or its success where `maxSilenceMs` wants to know. */
  note(report: StoredVerdict | undefined, succeededMs: number | undefined): void {
    if (report !== undefined) this.runs.report(report);
    if (succeededMs !== undefined) this.succeededMs = succeededMs;
    if (report !== undefined || this.job.identity.rules.maxSilenceMs !== undefined) this.wakeUp();
  }

  /** Resolves when each run that is over has its verdict and no claim on its way may come back; or after `limitMs`. */
  async flushed(limitMs: number): Promise<void> {
    if (this.runs.isWritten && this.round === 'none') return;
    this.wakeUp();
    await this.runs.told(this.parts.clock, limitMs);
  }

  /** Decides nothing any more; closes when its last run has its verdict. Resolves when nothing else is under way. */
  retire(): Promise<void> {
    if (this.phase === 'open') this.phase = 'retired';
    this.wakeUp();
    return this.deciding;
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
    this.round = 'looks again';
    try {
      while (this.round === 'looks again' && this.phase !== 'closed') {
        this.round = 'looks';
        await this.step();
      }
    } catch (thrown) {
      this.retryAfter(thrown);
    } finally {
      this.round = 'none';
      if (this.runs.isWritten) this.runs.tell();
      if (this.phase === 'retired' && this.runs.isIdle) this.close();
    }
  }

  private async step(): Promise<void> {
    const tenure = this.phase === 'open' ? this.gate.ask() : undefined;
    if (tenure === undefined) return this.settleOnly();
    if (this.held !== tenure) this.enter(tenure);
    this.obstacles.asks();
    const checked = this.parts.clockGuard.check(tenure, this.gate);
    if ((checked instanceof Promise ? await checked : checked).kind === 'off') {
      // Nothing is decided, and nothing written. The guard has told, and hands over.
      if (!this.saidClock) reportClockOff(this.parts, this.job.identity);
      this.saidClock = true;
      return this.wakeUps.pause(MAX_SLEEP_MS);
    }
    if (this.registrar.isDue(this.cache.view, this.cache.cursorSeen))
      await this.registrar.register({ cursor: this.cache.cursorSeen, running: this.runs.live, pause: this.cache.pause });
    const { generation } = this.cache;
    const view = this.cache.view ?? (await this.load(generation));
    if (view === undefined) return;
    const others = view.record.running.filter(({ claim }) => !this.runs.has(claim));
    const ask = (): Promise<Gone> => this.parts.goneReplicas.among(others, this.gate.digest, this.cache.seenAt, tenure.fence);
    const absence = others.length === 0 ? NONE_GONE : await ask();
    await this.carryOut(this.situation(view, tenure, absence), generation, tenure, absence);
  }

  /** Elsewhere than on the master: only what became of this replica's own runs is written down. */
  private async settleOnly(): Promise<void> {
    if (this.held !== undefined) this.leave();
    if (this.runs.isWritten) return;
    const { generation } = this.cache;
    const view = viewIn(await this.parts.store.load(this.job.identity.name));
    if (view !== undefined) return this.carryOut(this.situation(view, undefined, NONE_GONE), generation, undefined, NONE_GONE);
    const { finished, reports } = this.runs;
    reportLost(this.parts.observer, this.job.identity.name, finished.length + reports.length);
    this.runs.written(finished, reports);
  }

  private enter(tenure: HeldTenure): void {
    this.leave();
    this.held = tenure;
    this.unwatch.push(this.parts.store.watchControl(this.job.identity.name, () => (this.registrar.doubt(), this.wakeUps.readAgain())));
    if (tenure.fence !== undefined) this.unwatch.push(tenure.fence.session.onAttached(this.outdated));
  }

  private leave(): void {
    this.held = undefined;
    this.registrar.invalidate();
    this.saidClock = false;
    this.obstacles.leave();
    this.behindSinceMs = undefined;
    this.cache.invalidate();
    this.wakeUps.clear();
    for (const release of this.unwatch.splice(0)) release();
  }

  private readonly outdated = (): void => {
    this.cache.outdate();
    this.wakeUp();
  };

  private async load(generation: number): Promise<JobView | undefined> {
    const loaded = await this.parts.store.load(this.job.identity.name);
    const view = viewIn(loaded);
    if (view !== undefined) this.cache.saw(view, generation, this.parts.goneReplicas.moment);
    if (view !== undefined && this.registrar.isDue(view, this.cache.cursorSeen)) {
      this.round = 'looks again';
      return undefined;
    }
    if (loaded.kind === 'unreadable') {
      reportUnreadable(this.parts.observer, this.job.identity.name, loaded.problem);
      this.registrar.invalidate();
      this.wakeUps.pause(MAX_SLEEP_MS);
    } else if (view === undefined) {
      // Deleted: it is made anew, and its ticks count from the ensemble's present time.
      this.registrar.invalidate();
      this.round = 'looks again';
      return undefined;
    }
    this.cache.read();
    return view;
  }

  private situation(view: JobView, tenure: HeldTenure | undefined, { gone, addresses }: Gone): Situation {
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
      mayCatchUp: this.parts.catchUpLimit.hasRoomFor(this.waiter),
      behindSinceMs: this.behindSinceMs,
      obstacles: this.obstacles.list(),
      disabled: identity.disabled,
      newClaim: randomUUID(),
    };
  }

  private async carryOut(situation: Situation, generation: number, tenure: HeldTenure | undefined, absence: Gone): Promise<void> {
    const plan = decide(situation);
    // In the same turn of the event loop in which the situation has said that there is one, and
    // before the claim is sent.
    const place = plan.catchesUp ? this.parts.catchUpLimit.take(this.waiter) : undefined;
    try {
      const result = await this.claims.write(situation, plan, tenure);
      if (result !== undefined && !(await this.meet(result, generation, tenure))) {
        if (result.kind === 'moved' || result.kind === 'unknown') place?.missed();
        return this.claims.unmade(result, situation, plan);
      }
      this.failures = 0;
      this.obstacles.answered(plan.wakeAtMs);
      this.behindSinceMs = plan.isBehind ? (this.behindSinceMs ?? situation.wallMs) : undefined;
      this.runs.written(situation.finished, situation.reports);
      reportPlan(this.parts, this.job.identity.name, plan, situation);
      if (plan.start !== undefined && tenure !== undefined) {
        const { trigger } = plan.start;
        const input = trigger === undefined ? undefined : await inputOf(this.parts.store, this.job.identity.name, trigger);
        this.start(plan.start, tenure, situation.schedule, input, place);
      }
    } finally {
      place?.release();
    }
    if (plan.again) this.round = 'looks again';
    if (tenure === undefined || this.held !== tenure) return;
    this.longRuns.look(plan, situation);
    this.wakeUps.await(plan, absence);
  }

  /** True when the change has been made. Otherwise sees to the next decision. */
  private async meet(result: WriteResult, generation: number, tenure: HeldTenure | undefined): Promise<boolean> {
    if (result.kind === 'written') {
      if (this.held !== undefined) this.cache.saw(result.view, generation, this.parts.goneReplicas.moment);
      return true;
    }
    this.cache.outdate();
    if (result.kind === 'refused') await tenure?.fence?.refused();
    this.failures += result.kind === 'refused' ? 1 : 0;
    const pauseMs = pauseAfter(result, this.failures);
    if (pauseMs === undefined) this.round = 'looks again';
    else this.wakeUps.pause(pauseMs);
    return false;
  }

  /** What was claimed starts only if the mastership holds *now*, after the claim's round trip; else it goes back. */
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
    this.wakeUps.pause(delayMs);
  }
}
