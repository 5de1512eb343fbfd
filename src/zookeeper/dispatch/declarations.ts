import type { Waiting } from '../session/connected.js';
import type { Elections } from '../mastership/election/election.js';
import { sleep } from '../support/abort.js';
import { backoffMs } from '../support/backoff.js';
import { messageOf } from '../support/errors.js';
import { Listeners } from '../support/listeners.js';
import { Repeats } from '../support/repeats.js';
import type { DispatchParts } from './dispatch-parts.js';
import type { GatedJob } from './gated-job.js';

/** How many jobs are declared at once. */
const DECLARING = 32;

/**
 * Tells the cluster of the jobs of this replica. Every candidate does so when it first has a session, so that their
 * ticks count from then on, whoever becomes master. However many jobs there are, and however they were added, a few
 * are under way at a time.
 */
export class Declarations {
  /** Jobs that are to be declared. */
  private readonly waiting = new Set<GatedJob>();
  /** Declarations that are under way. */
  private readonly underWay = new Map<GatedJob, Promise<void>>();
  /** Jobs that the cluster may not know of yet. */
  private readonly unknown = new Set<GatedJob>();
  private readonly listeners = new Listeners<[]>();
  /** One cause keeps all jobs from being declared, so it is told of one of them. */
  private readonly repeats: Repeats;
  private readonly closing = new AbortController();
  /** How many of `DECLARING` are at work; undefined before the first session. */
  private workers: number | undefined;
  private unsubscribe: (() => void) | undefined;

  constructor(
    private readonly elections: Elections,
    private readonly parts: DispatchParts,
    private readonly register: (job: GatedJob) => Promise<unknown>,
  ) {
    this.repeats = new Repeats(parts.clock);
  }

  /** These jobs will be declared here, by `begin` or by their loops. */
  expect(jobs: readonly GatedJob[]): void {
    if (this.parts.candidate) for (const job of jobs) this.unknown.add(job);
  }

  /** Declares these jobs, where the cluster is told of jobs. */
  begin(jobs: readonly GatedJob[]): void {
    const { claims } = this.elections;
    if (claims.kind !== 'ensemble' || !this.parts.candidate) return;
    for (const job of jobs) this.waiting.add(job);
    if (this.workers !== undefined) return this.work();
    this.unsubscribe ??= claims.sessions.onSession(() => {
      this.workers ??= 0;
      this.work();
    });
    // It may have been called at once.
    if (this.workers !== undefined) this.stopListening();
  }

  /** The cluster knows this job. */
  made(job: GatedJob): void {
    if (this.unknown.delete(job)) this.listeners.tell();
  }

  /** This job was taken out. What is under way for it: undefined when nothing is. */
  remove(job: GatedJob): Promise<void> | undefined {
    this.waiting.delete(job);
    this.made(job);
    return this.underWay.get(job);
  }

  close(): void {
    this.closing.abort();
    this.stopListening();
  }

  /**
   * Resolves when the cluster knows these jobs (undefined: all), or the wait is over.
   * @throws the signal's reason.
   */
  async known(jobs: () => readonly GatedJob[] | undefined, { timeoutMs, signal }: Waiting): Promise<void> {
    const isKnown = (): boolean => jobs()?.every((job) => !this.unknown.has(job)) ?? this.unknown.size === 0;
    if (isKnown() || timeoutMs <= 0) return signal?.throwIfAborted();
    const known = new AbortController();
    const release = this.listeners.add(() => {
      if (isKnown()) known.abort();
    });
    const signals = [known.signal, this.closing.signal, ...(signal === undefined ? [] : [signal])];
    await sleep(this.parts.clock, timeoutMs, AbortSignal.any(signals)).catch(() => undefined);
    release();
    signal?.throwIfAborted();
  }

  private work(): void {
    this.stopListening();
    while (this.workers !== undefined && this.workers < DECLARING && this.waiting.size > 0) {
      this.workers += 1;
      void this.declareWaiting();
    }
  }

  private stopListening(): void {
    this.unsubscribe?.();
    this.unsubscribe = undefined;
  }

  private async declareWaiting(): Promise<void> {
    for (const job of this.waiting) {
      if (this.closing.signal.aborted) break;
      this.waiting.delete(job);
      const declared = this.declare(job);
      this.underWay.set(job, declared);
      await declared;
      this.underWay.delete(job);
    }
    this.workers = (this.workers ?? 1) - 1;
  }

  private async declare(job: GatedJob): Promise<void> {
    const signal = AbortSignal.any([this.closing.signal, job.removed.signal]);
    for (let failures = 0; !signal.aborted; failures += 1) {
      try {
        await this.register(job);
        return;
      } catch (thrown) {
        const delayMs = backoffMs(failures, 200, 10_000);
        const name = job.identity.name;
        const message = `Job "${name}" could not be declared to the cluster: ${messageOf(thrown)} Tries again in ${Math.round(delayMs)} ms.`;
        this.parts.observer.observe({
          level: failures >= 3 && this.repeats.isNews(messageOf(thrown)) ? 'warn' : 'debug',
          event: 'job.not-registered',
          message,
          fields: { job: name },
        });
        await sleep(this.parts.clock, delayMs, signal).catch(() => undefined);
      }
    }
  }
}
