import { isObject, received } from '../support/checks.js';
import { electionNameProblem, nameProblem } from '../support/names.js';
import { JobSetupError } from '../jobs/run/errors.js';
import type { JobIdentity } from '../jobs/run/job-identity.js';
import { JOB_OPTIONS, jobOptionProblem, rulesOf } from '../jobs/run/job-options.js';
import { parseSchedule, scheduleSpecOf } from '../jobs/schedule/parse.js';
import type { MasterOnlyOptions } from '../decorators/guarded.js';

/**
 * A job that is made at run time: a name, a schedule, and the options of `@MasterOnly`; its ticks are always claimed.
 */
export interface AddedJobOptions extends MasterOnlyOptions {
  /** Its name everywhere; the same on every replica that adds it. */
  readonly name: string;
  /**
   * A cron expression of 5 or 6 fields, or an instant (a Date, or ISO 8601 in UTC) for a job that is due once. Adding
   * it again after that instant is harmless, and makes up for it where nobody could run it; a job that the cluster has
   * first heard of after its instant never runs.
   */
  readonly cronTime: string | Date;
  /**
   * An IANA zone, or `UTC+05:30`. Default: the `timeZone` of ZookeeperModule's options, without it
   * the zone of the process.
   */
  readonly timeZone?: string | undefined;
}

/**
 * Who an added job is. Checked as `@MasterOnly` and `@Cron` are.
 * @throws {JobSetupError} that lists every problem. {BadScheduleError} for the schedule.
 */
export function addedJob(options: AddedJobOptions, run: unknown, defaultZone?: string): JobIdentity {
  if (!isObject(options))
    throw new JobSetupError([`ClusterJobs.add: expected an object with options (${KNOWN.join(', ')}), received ${received(options)}.`]);
  const { name, election, cronTime, timeZone } = options;
  const problems = [
    ...problemsOf(options),
    ...(typeof run === 'function' ? [] : [`the second argument must be the function to run, received ${received(run)}`]),
  ];
  if (problems.length > 0) throw new JobSetupError(problems.map((problem) => `ClusterJobs.add(${received(name)}): ${problem}.`));
  const schedule = scheduleSpecOf(cronTime, timeZone, undefined, defaultZone);
  parseSchedule(schedule);
  const method = `ClusterJobs.add(${JSON.stringify(name)})`;
  return { name, method, election, kind: 'added', disabled: false, rules: rulesOf(options, 'cron'), schedule };
}

const KNOWN: readonly string[] = ['name', 'election', 'cronTime', 'timeZone', ...JOB_OPTIONS];

function problemsOf(options: AddedJobOptions): string[] {
  const unknown = Object.keys(options).filter((option) => !KNOWN.includes(option));
  const name = textProblem(options.name, nameProblem);
  const { election } = options;
  const electionProblem = election === undefined ? undefined : textProblem(election, electionNameProblem);
  return [
    ...unknown.map((option) => `there is no option "${option}". Known: ${KNOWN.join(', ')}`),
    ...(name === undefined ? [] : [`the name cannot be used: ${name}`]),
    ...(electionProblem === undefined ? [] : [`election ${received(election)} cannot be used: ${electionProblem}`]),
    ...JOB_OPTIONS.flatMap((option) => jobOptionProblem(option, options[option]) ?? []),
    ...withoutClaims(options),
  ];
}

function textProblem(value: unknown, problemOf: (text: string) => string | undefined): string | undefined {
  return typeof value === 'string' ? problemOf(value) : 'it is no text';
}

/** No schedule of this process fires for it: its ticks start because they are claimed. */
function withoutClaims({ claim }: AddedJobOptions): string[] {
  return claim === 'none' ? ["claim: 'none' is for methods with a schedule of @nestjs/schedule; an added job always claims its ticks"] : [];
}
