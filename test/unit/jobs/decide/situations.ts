import { decide } from '../../../../src/zookeeper/jobs/decide/decide.js';
import { DEFAULT_RULES, type JobRules } from '../../../../src/zookeeper/jobs/run/job-rules.js';
import { heldBy, type JobRecord, type JobView, type RunEntry } from '../../../../src/zookeeper/jobs/record/job-record.js';
import type { Finished, Plan, Situation } from '../../../../src/zookeeper/jobs/decide/plan.js';
import type { StoredVerdict } from '../../../../src/zookeeper/jobs/record/verdict.js';
import type { Schedule } from '../../../../src/zookeeper/jobs/schedule/schedule.js';
import { compareTicks, type Tick } from '../../../../src/zookeeper/jobs/schedule/tick.js';

export const spec = { cronTime: '* * * * * *', timeZone: 'UTC' };

/**
 * Due at each multiple of a step. `calls` counts the questions, for tests that show that ticks are never
 * gone through one by one.
 */
export class Every implements Schedule {
  readonly spec = spec;
  calls = 0;

  constructor(readonly stepMs: number) {}

  next(after: Tick): Tick {
    this.calls += 1;
    const at = Math.floor(after.dueMs / this.stepMs) * this.stepMs;
    return [at, at + this.stepMs].map(tickAt).find((tick) => compareTicks(tick, after) > 0) ?? tickAt(at + 2 * this.stepMs);
  }

  last(after: Tick, untilMs: number): Tick | undefined {
    this.calls += 1;
    const last = tickAt(Math.floor(untilMs / this.stepMs) * this.stepMs);
    return compareTicks(last, after) > 0 ? last : undefined;
  }

  count(after: Tick, untilMs: number): number {
    const last = this.last(after, untilMs);
    return last === undefined ? 0 : (last.dueMs - this.next(after).dueMs) / this.stepMs + 1;
  }

  nominalTime(tick: Tick): string {
    return new Date(tick.nominalMs).toISOString();
  }
}

/** These ticks and no others. */
export class Listed implements Schedule {
  readonly spec = spec;

  constructor(readonly ticks: readonly Tick[]) {}

  next(after: Tick): Tick | undefined {
    return this.ticks.find((tick) => compareTicks(tick, after) > 0);
  }

  last(after: Tick, untilMs: number): Tick | undefined {
    return this.between(after, untilMs).at(-1);
  }

  count(after: Tick, untilMs: number): number {
    return this.between(after, untilMs).length;
  }

  nominalTime(tick: Tick): string {
    return new Date(tick.nominalMs).toISOString();
  }

  private between(after: Tick, untilMs: number): readonly Tick[] {
    return this.ticks.filter((tick) => compareTicks(tick, after) > 0 && tick.dueMs <= untilMs);
  }
}

export function tickAt(dueMs: number): Tick {
  return { dueMs, nominalMs: dueMs };
}

/** When the records of these tests were made: the ticks of a per-second job count from 1 001 000 on. */
export const CREATED_MS = 1_000_000;

/** The tick of a per-second job that is due `n` seconds after its record was made. */
export function second(n: number): Tick {
  return tickAt(CREATED_MS + n * 1_000);
}

export const emptyRecord: JobRecord = {
  schedule: { ...spec, sinceMs: undefined },
  cursor: undefined,
  running: [],
  triggers: [],
  pausedMs: undefined,
  resumedMs: undefined,
  recent: [],
  succeededMs: undefined,
  alarmedMs: undefined,
};

export function viewOf(record: Partial<JobRecord> = {}): JobView {
  return { record: { ...emptyRecord, ...record }, version: 1, createdMs: CREATED_MS, czxid: 1n };
}

export const ME = 'version~me';
export const OTHER = 'version~other';

export interface Changes extends Partial<Omit<Situation, 'view' | 'rules'>> {
  readonly record?: Partial<JobRecord>;
  readonly rules?: Partial<JobRules>;
}

/** A master of a per-second job, whose ticks up to the third are done, `seconds` after the record was made. */
export function situation(seconds: number, { record, rules, ...rest }: Changes = {}): Situation {
  return {
    view: viewOf({ cursor: second(3), ...record }),
    schedule: new Every(1_000),
    rules: { ...DEFAULT_RULES, ...rules },
    wallMs: CREATED_MS + seconds * 1_000,
    tenure: { member: ME, election: 'mine', token: 7n },
    address: 'me:1',
    live: new Set(),
    finished: [],
    reports: [],
    succeededMs: undefined,
    gone: new Set(),
    addresses: new Map(),
    freed: undefined,
    isCalled: false,
    mayCatchUp: true,
    behindSinceMs: undefined,
    obstacles: [],
    disabled: false,
    newClaim: 'new-claim',
    ...rest,
  };
}

export function planFor(seconds: number, changes: Changes = {}): Plan {
  return decide(situation(seconds, changes));
}

/** A run of the third tick on this replica, unless something else is said. */
export function entry(
  change: Partial<Omit<RunEntry, 'tick' | 'trigger'>> & { tick?: Tick | undefined; trigger?: string | undefined } = {},
): RunEntry {
  const { tick = second(3), trigger, ...others } = change;
  const run = { cause: 'schedule', starts: 1, startedMs: CREATED_MS + 3_000, holder: heldBy(ME), election: 'mine', token: 7n } as const;
  return { claim: 'a-claim', ...(trigger === undefined ? { tick } : { trigger }), ...run, ...others };
}

export function finished(change: Partial<Finished> = {}): Finished {
  const run = { outcome: 'ran', reason: undefined, attempt: 1, durationMs: 500, error: undefined } as const;
  return { claim: 'a-claim', ...run, endedMs: CREATED_MS + 3_500, ...change };
}

/** Verdicts as short texts: `ran 3`, `missed late 4..7 x4`, `skipped overlap trigger`. */
export function inShort(verdicts: readonly StoredVerdict[]): string[] {
  const name = (tick: Tick): number => (tick.dueMs - CREATED_MS) / 1_000;
  return verdicts.map(({ outcome, reason, tick, until, count, trigger }) =>
    [outcome, reason, tick === undefined ? trigger : until === undefined ? String(name(tick)) : `${name(tick)}..${name(until)} x${count}`]
      .filter((part) => part !== undefined)
      .join(' '),
  );
}

/** Of a tick's due time, in seconds since the record was made. */
export function inSeconds(tick: Tick | undefined): number | undefined {
  return tick && (tick.dueMs - CREATED_MS) / 1_000;
}
