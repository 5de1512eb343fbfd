import { existsSync, readFileSync } from 'node:fs';
import type { Message } from '../process.js';
import type { JobFleet, JobReplica } from './job-replica.js';

/** One start of a job's method, as its process has written it down. Times are microseconds of CLOCK_MONOTONIC. */
export interface Run {
  readonly replica: JobReplica;
  readonly job: string;
  /** The scheduled time, milliseconds since 1970; undefined for a trigger. */
  readonly tickMs: number | undefined;
  readonly token: bigint;
  readonly cause: string;
  readonly attempt: number;
  readonly input: unknown;
  /** Before its first statement. */
  readonly beganUs: number;
  /** When it was first certain that it acted as master; undefined: it was not any more when it began. */
  readonly actedUs: number | undefined;
  /** When it was last certain that it acted as master. */
  lastUs: number;
  /** Undefined: it goes on, or its process has ended before. */
  endedUs: number | undefined;
  error: string | undefined;
}

/** What `verdicts$` of one replica has told. */
export interface Told {
  readonly replica: JobReplica;
  readonly verdict: Readonly<Record<string, unknown>>;
}

/** What one process has written down, in order. */
export function linesOf(replica: JobReplica): Message[] {
  // A process that has just been started may not have come to its first line.
  if (!existsSync(replica.log)) return [];
  const lines = readFileSync(replica.log, 'utf8').split('\n');
  // What follows the last line's end was cut off with its process.
  return lines.slice(0, -1).map((line) => JSON.parse(line) as Message);
}

/** All runs of the fleet's replicas, the ended ones' too, by the time at which they began. */
export function runsOf(fleet: JobFleet): Run[] {
  return fleet.replicas.flatMap(runsIn).sort((a, b) => a.beganUs - b.beganUs);
}

/** All that the fleet's replicas were told of verdicts. */
export function toldIn(fleet: JobFleet): Told[] {
  return fleet.replicas.flatMap((replica) =>
    linesOf(replica)
      .filter((one) => one['k'] === 'verdict')
      .map((one) => ({ replica, verdict: one['verdict'] as Told['verdict'] })),
  );
}

function runsIn(replica: JobReplica): Run[] {
  const runs = new Map<unknown, Run>();
  for (const line of linesOf(replica)) {
    if (line['k'] === 'start') runs.set(line['n'], started(replica, line));
    const run = runs.get(line['n']);
    if (run === undefined) continue;
    if (line['k'] === 'beat') run.lastUs = line['before'] as number;
    if (line['k'] !== 'end') continue;
    run.endedUs = line['after'] as number;
    run.error = line['error'] as string | undefined;
    if (line['valid'] === true) run.lastUs = line['before'] as number;
  }
  return [...runs.values()];
}

function started(replica: JobReplica, line: Message): Run {
  const { job, tick, token, cause, attempt, input, valid, before, after } = line as Message & {
    job: string;
    tick?: number;
    token: string;
    cause: string;
    attempt: number;
    valid: boolean;
    before: number;
    after: number;
  };
  const actedUs = valid ? after : undefined;
  return {
    replica,
    job,
    tickMs: tick,
    token: BigInt(token),
    cause,
    attempt,
    input,
    beganUs: before,
    actedUs,
    lastUs: before,
    endedUs: undefined,
    error: undefined,
  };
}

/**
 * Everything that runs have done and that I2 and I3 forbid, in words; nothing when all is well. Two runs overlap when
 * one was certain to act as master between the first and the last moment at which the other was; so slowness, and a
 * process that stands still, can hide something and make nothing up. Jobs that may overlap by their options are
 * looked at for the rest alone.
 */
export function violations(runs: readonly Run[], mayOverlap: readonly string[] = []): string[] {
  const alone = runs.filter(({ job }) => !mayOverlap.includes(job));
  return [...duplicates(runs), ...overlaps(alone), ...oldTokens(runs)];
}

/** Ticks that were started more than once, other than to run again what was cut short. */
export function duplicates(runs: readonly Run[]): string[] {
  const first = new Map<string, Run>();
  const found: string[] = [];
  for (const run of runs) {
    if (run.tickMs === undefined || run.cause === 'rerun') continue;
    const key = `${run.job} ${run.tickMs}`;
    const other = first.get(key);
    if (other === undefined) first.set(key, run);
    else found.push(`${named(other)} and ${named(run)} are for one tick`);
  }
  return found;
}

