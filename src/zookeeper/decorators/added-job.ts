import { JobSetupError } from '../jobs/errors.js';
import { electionNameProblem, type JobIdentity, nameProblem } from '../jobs/job-identity.js';
import { JOB_OPTIONS, jobOptionProblem, rulesOf } from '../jobs/job-options.js';
import { parseSchedule, scheduleSpecOf } from '../jobs/schedule/parse.js';
import type { MasterOnlyOptions } from './guarded.js';

/** A job that is made at run time: a name, a schedule, and the options of `@MasterOnly`; its ticks are always claimed. */
export interface AddedJobOptions extends MasterOnlyOptions {
  /** Its name everywhere; the same on every replica that adds it. */
  readonly name: string;
  /** A cron expression of 5 or 6 fields, or an instant (a Date, or ISO 8601 in UTC) for a job that is due once. */
  readonly cronTime: string | Date;
  /** An IANA zone, or `UTC+05:30`. Default: the zone of the process. */
  readonly timeZone?: string | undefined;
}

/**
 * Who an added job is. Checked as `@MasterOnly` and `@Cron` are.
 * @throws {JobSetupError} that lists every problem. {BadScheduleError} for the schedule.
 */
export function addedJob(options: AddedJobOptions): JobIdentity {
  const { name, election, cronTime, timeZone } = options;
  const problems = problemsOf(options).map((problem) => `ClusterJobs.add(${JSON.stringify(name)}): ${problem}.`);
  if (problems.length > 0) throw new JobSetupError(problems);
  const cron = scheduleSpecOf(cronTime, timeZone);
  parseSchedule(cron);
  return {
    name,
    method: `ClusterJobs.add(${JSON.stringify(name)})`,
    election,
    schedule: 'cron',
    disabled: false,
    rules: rulesOf(options, 'cron'),
    cron,
  };
}

const OWN_OPTIONS: readonly string[] = ['name', 'election', 'cronTime', 'timeZone'];

function problemsOf(options: AddedJobOptions): string[] {
  const known: readonly string[] = [...OWN_OPTIONS, ...JOB_OPTIONS];
  const unknown = Object.keys(options).filter((option) => !known.includes(option));
  const name = typeof options.name === 'string' ? nameProblem(options.name) : 'it is no text';
  const { election } = options;
  const electionProblem = election === undefined ? undefined : electionNameProblem(election);
  return [
    ...unknown.map((option) => `there is no option "${option}". Known: ${known.join(', ')}`),
    ...(name === undefined ? [] : [`the name cannot be used: ${name}`]),
    ...(electionProblem === undefined ? [] : [`election ${JSON.stringify(election)} cannot be used: ${electionProblem}`]),
    ...JOB_OPTIONS.flatMap((option) => jobOptionProblem(option, options[option]) ?? []),
    ...withoutClaims(options),
  ];
}

/** No schedule of this process fires for it: its ticks start because they are claimed. */
function withoutClaims({ claim }: AddedJobOptions): string[] {
  return claim === 'none' ? ["claim: 'none' is for methods with a schedule of @nestjs/schedule; an added job always claims its ticks"] : [];
}
