import { describe, expect, it } from 'vitest';
import type { ClusterJobs } from '../../../../src/zookeeper/api/cluster-jobs.js';
import { BadOrderError } from '../../../../src/zookeeper/jobs/control/errors.js';
import type { JobStore } from '../../../../src/zookeeper/jobs/persistence/job-store.js';
import { Application, withStore } from './application.js';

/** Whatever is asked of it: it must not have come so far. */
const untouched = new Proxy({} as JobStore, {
  get: (_, method) => {
    throw new Error(`The store was asked for ${String(method)}.`);
  },
});

/** The methods as a request calls them, whose types nobody has checked. */
type Loose = Record<keyof ClusterJobs, (...args: unknown[]) => unknown>;

const loose = (store: JobStore): Loose => new Application(store).jobs as unknown as Loose;
const wrong = loose(untouched);
const METHODS = ['trigger', 'pause', 'resume', 'reschedule', 'verdicts', 'why', 'history', 'resetClaim', 'remove'] as const;
const ORDERS = ['pause', 'resume', 'resetClaim'] as const;
const MONITORS = ['alarms$', 'jobs$'] as const;

async function refusalOf(method: keyof ClusterJobs, ...args: unknown[]): Promise<BadOrderError> {
  const answer = wrong[method](...args);
  const thrown: unknown = await Promise.resolve(answer).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(thrown).toBeInstanceOf(BadOrderError);
  return thrown as BadOrderError;
}

describe('what a method of ClusterJobs cannot take is refused before anything is sent', () => {
  it.each(METHODS)('%s: a job that is named by no text, or by a path', async (method) => {
    const rest = method === 'reschedule' ? [null] : method === 'why' ? [0] : [];
    for (const [job, expected] of [
      [undefined, 'the job must be named by a text, received nothing'],
      [5, 'the job must be named by a text, received 5'],
      ['', 'no job can have the name "": it is empty'],
      ['payouts/control', /^no job can have the name "payouts\/control": it contains "\/"/],
    ] as const) {
      const refusal = await refusalOf(method, job, ...rest);
      expect(refusal).toMatchObject({ code: 'ZK_BAD_ORDER', method, problems: [expect.stringMatching(expected)] });
    }
  });

  it.each([
    [{ timeoutMs: '3s' }, '"timeoutMs" must be a whole number of milliseconds from 1 to 86400000, received "3s"'],
    [{ timeoutMs: 0 }, '"timeoutMs" must be a whole number of milliseconds from 1 to 86400000, received 0'],
    [{ timeoutMs: 86_400_001 }, '"timeoutMs" must be a whole number of milliseconds from 1 to 86400000, received 86400001'],
    [{ timeoutMs: 1.5 }, '"timeoutMs" must be a whole number of milliseconds from 1 to 86400000, received 1.5'],
    [{ key: 'x' }, 'there is no option "key" (known: input, idempotencyKey, wait, timeoutMs, signal, by)'],
    [{ wait: 'finished' }, '"wait" must be \'accepted\' or \'done\', received "finished"'],
    [{ idempotencyKey: 5 }, '"idempotencyKey" must be a text, received 5'],
    [{ signal: 'stop' }, '"signal" must be an AbortSignal, received "stop"'],
    [{ by: '' }, '"by" must be a text of 1 to 100 characters, received ""'],
    ['now', 'the options must be an object { input, idempotencyKey, wait, timeoutMs, signal, by }, received "now"'],
    [null, 'the options must be an object { input, idempotencyKey, wait, timeoutMs, signal, by }, received null'],
    [
      new AbortController().signal,
      'the options must be an object { input, idempotencyKey, wait, timeoutMs, signal, by }, received a value of type object',
    ],
  ])('trigger: %j', async (options, problem) => {
    expect((await refusalOf('trigger', 'payouts', options)).problems).toEqual([problem]);
  });

  it.each(ORDERS)('%s: options that are none, and a "by" that is no text of 1 to 100 characters', async (method) => {
    expect((await refusalOf(method, 'payouts', 'anna')).problems).toEqual([
      'the options must be an object { timeoutMs, signal, by }, received "anna"',
    ]);
    expect((await refusalOf(method, 'payouts', { by: 7 })).problems).toEqual(['"by" must be a text of 1 to 100 characters, received 7']);
    expect((await refusalOf(method, 'payouts', { by: 'a'.repeat(101) })).problems).toHaveLength(1);
    expect((await refusalOf(method, 'payouts', { who: 'anna' })).problems).toEqual([
      'there is no option "who" (known: timeoutMs, signal, by)',
    ]);
  });

  it.each([
    [undefined, ['the schedule must be { cronTime, timeZone }, or null for that of the code, received nothing']],
    ['0 0 3 * * *', ['the schedule must be { cronTime, timeZone }, or null for that of the code, received "0 0 3 * * *"']],
    [
      { cron: '0 0 3 * * *' },
      [
        'there is no option "cron" (known: cronTime, timeZone)',
        '"cronTime" must be a cron expression or an instant (a Date, or ISO 8601 in UTC), received nothing',
      ],
    ],
    [{ cronTime: 5 }, ['"cronTime" must be a cron expression or an instant (a Date, or ISO 8601 in UTC), received 5']],
    [{ cronTime: '0 0 3 * * *', timeZone: 1 }, ['"timeZone" must be the name of a time zone, received 1']],
  ])('reschedule: %j', async (schedule, problems) => {
    expect((await refusalOf('reschedule', 'payouts', schedule)).problems).toEqual(problems);
  });

  it('reschedule: with a "by" that is no text', async () => {
    expect((await refusalOf('reschedule', 'payouts', null, { by: {} })).problems).toEqual([
      '"by" must be a text of 1 to 100 characters, received a value of type object',
    ]);
  });

  it.each(['x', -1, 0, 1.5, null])('verdicts: limit %j', async (limit) => {
    expect((await refusalOf('verdicts', 'payouts', { limit })).problems).toEqual([
      expect.stringMatching(/^"limit" must be a whole number, at least 1, received /),
    ]);
  });

  it.each([undefined, null, {}, true])('why: the tick %j', async (tick) => {
    expect((await refusalOf('why', 'payouts', tick)).problems).toEqual([
      expect.stringMatching(/^the tick must be a Date, a text or milliseconds since 1970, received /),
    ]);
  });

  it.each(MONITORS)('%s: a pause between two looks that is no number from 100 to 3 600 000', (method) => {
    for (const everyMs of ['x', 0, 99, 3_600_001]) {
      expect(() => wrong[method]({ everyMs })).toThrow(
        new RegExp(`ZK_BAD_ORDER: ClusterJobs\\.${method.replace('$', '\\$')} .*"everyMs" must be a whole number of milliseconds`),
      );
    }
    expect(() => wrong[method](5)).toThrow('the options must be an object { everyMs }, received 5');
  });

  it('with every problem in one message, and what to do', async () => {
    const { message } = await refusalOf('trigger', 7, { key: 'x', timeoutMs: '3s' });
    expect(message).toBe(
      'ZK_BAD_ORDER: ClusterJobs.trigger cannot be called like this: the job must be named by a text, received 7; ' +
        'there is no option "key" (known: input, idempotencyKey, wait, timeoutMs, signal, by); ' +
        '"timeoutMs" must be a whole number of milliseconds from 1 to 86400000, received "3s". Nothing was sent; correct the call.',
    );
  });
});

