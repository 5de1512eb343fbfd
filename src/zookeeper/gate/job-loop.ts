import { createHash, randomUUID } from 'node:crypto';
import type { JobEvents } from '../jobs/job-events.js';
import type { JobIdentity } from '../jobs/job-identity.js';
import { decide } from '../jobs/record/decide.js';
import type { JobView, RunEntry } from '../jobs/record/job-record.js';
import type { Change, JobStore, WriteResult } from '../jobs/record/job-store.js';
import type { Finished, Plan, Situation } from '../jobs/record/plan.js';
import type { StoredVerdict } from '../jobs/record/verdict.js';
import { parseSchedule } from '../jobs/schedule/parse.js';
import type { Schedule } from '../jobs/schedule/schedule.js';
import { endOf, laterTick, type Tick } from '../jobs/tick.js';
import type { HeldTenure } from '../mastership/election.js';
import { backoffMs } from '../support/backoff.js';
import type { Clock, Timer } from '../support/clock.js';
import type { Observer } from '../support/observer.js';
import type { Absent } from './absent.js';
import type { ClockGuard } from './clock-guard.js';
import type { ElectionGate } from './election-gate.js';
import type { Pace } from './pace.js';
import { reportAlarm, reportDropped, reportFailure, reportLost, reportUnreadable, reportVerdict } from './tick-reports.js';

/** Looks again at least this often, so that a clock that was set, or a machine that slept, is noticed. */
const MAX_SLEEP_MS = 10_000;
const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 5_000;

/** What the loops of one replica share. */
export interface LoopParts {
  readonly store: JobStore;
  readonly events: JobEvents;
  readonly observer: Observer;
  readonly clock: Clock;
  readonly clockGuard: ClockGuard;
  readonly pace: Pace;
  readonly absent: Absent;
  /** `host:port` of this replica. */
  readonly address: string;
}

/** What the loop has to do with the job itself. */
export interface LoopJob {
  readonly identity: JobIdentity;
  /**
   * Declares the job to the cluster and makes its record where it is missing; safe to repeat. `known`: what this replica knows of a record that is
   * gone, so that the new one does not fall behind it.
   */
  register(known: { readonly cursor: Tick | undefined; readonly running: readonly RunEntry[] }): Promise<void>;
  /** Starts a claimed run; `ended` is called in the same turn in which the run stops to count as work in progress. */
  start(entry: RunEntry, tenure: HeldTenure, schedule: Schedule | undefined, input: unknown, ended: (finished: Finished) => void): void;
}

/**
 * One job on this replica: the only place that decides about its ticks and writes them down here.
 *
 * Everything that happens (a timer, a fire of the schedule, an election, a reconnect, an operator's order, the end of a run) is only a reason to
 * look. A look asks for the tenure, takes the record as known, lets `decide` say what to write, writes it in one transaction that ZooKeeper refuses if anything
 * has moved, and only then starts what was claimed. Looks of one job never run beside each other.
 */
export class JobLoop {
  private view: JobView | undefined;
  private schedule: { readonly cronTime: string; readonly timeZone: string; readonly parsed: Schedule } | undefined;
  private readonly live = new Map<string, RunEntry>();
  /** The highest tick that this replica has seen decided. */
  private cursorSeen: Tick | undefined;
  private finished: Finished[] = [];
  private reports: StoredVerdict[] = [];
  private succeededMs: number | undefined;
  private freedMs: number | undefined;
  private tenureId: string | undefined;
  private registered = false;
  private saidClock = false;
  private timer: Timer | undefined;
  private isLooking = false;
  private lookAgain = false;
  private closed = false;
  private failures = 0;
  private unwatch: (() => void)[] = [];
  private stopWaiting: (() => void)[] = [];
  /** What `view` was last, also while it is out of date: for questions that need no proof. */
  private lastRead: JobView | undefined;
  private isRead = false;
  private readonly whenRead = new Set<() => void>();
  private readonly whenFlushed = new Set<() => void>();
  private readonly electionDigest: string;

  constructor(
    private readonly job: LoopJob,
    private readonly gate: ElectionGate,
    private readonly parts: LoopParts,
  ) {
    this.electionDigest = createHash('sha256').update(gate.election.key).digest('base64url').slice(0, 11);
    gate.loops.add(this);
    this.unwatchElection = gate.election.onChange(() => this.look());
  }

  private readonly unwatchElection: () => void;

  /** Whether the record was read under this mastership, or found to be unreadable. */
  get hasRead(): boolean {
    return this.tenureId !== undefined && this.isRead;
  }

