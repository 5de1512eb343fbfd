import { describe, expect, it } from 'vitest';
import { ClusterJobs } from '../../../../src/zookeeper/decorators/cluster-jobs.js';
import type { JobVerdict } from '../../../../src/zookeeper/jobs/control/verdicts.js';
import { NO_RUN } from '../../../../src/zookeeper/jobs/record/verdict.js';
import type { JobIdentity } from '../../../../src/zookeeper/jobs/job-identity.js';
import { JobEvents } from '../../../../src/zookeeper/jobs/job-events.js';
import type { Elections } from '../../../../src/zookeeper/mastership/election.js';
import type { JobStore } from '../../../../src/zookeeper/jobs/record/job-store.js';
import { declared, HOURLY, KeptStore, member, ms } from './kept-store.js';

type GateOfJobs = ConstructorParameters<typeof ClusterJobs>[3];

/** What `ClusterJobs` needs of an application: its gate takes every job that is added. */
class Application {
  readonly events = new JobEvents(() => undefined);
  readonly names: string[] = ['report'];
  readonly runs = new Map<string, (given: unknown) => unknown>();
  /** What the other replicas were told of. */
  told: readonly string[] = [];
  readonly jobs: ClusterJobs;

  constructor(store: JobStore | undefined) {
    const election = { key: 'Accounts:1.0', master: () => Promise.resolve({ address: '10.0.0.1:10', isThis: true }) };
    const gate = {
      list: () => this.names.map((name) => ({ identity: { name, schedule: 'cron' }, gate: { election } })),
      job: ({ name }: JobIdentity) => {
        this.names.push(name);
        return { bind: (_: unknown, run: (given: unknown) => unknown) => void this.runs.set(name, run) };
      },
      forget: ({ name }: JobIdentity) => void this.names.splice(this.names.indexOf(name), 1),
    } as unknown as GateOfJobs;
    const setJobs = (names: readonly string[]): void => void (this.told = names);
    const elections = { election: () => election, setJobs } as unknown as Elections;
    const settings = { address: '10.0.0.1:10', version: '1.0', maxClockSkewMs: 30_000 };
    this.jobs = new ClusterJobs(store, this.events, settings, gate, elections);
  }
}

function withStore(): { application: Application; store: KeptStore } {
  const store = new KeptStore(Date.now());
  store.put('report', { schedule: { ...HOURLY, sinceMs: undefined } }, { declared: [declared('1.0')] }, 0);
  store.alive = [member('1.0', ['report'])];
  return { application: new Application(store), store };
}

describe('ClusterJobs where nothing is kept', () => {
  const { jobs, events } = new Application(undefined);

  it.each([
    ['list', () => jobs.list()],
    ['trigger', () => jobs.trigger('report')],
    ['pause', () => jobs.pause('report')],
    ['resume', () => jobs.resume('report')],
    ['reschedule', () => jobs.reschedule('report', null)],
    ['verdicts', () => jobs.verdicts('report')],
    ['why', () => jobs.why('report', new Date())],
    ['resetClaim', () => jobs.resetClaim('report')],
    ['remove', () => jobs.remove('report')],
    ['alarms$', async () => jobs.alarms$()],
    ['jobs$', async () => jobs.jobs$()],
  ])('refuses %s and says what to use instead', async (method, call) => {
    await expect(call()).rejects.toMatchObject({
      code: 'ZK_NO_JOB_STORE',
      message: expect.stringContaining(`ClusterJobs.${method} needs`),
    });
    await expect(call()).rejects.toThrow(/runJob\(\).*standalone: true/);
  });

  it('still tells of the verdicts of this replica, until it is unsubscribed', () => {
    const told: JobVerdict[] = [];
    const subscription = jobs.verdicts$.subscribe((verdict) => told.push(verdict));
    events.verdicts.tell('report', { ...NO_RUN, outcome: 'ran', token: 7n });
    subscription.unsubscribe();
    events.verdicts.tell('report', NO_RUN);
    expect(told).toMatchObject([{ job: 'report', outcome: 'ran', fencingToken: 7n }]);
  });
});

describe('ClusterJobs.add and remove', () => {
  it('add a job to this replica, and take it out again', async () => {
    const { application, store } = withStore();
    application.jobs.add({ name: 'extra', cronTime: '0 0 2 * * *', timeZone: 'UTC', misfire: 'skip' }, (run) => run.job);
    expect(application.names).toEqual(['report', 'extra']);
    expect(application.told).toEqual(['report', 'extra']);
    expect(application.runs.get('extra')?.({ job: 'extra' })).toBe('extra');
    store.put('extra', {}, {});
    await application.jobs.remove('extra');
    expect(application.names).toEqual(['report']);
    expect(application.told).toEqual(['report']);
    expect(await store.jobs()).toEqual(['report']);
  });

  it('refuse a name that the application has, and a job that it has in its code', async () => {
    const { application } = withStore();
    expect(() => application.jobs.add({ name: 'report', cronTime: '0 0 2 * * *' }, () => undefined)).toThrow(/ZK_JOB_EXISTS/);
    await expect(application.jobs.remove('report')).rejects.toMatchObject({ code: 'ZK_JOB_IN_USE' });
  });

  it('list everything that is wrong with the options', () => {
    const { application } = withStore();
    const options = { name: 'a/b', cronTime: '* * * * *', election: 'x:y', claim: 'none', misfire: 'skip', overlap: 'no', bogus: 1 };
    expect(() => application.jobs.add(options as never, () => undefined)).toThrow(
      /5 problems:.*no option "bogus".*the name cannot be used.*election "x:y".*"overlap" must be.*always claims its ticks/s,
    );
    expect(application.names).toEqual(['report']);
  });

  it('refuse a schedule that cannot be used', () => {
    const { application } = withStore();
    expect(() => application.jobs.add({ name: 'extra', cronTime: '61 * * * * *' }, () => undefined)).toThrow(/ZK_BAD_SCHEDULE/);
  });
});

it('asks the election of a job for its master, to say why a tick waits', async () => {
  const { application, store } = withStore();
  const tickMs = Math.floor(Date.now() / 3_600_000) * 3_600_000;
  store.clockMs = Math.max(Date.now(), tickMs + 1);
  expect(await application.jobs.why('report', new Date(tickMs).toISOString())).toMatch(
    /by the master, 10\.0\.0\.1:10 \(of "Accounts:1\.0"\)/,
  );
  expect(await application.jobs.why('report', ms('2026-11-21T10:00:30Z'))).toMatch(/^Not a tick/);
});