describe('what a method of ClusterJobs can take', () => {
  it('goes through: options that are undefined, of an instance of a class, a Date and a luxon DateTime', async () => {
    const { application } = withStore();
    const jobs = application.jobs as unknown as Loose;
    class Body {
      readonly by = 'anna';
    }
    expect(await jobs.pause('report', { by: undefined })).toBe(true);
    expect(await jobs.resume('report', new Body())).toBe(true);
    expect(await jobs.reschedule('report', { cronTime: { toMillis: () => Date.now() + 60_000 }, timeZone: undefined })).toBe(true);
    expect(await jobs.reschedule('report', { cronTime: new Date(Date.now() + 120_000) })).toBe(true);
    expect(await jobs.reschedule('report', null, { by: 'a'.repeat(100) })).toBe(true);
    expect(await jobs.verdicts('report', { limit: 1_000 })).toBeInstanceOf(Array);
    expect(await jobs.why('report', 'nonsense')).toMatch(/^The time of the tick is not a valid date/);
    expect(() => jobs.alarms$({ everyMs: 100 })).not.toThrow();
    expect(() => jobs.jobs$({ everyMs: 3_600_000 })).not.toThrow();
  });

  it('is asked for from the store: a trigger with every option', async () => {
    const { application, store } = withStore();
    const { signal } = new AbortController();
    const options = { input: 1, idempotencyKey: 'k', wait: 'done', timeoutMs: 1, signal, by: 'anna' } as const;
    await expect(application.jobs.trigger('report', options)).rejects.toMatchObject({ code: 'ZK_TRIGGER_NOT_ACCEPTED' });
    expect(await store.loadTrigger('report', 'k')).toMatchObject({ input: 1, by: 'anna at 10.0.0.1:10' });
  });
});
