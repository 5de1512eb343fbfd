import { createHash } from 'node:crypto';
import { RunAbortedError } from '../jobs/run/errors.js';
import type { Election } from '../mastership/election/election.js';
import type { HeldTenure } from '../mastership/election/held-tenure.js';
import type { Clock } from '../support/clock.js';
import type { Observer } from '../support/observer.js';
import { Availability } from './availability.js';
import { InProgress } from './in-progress.js';
import { MasterHooks } from './master-hooks.js';

/** How long a run, or a hook, may go on after it was told to stop. */
export const ABORT_GRACE_MS = 2_000;

const NOT_RESIGNED = 'the node is not resigned, it stays until this process and its session end';

/** How long a drain waits, when the runs are over, for their verdicts to be written. */
const FLUSH_MS = 2_000;

/** What a gate needs of its application. */
export interface GateParts {
  readonly observer: Observer;
  readonly clock: Clock;
  /** How long a drain waits for runs before it aborts them. */
  readonly drainTimeoutMs: number;
  /** `host:port` of this replica. */
  readonly address: string;
}

/** Writes down what became of runs. */
interface Flushing {
  flushed(limitMs: number): Promise<void>;
}

/** The gate of one election: who may start now, what is in progress, and the drain before the node is given up. */
export class ElectionGate {
  readonly inProgress: InProgress;
  readonly hooks: MasterHooks;
  readonly availability: Availability;
  /** Stands for the election in the runs of job records, which have no room for its key. */
  readonly digest: string;
  /** The loops of its jobs. */
  readonly loops = new Set<Flushing>();
  /**
   * The process's own part, which no election can change: it goes one way. Whether there is a mastership to act under,
   * the election alone knows.
   */
  private phase: 'open' | 'closed' = 'open';

  constructor(
    readonly election: Election,
    private readonly parts: GateParts,
  ) {
    this.inProgress = new InProgress(parts.clock);
    this.hooks = new MasterHooks(election, () => this.ask(), this.inProgress, parts);
    this.digest = createHash('sha256').update(election.key).digest('base64url').slice(0, 11);
    this.availability = new Availability(election.key, parts.address, parts.clock, election.state());
    election.onChange((state) => {
      this.availability.note(state);
      if (state.kind === 'doubtful') this.tellOfWorkInDoubt(this.parts.clock.monotonicMs() - state.lease.sentAtMs);
    });
    election.setDrain((tenure, why, calledOff) => this.drain(why, tenure, calledOff));
  }

  /**
   * What went on while nothing was acknowledged: where this process blocks itself, the name of the culprit is
   * most likely among these.
   */
  private tellOfWorkInDoubt(silentMs: number): void {
    const work = this.inProgress.during(silentMs);
    if (work.length === 0) return;
    const names = [...new Set(work.map(({ what }) => `"${what}"`))];
    const message = `When the lease of "${this.election.key}" ran out, this was going on here, or had just ended: ${names.join(', ')}.`;
    this.tell('warn', 'mastership.work-in-doubt', message, { running: work.length });
  }

  /** The one question per tick: the tenure under which work may start now, or undefined. No I/O. */
  ask(): HeldTenure | undefined {
    return this.phase === 'open' ? this.election.tenure() : undefined;
  }

  /** From now on nothing starts, for good: the process shuts down. What is in progress goes on. */
  close(): void {
    this.phase = 'closed';
  }