  /** Whether the job is paused, as last read; false where that is not known. */
  get isPaused(): boolean {
    return this.lastRead?.record.pausedMs !== undefined;
  }

  /** Calls `then` once the record was read; drops it when the mastership ends before. */
  afterRead(then: () => void): void {
    this.whenRead.add(then);
    this.look();
  }

  /** A reason to look has come up. Cheap, and safe to call at any time. */
  readonly look = (): void => {
    this.lookAgain = true;
    if (!this.isLooking && !this.closed) void this.run();
  };

  /** A run without a claim has ended: notes its failure, or its success where `maxSilenceMs` wants to know. */
  note(report: StoredVerdict | undefined, succeededMs: number | undefined): void {
    if (report !== undefined) this.reports.push(report);
    if (succeededMs !== undefined) this.succeededMs = succeededMs;
    if (report !== undefined || this.job.identity.rules.maxSilenceMs !== undefined) this.look();
  }

  /** Resolves when every run of this replica that is over has its verdict, or after `limitMs`. */
  flushed(limitMs: number): Promise<void> {
    if (this.finished.length === 0 && this.reports.length === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        limit.cancel();
        this.whenFlushed.delete(done);
        resolve();
      };
      const limit = this.parts.clock.after(limitMs, done);
      this.whenFlushed.add(done);
      this.look();
    });
  }

  /** For good. What has no verdict yet is left to the next master. */
  close(): void {
    this.closed = true;
    this.unwatchElection();
    this.leave();
    this.gate.loops.delete(this);
  }

  private async run(): Promise<void> {
    this.isLooking = true;
    try {
      while (this.lookAgain && !this.closed) {
        this.lookAgain = false;
        await this.step();
      }
      this.failures = 0;
    } catch (thrown) {
      this.retryAfter(thrown);
    } finally {
      this.isLooking = false;
    }
  }

  private async step(): Promise<void> {
    const tenure = this.gate.ask();
    if (tenure === undefined) return this.settleOnly();
    if (this.tenureId !== tenure.id) this.enter(tenure);
    const judged = this.parts.clockGuard.judge(tenure, this.gate);
    const clock = judged instanceof Promise ? await judged : judged;
    if (clock.kind === 'off') return this.sitOut();
    if (!this.registered) await this.register();
    const view = this.view ?? (await this.load());
    if (view === undefined) return;
    const { gone, lookAgainInMs } = await this.absent(view);
    await this.carryOut(view, this.situation(view, tenure, gone), tenure, lookAgainInMs);
  }

  /** Elsewhere than on the master: only what became of this replica's own runs is written down. */
  private async settleOnly(): Promise<void> {
    if (this.tenureId !== undefined) this.leave();
    if (this.finished.length === 0 && this.reports.length === 0) return;
    const { view } = await this.parts.store.load(this.job.identity.name);
    if (view === undefined) {
      reportLost(this.parts.observer, this.job.identity.name, this.finished.length + this.reports.length);
      this.forgetEnded(this.finished, this.reports);
      return;
    }
    await this.carryOut(view, this.situation(view, undefined, new Set()), undefined, undefined);
  }

  private enter(tenure: HeldTenure): void {
    this.leave();
    this.tenureId = tenure.id;
    this.registered = false;
    this.saidClock = false;
    this.unwatch = [
      this.parts.store.watchControl(this.job.identity.name, () => {
        this.view = undefined;
        this.look();
      }),
      tenure.ground?.session.onAttached(() => {
        this.view = undefined;
        this.look();
      }) ?? ((): void => undefined),
    ];
  }

  private leave(): void {
    this.tenureId = undefined;
    this.view = this.lastRead = undefined;
    this.isRead = false;
    this.whenRead.clear();
    this.timer?.cancel();
    this.timer = undefined;
    this.parts.pace.stopWaiting(this.look);
    for (const release of [...this.unwatch.splice(0), ...this.stopWaiting.splice(0)]) release();
  }

  private async register(): Promise<void> {
    await this.job.register({ cursor: this.cursorSeen, running: [...this.live.values()] });
    this.registered = true;
    this.view = undefined;
  }

  private async load(): Promise<JobView | undefined> {
    const { view, problem } = await this.parts.store.load(this.job.identity.name);
    this.isRead = view !== undefined || problem !== undefined;
    if (view !== undefined) this.saw(view);
    if (problem !== undefined) {
      reportUnreadable(this.parts.observer, this.job.identity.name, problem);
      this.sleep(MAX_SLEEP_MS);
    } else if (view === undefined) {
      // Deleted: it is made anew, with the ensemble's present time as its floor.
      this.registered = false;
      this.lookAgain = true;
    }
    if (this.isRead) {
      const waiting = [...this.whenRead];
      this.whenRead.clear();
      for (const then of waiting) then();
    }
    return view;
  }

  private saw(view: JobView): void {
    if (this.tenureId !== undefined) this.view = this.lastRead = view;
    if (view.record.cursor !== undefined) this.cursorSeen = laterTick(view.record.cursor, this.cursorSeen);
  }

  /** The clock is off: nothing is decided, and nothing written. The guard has told, and hands over. */
  private sitOut(): void {
    const { name, cron, rules } = this.job.identity;
    if (cron !== undefined && rules.claim === 'tick' && !this.saidClock) {
      this.saidClock = true;
      const nowMs = this.parts.clock.wallMs();
      const tick = parseSchedule(cron).last(endOf(nowMs - rules.misfireWindowMs), nowMs);
      this.parts.events.verdicts.tell(name, { ...CLOCK_OFF, tick, by: this.parts.address });
    }
    this.sleep(MAX_SLEEP_MS);
  }

  private async absent(view: JobView): Promise<{ gone: ReadonlySet<string>; lookAgainInMs: number | undefined }> {
    const others = view.record.running.filter(
      (entry) => entry.member !== '' && !this.live.has(entry.claim) && !this.isFinished(entry.claim),
    );
    return others.length === 0 ? { gone: new Set(), lookAgainInMs: undefined } : this.parts.absent.among(others, this.electionDigest);
  }

  private isFinished(claim: string): boolean {
    return this.finished.some((each) => each.claim === claim);
  }

  private situation(view: JobView, tenure: HeldTenure | undefined, gone: ReadonlySet<string>): Situation {
    const { identity } = this.job;
    return {
      view,
      schedule: this.scheduleOf(view),
      rules: identity.disabled ? { ...identity.rules, maxSilenceMs: undefined } : identity.rules,
      nowMs: this.parts.clock.wallMs(),
      tenure: tenure && {
        member: tenure.ground?.member ?? 'this process',
        election: this.electionDigest,
        token: tenure.token,
      },
      address: this.parts.address,
      live: new Set(this.live.keys()),
      finished: [...this.finished],
      reports: [...this.reports],
      succeededMs: this.succeededMs,
      gone,
      freedMs: this.freedMs,
      mayCatchUp: this.parts.pace.hasRoom,
      newClaim: randomUUID(),
    };
  }

  private scheduleOf({ record }: JobView): Schedule | undefined {
    const spec = record.schedule;
    if (spec === undefined || this.job.identity.disabled) return undefined;
    if (this.schedule?.cronTime !== spec.cronTime || this.schedule.timeZone !== spec.timeZone)
      this.schedule = { cronTime: spec.cronTime, timeZone: spec.timeZone, parsed: parseSchedule(spec) };
    return this.schedule.parsed;
  }

  private async carryOut(
    view: JobView,
    situation: Situation,
    tenure: HeldTenure | undefined,
    lookAgainInMs: number | undefined,
  ): Promise<void> {
    const plan = decide(situation);
    if (plan.record !== undefined || plan.verdicts.length > 0) {
      const change = changeOf(view, plan, tenure);
      const result = await this.parts.store.write(this.job.identity.name, change);
      if (!(await this.meet(result, tenure))) return;
    }
    this.forgetEnded(situation.finished, situation.reports);
    this.tell(plan, situation);
    if (plan.start !== undefined && tenure !== undefined) {
      const { trigger } = plan.start;
      const input = trigger === undefined ? undefined : await this.inputOf(trigger);
      this.start(plan.start, tenure, situation.schedule, input);
    }
    if (plan.again) this.lookAgain = true;
    if (tenure !== undefined) this.wait(plan, lookAgainInMs);
  }

  /** True when the change has been made. Otherwise sees to the next look. */
  private async meet(result: WriteResult, tenure: HeldTenure | undefined): Promise<boolean> {
    switch (result.kind) {
      case 'written':
        this.saw(result.view);
        return true;
      case 'moved':
        this.view = undefined;
        this.lookAgain = true;
        return false;
      case 'refused':
        this.view = undefined;
        await tenure?.ground?.refused();
        this.lookAgain = true;
        return false;
      case 'unsent':
        // The reattachment, or the next tenure, is a reason to look; the timer is for the case that neither comes.
        this.view = undefined;
        this.sleep(MAX_RETRY_MS);
        return false;
    }
  }

  /** What the trigger carries; `UNREAD` when it cannot be read, so that the run does not start without it. */
  private async inputOf(trigger: string): Promise<unknown> {
    try {
      return (await this.parts.store.loadTrigger(this.job.identity.name, trigger))?.input;
    } catch {
      return UNREAD;
    }
  }

  /** What was claimed starts only if the mastership holds *now*: the claim has taken a round trip. Otherwise the claim is given back. */
  private start(entry: RunEntry, tenure: HeldTenure, schedule: Schedule | undefined, input: unknown): void {
    const now = this.gate.ask();
    if (now === undefined || now.id !== tenure.id || !tenure.isValid() || input === UNREAD) {
      this.finished.push({ ...NOT_STARTED, claim: entry.claim, endedMs: this.parts.clock.wallMs() });
      this.lookAgain = true;
      return;
    }
    const leave = entry.cause === 'misfire' || entry.cause === 'rerun' ? this.parts.pace.enter() : undefined;
    this.live.set(entry.claim, entry);
    this.job.start(entry, tenure, schedule, input, (finished) => {
      this.live.delete(entry.claim);
      this.finished.push(finished);
      this.freedMs = this.parts.clock.wallMs();
      leave?.();
      this.look();
    });
  }

  private forgetEnded(finished: readonly Finished[], reports: readonly StoredVerdict[]): void {
    this.finished = this.finished.filter((each) => !finished.includes(each));
    this.reports = this.reports.filter((each) => !reports.includes(each));
    if (this.finished.length === 0 && this.reports.length === 0) for (const done of this.whenFlushed) done();
  }

  private tell(plan: Plan, { view, rules }: Situation): void {
    const { name } = this.job.identity;
    const { observer, events } = this.parts;
    for (const claim of plan.dropped) reportDropped(observer, name, claim);
    for (const verdict of plan.verdicts) {
      reportVerdict(observer, name, verdict);
      events.verdicts.tell(name, verdict);
    }
    if (plan.alarm !== undefined && rules.maxSilenceMs !== undefined)
      reportAlarm(observer, events, name, plan.alarm, view, rules.maxSilenceMs);
  }

  /** Arms what will be the next reason to look. */
  private wait(plan: Plan, lookAgainInMs: number | undefined): void {
    for (const release of this.stopWaiting.splice(0)) release();
    if (plan.waitsForPace) this.parts.pace.wait(this.look);
    if (plan.waitsFor.length > 0) {
      const { store } = this.parts;
      const again = (): void => {
        this.view = undefined;
        this.look();
      };
      this.stopWaiting = [store.watchRecord(this.job.identity.name, again), store.watchMembers(plan.waitsFor, again)];
    }
    const untilTickMs = plan.wakeAtMs === undefined ? MAX_SLEEP_MS : plan.wakeAtMs - this.parts.clock.wallMs();
    this.sleep(Math.max(0, Math.min(untilTickMs, lookAgainInMs ?? MAX_SLEEP_MS, MAX_SLEEP_MS)));
  }

  private sleep(delayMs: number): void {
    this.timer?.cancel();
    this.timer = this.parts.clock.after(delayMs, this.look, { keepAlive: false });
  }

  private retryAfter(thrown: unknown): void {
    this.view = undefined;
    if (this.closed) return;
    const delayMs = backoffMs(this.failures++, FIRST_RETRY_MS, MAX_RETRY_MS);
    reportFailure(this.parts.observer, this.job.identity.name, thrown, delayMs, this.failures);
    this.sleep(delayMs);
  }
}

const CLOCK_OFF: Omit<StoredVerdict, 'tick' | 'by'> = {
  outcome: 'skipped',
  reason: 'clock',
  until: undefined,
  count: 1,
  trigger: undefined,
  cause: undefined,
  attempt: undefined,
  startedMs: undefined,
  durationMs: undefined,
  token: undefined,
  error: undefined,
};

const UNREAD = Symbol('the input of a trigger could not be read');

const NOT_STARTED = { outcome: 'unstarted', reason: undefined, attempt: 0, durationMs: 0, error: undefined } as const;

function changeOf(view: JobView, plan: Plan, tenure: HeldTenure | undefined): Change {
  const { start } = plan;
  return {
    view,
    record: plan.record ?? view.record,
    verdicts: plan.verdicts,
    ground: tenure?.ground,
    triggers: [
      ...plan.verdicts.flatMap((verdict) =>
        verdict.trigger === undefined
          ? []
          : [{ id: verdict.trigger, state: verdict.outcome === 'skipped' ? ('refused' as const) : ('ended' as const), verdict }],
      ),
      ...(start?.trigger === undefined ? [] : [{ id: start.trigger, state: 'started' as const }]),
    ],
  };
}
