import { isObject, milliseconds, must, oneOf, received, whole, type Check } from '../../support/checks.js';
import { nameProblem } from '../../support/names.js';
import { BadOrderError } from './errors.js';

const AN_HOUR_MS = 3_600_000;
const A_DAY_MS = 86_400_000;
const MIN_EVERY_MS = 100;
const MAX_BY_LENGTH = 100;

type Checks = Readonly<Record<string, Check>>;

const isText = (value: unknown): value is string => typeof value === 'string';
const WAIT: Checks = {
  timeoutMs: milliseconds(0, A_DAY_MS),
  signal: must('an AbortSignal', isSignal),
};
const ORDER: Checks = {
  ...WAIT,
  by: must(`a text of 1 to ${MAX_BY_LENGTH} characters`, (value) => isText(value) && value !== '' && value.length <= MAX_BY_LENGTH),
};
const MONITOR: Checks = { everyMs: milliseconds(MIN_EVERY_MS, AN_HOUR_MS) };
const TRIGGER: Checks = {
  // JSON, and whether it has room, is seen where it is encoded.
  input: () => undefined,
  // Whether a text can be a key is seen where it becomes the name of a node.
  idempotencyKey: must('a text', isText),
  wait: oneOf('accepted', 'done'),
  ...ORDER,
  timeoutMs: milliseconds(1, A_DAY_MS),
};
const SCHEDULE: Checks = {
  cronTime: must('a cron expression or an instant (a Date, or ISO 8601 in UTC)', (value) => isText(value) || isInstant(value)),
  timeZone: must('the name of a time zone', isText),
};

/** The options of each method of `ClusterJobs` that takes arguments. */
const OPTIONS = {
  trigger: TRIGGER,
  pause: ORDER,
  resume: ORDER,
  reschedule: ORDER,
  resetClaim: ORDER,
  verdicts: { limit: whole('a whole number', 1, Number.MAX_SAFE_INTEGER), ...WAIT },
  why: WAIT,
  history: WAIT,
  remove: WAIT,
  ready: WAIT,
  list: WAIT,
  alarms$: MONITOR,
  jobs$: MONITOR,
} as const satisfies Readonly<Record<string, Checks>>;

/** What a method was called with; an argument that it does not have is left out. */
interface Given {
  readonly job?: unknown;
  readonly schedule?: unknown;
  readonly tick?: unknown;
  readonly options?: unknown;
}

/**
 * Looks at the arguments of a method before anything is done: they may come from a request, whose
 * types nobody has checked.
 * @throws {BadOrderError} that lists every problem.
 */
export function checkArguments(method: keyof typeof OPTIONS, given: Given): void {
  const problems = [
    ...('job' in given ? jobProblems(given.job) : []),
    ...('schedule' in given ? scheduleProblems(given.schedule) : []),
    ...('tick' in given ? tickProblems(given.tick) : []),
    ...(given.options === undefined ? [] : optionProblems('the options', given.options, OPTIONS[method])),
  ];
  if (problems.length > 0) throw new BadOrderError(method, problems);
}

/** A name becomes a part of a path in ZooKeeper: with a "/" in it the order would be about another node. */
function jobProblems(job: unknown): string[] {
  if (!isText(job)) return [`the job must be named by a text, received ${received(job)}`];
  const problem = nameProblem(job);
  return problem === undefined ? [] : [`no job can have the name ${received(job)}: ${problem}`];
}

function scheduleProblems(schedule: unknown): string[] {
  if (schedule === null) return [];
  if (!isPlain(schedule))
    return [`the schedule must be { cronTime, timeZone }, or null for that of the code, received ${received(schedule)}`];
  return optionProblems('the schedule', schedule, SCHEDULE, ['cronTime']);
}

/** One that is no valid date is answered in words. */
function tickProblems(tick: unknown): string[] {
  const isTick = tick instanceof Date || isText(tick) || typeof tick === 'number';
  return isTick ? [] : [`the tick must be a Date, a text or milliseconds since 1970, received ${received(tick)}`];
}

function optionProblems(what: string, options: unknown, checks: Checks, required: readonly string[] = []): string[] {
  const known = Object.keys(checks);
  if (!isPlain(options)) return [`${what} must be an object { ${known.join(', ')} }, received ${received(options)}`];
  const unknown = Object.keys(options).filter((option) => !Object.hasOwn(checks, option));
  return [
    ...unknown.map((option) => `there is no option ${received(option)} (known: ${known.join(', ')})`),
    ...Object.entries(checks).flatMap(([option, check]) => {
      const value = options[option];
      return value === undefined && !required.includes(option) ? [] : (check(value, option) ?? []);
    }),
  ];
}

/** Not a Date or an AbortSignal, say, which have no options and would be ignored. */
function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return isObject(value) && Object.prototype.toString.call(value) === '[object Object]';
}

/** A luxon DateTime is one, too, as in `@Cron`. */
function isInstant(value: unknown): boolean {
  return value instanceof Date || (isObject(value) && typeof value['toMillis'] === 'function');
}

/** By its form: there are other implementations than that of Node. */
function isSignal(value: unknown): boolean {
  return isObject(value) && typeof value['aborted'] === 'boolean' && typeof value['addEventListener'] === 'function';
}
