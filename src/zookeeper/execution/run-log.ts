import type { HeldTenure } from '../mastership/election/held-tenure.js';
import type { Clock } from '../support/clock.js';
import type { Observation, Observer } from '../support/observer.js';
import type { Execution, RunRequest } from './execution.js';

/** Which runs' starts and successes are logged at LOG rather than DEBUG (`ZookeeperModule.forRoot({ logRuns })`). */
export type RunLogging = 'all' | 'seldom' | 'none';

/** A job that has not run here for so long runs seldom. */
export const SELDOM_MS = 600_000;

type Level = Extract<Observation['level'], 'info' | 'debug'>;

/**
 * Tells of the starts and successes of one job's runs. What fails or is cut short is told in any case (run-reports.ts).
 */
export class RunLog {
  private lastStartMs: number | undefined;

  constructor(
    private readonly parts: { readonly observer: Observer; readonly clock: Clock; readonly logRuns: RunLogging },
    private readonly election: string,
  ) {}

  /** A run starts now. The function returned tells of its end. */
  starts({ job, cause, scheduledTime, firstAttempt }: Omit<RunRequest, 'through'>, { token }: HeldTenure): (execution: Execution) => void {
    const level = this.level();
    const scheduled = scheduledTime?.toISOString();
    const fields = { job, election: this.election, token: token.toString(), scheduled, cause, attempt: firstAttempt };
    const tick = scheduled === undefined ? '' : ` for tick ${scheduled}`;
    const why = cause === 'schedule' ? '' : ` (${cause})`;
    this.tell(level, 'run.started', `Job "${job}" starts${tick}${why}.`, fields);
    return ({ outcome, attempt, durationMs }) => {
      if (outcome !== 'ran') return;
      const message = `Job "${job}" has succeeded${tick}${why} after ${durationMs} ms.`;
      this.tell(level, 'run.succeeded', message, { ...fields, attempt, durationMs });
    };
  }

  private level(): Level {
    const monotonicMs = this.parts.clock.monotonicMs();
    const isSeldom = this.lastStartMs === undefined || monotonicMs - this.lastStartMs >= SELDOM_MS;
    this.lastStartMs = monotonicMs;
    return this.parts.logRuns === 'all' || (this.parts.logRuns === 'seldom' && isSeldom) ? 'info' : 'debug';
  }

  private tell(level: Level, event: string, message: string, fields: NonNullable<Observation['fields']>): void {
    this.parts.observer.observe({ level, event, message, fields });
  }
}