  /**
   * Resolves as soon as something may start, or the signal aborts. A drain aborts what waits here when nothing
   * else is left to wait for.
   */
  untilOpen(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (this.ask() === undefined && !signal.aborted) return;
        unsubscribe();
        signal.removeEventListener('abort', look);
        resolve();
      };
      const unsubscribe = this.election.onChange(look);
      signal.addEventListener('abort', look, { once: true });
      look();
    });
  }

  /**
   * Waits for the work in progress, aborts it when `drainTimeoutMs` is over, and gives it `ABORT_GRACE_MS` more. Runs
   * that only wait for their next attempt are not waited for. Then the hooks for lost mastership run, still under it,
   * so that what they stop is stopped before a successor can be master.
   *
   * Nothing starts meanwhile, because the election says `draining`; there is no second note of that here which could
   * outlive it. Once it is called off, the same work goes on under the same tenure, or other work under another one:
   * after each wait that is asked before anything is stopped.
   */
  private async drain(why: string, tenure: HeldTenure | undefined, calledOff: AbortSignal): Promise<'drained' | 'stuck' | 'called off'> {
    const startedMs = this.parts.clock.monotonicMs();
    const running = this.inProgress.list().length;
    // With nothing to wait for there is nothing to tell: the election tells of its resignation.
    const level = running === 0 ? 'debug' : 'info';
    const limitMs = this.parts.drainTimeoutMs;
    const message = `Draining ${this.election.key} (${why}): ${running} in progress, aborted after ${limitMs} ms.`;
    this.tell(level, 'drain.started', message, { running, limitMs, token: tenure?.token.toString() });
    this.hooks.closing(why);
    const settled = await this.settle(why, calledOff);
    if (!calledOff.aborted) this.hooks.lost(why);
    const stopped = await this.inProgress.settled(ABORT_GRACE_MS, calledOff);
    if (!calledOff.aborted) await this.flush();
    const durationMs = Math.round(this.parts.clock.monotonicMs() - startedMs);
    if (calledOff.aborted) {
      this.tell(level, 'drain.called-off', `The drain of ${this.election.key} (${why}) was called off after ${durationMs} ms.`, {
        durationMs,
      });
      return 'called off';
    }
    if (settled && !stopped) this.reportStuck(NOT_RESIGNED);
    if (!settled || !stopped) return 'stuck';
    this.tell(level, 'drain.finished', `Drained ${this.election.key} in ${durationMs} ms.`, { durationMs });
    return 'drained';
  }

  /** Without a mastership to give up: aborts what is in progress at once, and waits `ABORT_GRACE_MS` for it. */
  async abandon(why: string): Promise<'drained' | 'stuck'> {
    for (const work of this.inProgress.list()) work.abort(new RunAbortedError(work.what, why, 0));
    this.hooks.lost(why);
    const isOver = await this.inProgress.settled(ABORT_GRACE_MS);
    await this.flush();
    if (isOver) return 'drained';
    this.reportStuck('its mastership was over before, so a successor may overlap it');
    return 'stuck';
  }

  /** A verdict that is not written in time is left to the successor, which finds the run interrupted. */
  private async flush(): Promise<void> {
    await Promise.all([...this.loops].map((loop) => loop.flushed(FLUSH_MS)));
  }

  /**
   * True when nothing is in progress any more; false, and loudly, when something has ignored its abort;
   * false when it was called off.
   */
  private async settle(why: string, calledOff: AbortSignal): Promise<boolean> {
    const onlyRest = await this.inProgress.rested(this.parts.drainTimeoutMs, calledOff);
    if (calledOff.aborted) return false;
    for (const work of this.inProgress.list()) {
      const runningMs = this.runningMs(work.startedMs);
      const what = `"${work.what}" of ${this.election.key}, which`;
      const message = onlyRest
        ? `Aborting ${what} waits for its next attempt; none is made here any more (${why}).`
        : `Aborting ${what} has been running for ${runningMs} ms (${why}).`;
      this.tell(onlyRest ? 'info' : 'warn', 'drain.aborting', message, { job: work.what, runningMs });
      work.abort(new RunAbortedError(work.what, why, onlyRest ? 0 : this.parts.drainTimeoutMs));
    }
    if (await this.inProgress.settled(ABORT_GRACE_MS, calledOff)) return true;
    if (!calledOff.aborted) this.reportStuck(NOT_RESIGNED);
    return false;
  }

  private reportStuck(consequence: string): void {
    for (const { what, startedMs } of this.inProgress.list()) {
      const runningMs = this.runningMs(startedMs);
      const message =
        `"${what}" of ${this.election.key} has been running for ${runningMs} ms and still runs ${ABORT_GRACE_MS} ms after it was told to stop; ` +
        `${consequence}. Pass the signal to everything it waits for.`;
      this.tell('error', 'drain.stuck', message, { code: 'ZK_RUN_IGNORES_ABORT', job: what, runningMs });
    }
  }

  private runningMs(startedMs: number): number {
    return Math.round(this.parts.clock.monotonicMs() - startedMs);
  }

  private tell(
    level: 'debug' | 'info' | 'warn' | 'error',
    event: string,
    message: string,
    fields: Readonly<Record<string, string | number | undefined>>,
  ): void {
    this.parts.observer.observe({ level, event, message, fields: { election: this.election.key, ...fields } });
  }
}