/** Ticks that were started more often than once and so many times again. */
export function startedTooOften(runs: readonly Run[], reruns: number): string[] {
  const starts = new Map<string, Run[]>();
  for (const run of runs) {
    if (run.tickMs === undefined) continue;
    const key = `${run.job} ${run.tickMs}`;
    starts.set(key, [...(starts.get(key) ?? []), run]);
  }
  return [...starts.values()].filter(({ length }) => length > reruns + 1).map((all) => `${all.map(named).join(' and ')} are for one tick`);
}

function overlaps(runs: readonly Run[]): string[] {
  const acted = runs.filter((run) => run.actedUs !== undefined);
  return acted.flatMap((run, index) =>
    acted
      .slice(index + 1)
      .filter((other) => other.job === run.job && (other.actedUs as number) < run.lastUs && (run.actedUs as number) < other.lastUs)
      .map((other) => `${named(run)} and ${named(other)} overlap`),
  );
}

/**
 * Hooks that do not come in pairs: after `elected` comes `lost`, and only then the next `elected`. A
 * process may end at any moment.
 */
export function hooksOutOfStep(fleet: JobFleet): string[] {
  return fleet.replicas.flatMap((replica) => {
    const told = linesOf(replica).flatMap((line) => (line['k'] === 'hook' ? [line['hook']] : []));
    const isInStep = told.every((hook, index) => hook === (index % 2 === 0 ? 'elected' : 'lost'));
    return isInStep ? [] : [`the hooks of ${replica.name} came as ${told.join(', ')}`];
  });
}

/**
 * Between two of its lines (they come twice a second) a replica that is master may be this slow,
 * and counts as able to work.
 */
const STEADY_US = 1_000_000;

/**
 * Jobs that were left lying: during one hold of the mastership the master was able to work for `limitMs`, and no run of
 * a job that it has went on there, or was started by anybody. Times at which the master stood still, or was in doubt,
 * do not count; so slowness hides something and makes nothing up.
 */
export function starved(fleet: JobFleet, jobsOf: (version: string) => readonly string[], limitMs: number): string[] {
  const byJob = new Map<string, Run[]>();
  for (const run of runsOf(fleet)) byJob.set(run.job, [...(byJob.get(run.job) ?? []), run]);
  return fleet.replicas.flatMap((replica) => {
    const holds = holdsOf(replica);
    return jobsOf(replica.version).flatMap((job) => {
      const runs = byJob.get(job) ?? [];
      const isLeft = holds.some((times) => longestUs(times, replica, runs) > limitMs * 1_000);
      return isLeft ? [`"${job}" had no run for ${limitMs} ms while ${replica.name} (${replica.version}) was master`] : [];
    });
  });
}

/** When a replica has written that it is master, hold by hold. */
function holdsOf(replica: JobReplica): number[][] {
  const holds: number[][] = [[]];
  for (const { k, t } of linesOf(replica)) {
    if (k === 'hook') holds.push([]);
    if (k === 'witness') holds.at(-1)?.push(t as number);
  }
  return holds;
}

function longestUs(times: readonly number[], replica: JobReplica, runs: readonly Run[]): number {
  let [quietUs, longest] = [0, 0];
  for (const [index, untilUs] of times.entries()) {
    const sinceUs = times[index - 1];
    if (sinceUs === undefined) continue;
    const isServed = runs.some(
      (run) => run.beganUs <= untilUs && (run.beganUs >= sinceUs || (run.replica === replica && (run.endedUs ?? Infinity) >= sinceUs)),
    );
    if (isServed) quietUs = 0;
    else if (untilUs - sinceUs <= STEADY_US) quietUs += untilUs - sinceUs;
    longest = Math.max(longest, quietUs);
  }
  return longest;
}

/** Starts under a token that is lower than one under which the same election's master had acted before. */
function oldTokens(runs: readonly Run[]): string[] {
  const acted = runs.filter((run) => run.actedUs !== undefined);
  return acted.flatMap((run) =>
    acted
      .filter(
        (later) => later.replica.version === run.replica.version && later.token < run.token && (run.actedUs as number) < later.beganUs,
      )
      .map((later) => `${named(later)} began after ${named(run)}`),
  );
}

function named(run: Run): string {
  const tick = run.tickMs === undefined ? 'a trigger' : new Date(run.tickMs).toISOString();
  return `the run of "${run.job}" for ${tick} by ${run.replica.name} (${run.replica.version}, token ${run.token}, ${run.cause}, ${run.beganUs} us)`;
}
