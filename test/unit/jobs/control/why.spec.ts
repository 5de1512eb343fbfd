import { describe, expect, it } from 'vitest';
import { heldBy, NOBODY, type JobRecord, type RunEntry } from '../../../../src/zookeeper/jobs/record/job-record.js';
import type { MemberView } from '../../../../src/zookeeper/jobs/persistence/job-store.js';
import { changeInWords, type JobControl } from '../../../../src/zookeeper/jobs/record/job-control.js';
import { NO_RUN, type Outcome, type StoredVerdict, type VerdictReason } from '../../../../src/zookeeper/jobs/record/verdict.js';
import { jobVerdictOf } from '../../../../src/zookeeper/jobs/control/verdicts.js';
import type { CatchUp } from '../../../../src/zookeeper/jobs/control/question.js';
import { why } from '../../../../src/zookeeper/jobs/control/why.js';
import { HandClock } from '../../mastership/hand-clock.js';
import { declared, HOURLY, KeptStore, member, ms, tick } from './kept-store.js';

const NOW = '2026-11-21T10:30:00Z';
const SCHEDULE = { ...HOURLY, sinceMs: undefined };

interface Scene {
  readonly record?: Partial<JobRecord>;
  readonly control?: Partial<JobControl>;
  readonly members?: readonly MemberView[];
  readonly log?: readonly StoredVerdict[];
  readonly createdMs?: number;
  readonly master?: string | undefined;
  readonly own?: readonly string[];
  /** How far this replica's clock is ahead of the ensemble's. */
  readonly aheadMs?: number;
  /** What this replica knows of the job's turn in catching up. */
  readonly catchUp?: CatchUp;
  /** Jobs of which a late run goes on. */
  readonly late?: readonly string[];
}

async function ask(at: string, scene: Scene = {}, job = 'payouts'): Promise<string> {
  const { record, control, members = [member('1.0', ['payouts'])], log = [], createdMs = ms('2026-11-01T00:00:00Z'), aheadMs = 0 } = scene;
  const store = new KeptStore(ms(NOW));
  store.put('payouts', { schedule: SCHEDULE, ...record }, { declared: [declared('1.0')], ...control }, createdMs);
  const kept = store.kept.get('payouts');
  if (kept !== undefined) kept.log = log;
  for (const name of scene.late ?? [])
    store.put(name, { schedule: SCHEDULE, running: [{ ...RUN, cause: 'misfire' }] }, { declared: [declared('1.0')] });
  store.alive = [...members];
  const catchUp = (): CatchUp | undefined => scene.catchUp;
  const clock = new HandClock();
  clock.setWall(ms(NOW) + aheadMs - clock.wallMs());
  const masterOf = (): Promise<string | undefined> => Promise.resolve('master' in scene ? scene.master : '10.0.0.1:10');
  return why({ store, clock, maxClockSkewMs: 30_000, own: new Set(scene.own ?? []), masterOf, catchUp }, job, at);
}

const verdict = (outcome: Outcome, reason?: VerdictReason, change: Partial<StoredVerdict> = {}): StoredVerdict => ({
  ...NO_RUN,
  outcome,
  reason,
  tick: tick('2026-11-21T09:00:00Z'),
  by: '10.0.0.7:9090',
  ...change,
});

const RUN: RunEntry = {
  claim: 'c1',
  tick: tick('2026-11-21T10:00:00Z'),
  trigger: undefined,
  cause: 'schedule',
  starts: 1,
  startedMs: ms('2026-11-21T10:00:00.100Z'),
  holder: heldBy(member('1.0', []).name),
  election: 'digest',
  token: 41n,
};
const NINE = '2026-11-21T09:00:00Z';
const TEN = '2026-11-21T10:00:00Z';

describe('why, about a tick that has a verdict', () => {
  it('says where, when and for how long it ran', async () => {
    const ran = verdict('ran', undefined, { startedMs: ms(NINE) + 12, durationMs: 65_000, cause: 'schedule', attempt: 1, token: 41n });
    const answer = await ask(NINE, { record: { cursor: tick(NINE), recent: [ran] } });
    expect(answer).toBe('Ran on 10.0.0.7:9090 at 2026-11-21T09:00:00.012Z, fencing token 41, for 65 s.');
  });

  it('says what a failed run threw, and at which attempt', async () => {
    const failed = verdict('failed', undefined, { startedMs: ms(NINE), durationMs: 1, attempt: 3, error: 'no such account' });
    const answer = await ask(NINE, { log: [failed], record: { cursor: tick(NINE) } });
    expect(answer).toMatch(/^Failed; ran on 10\.0\.0\.7:9090 at .*, attempt 3, for 1 ms\. It threw: no such account$/);
  });

  it.each([
    ['failed', 'timeout', /timeoutMs/],
    ['skipped', 'paused', /^Skipped: the job was paused\./],
    ['skipped', 'overlap', /^Skipped: the run before was still going on/],
    ['missed', 'late', /^Missed: nobody could run it in time/],
    ['missed', 'too old', /misfireWindowMs/],
    ['missed', 'too many', /more ticks were due than are made up for/],
    ['missed', 'record lost', /record in ZooKeeper had been deleted/],
    ['missed', 'reset', /resetClaim/],
    ['interrupted', 'replica gone', /^Interrupted: the process that ran it has ended/],
    ['interrupted', 'mastership lost', /not master any more/],
    ['interrupted', 'shutdown', /shut down, or handed its mastership over/],
    ['interrupted', 'reset', /resetClaim/],
  ] as const)('gives the reason: %s (%s)', async (outcome, reason, expected) => {
    const answer = await ask(NINE, { record: { cursor: tick(NINE), recent: [verdict(outcome, reason)] } });
    expect(answer).toMatch(expected);
    expect(answer).toContain('10.0.0.7:9090');
  });

  it('does not take the replica that decided about a run for the one that ran it', async () => {
    const started = { startedMs: ms(NINE), cause: 'schedule', attempt: 1, token: 41n } as const;
    const taken = verdict('interrupted', 'replica gone', started);
    expect(await ask(NINE, { record: { cursor: tick(NINE), recent: [taken] } })).toMatch(
      /; claimed at 2026-11-21T09:00:00.000Z, fencing token 41, and not run again\. Whether it had begun .* Decided by 10\.0\.0\.7:9090\.$/,
    );
    const told = verdict('interrupted', 'replica gone', { ...started, error: 'It was claimed on 10.0.0.8:9090, which has gone.' });
    expect(await ask(NINE, { record: { cursor: tick(NINE), recent: [told] } })).toMatch(
      /and not run again\. It was claimed on 10\.0\.0\.8:9090, which has gone\. Whether it had begun/,
    );
    const own = verdict('interrupted', 'shutdown', { ...started, durationMs: 5 });
    expect(await ask(NINE, { record: { cursor: tick(NINE), recent: [own] } })).toMatch(/; started on 10\.0\.0\.7:9090 at /);
  });

  it('names who ran it only where that one has written it down', () => {
    const started = { startedMs: ms(NINE), cause: 'schedule', attempt: 1, token: 41n } as const;
    const own = verdict('ran', undefined, { ...started, durationMs: 0 });
    expect(jobVerdictOf('payouts', own, undefined)).toMatchObject({ ranOn: '10.0.0.7:9090', by: '10.0.0.7:9090' });
    const taken = verdict('interrupted', 'replica gone', started);
    expect(jobVerdictOf('payouts', taken, undefined)).toMatchObject({ ranOn: undefined, by: '10.0.0.7:9090' });
  });

  it('finds it within a row of ticks that share one', async () => {
    const row = verdict('missed', 'late', { tick: tick('2026-11-21T03:00:00Z'), until: tick(NINE), count: 7 });
    const record = { cursor: tick(NINE), recent: [row] };
    expect(await ask('2026-11-21T05:00:00Z', { record })).toMatch(
      /So were 7 ticks, from 2026-11-21T03:00:00\.000Z to 2026-11-21T09:00:00\.000Z\.$/,
    );
    expect(await ask('2026-11-21T05:30:00Z', { record })).toMatch(/^Not a tick/);
  });

  it('names both times in the zone of the job', async () => {
    const schedule = { cronTime: '0 0 * * * *', timeZone: 'Asia/Shanghai', sinceMs: undefined };
    const ran = verdict('ran', undefined, { startedMs: ms(NINE), durationMs: 5 });
    expect(await ask(NINE, { record: { schedule, recent: [ran], cursor: tick(NINE) } })).toContain(
      '2026-11-21T09:00:00.000Z (2026-11-21T17:00:00 Asia/Shanghai)',
    );
  });
});

describe('why, about a tick that runs', () => {
  it('says where and since when', async () => {
    const answer = await ask(TEN, { record: { cursor: tick(TEN), running: [{ ...RUN, starts: 2 }] } });
    expect(answer).toMatch(/^Running on 10\.0\.0\.1:10, since 2026-11-21T10:00:00\.100Z \(for 29 min, start 2, fencing token 41\)\.$/);
  });

  it('says that its replica is gone', async () => {
    expect(await ask(TEN, { record: { cursor: tick(TEN), running: [{ ...RUN, holder: heldBy('version~other') }] } })).toMatch(
      /^Running on a replica that is gone/,
    );
  });

  it('says that it was given back', async () => {
    expect(await ask(TEN, { record: { cursor: tick(TEN), running: [{ ...RUN, holder: NOBODY }] } })).toMatch(/given back/);
  });
});

describe('why, about a tick that is due and undecided', () => {
  const record = { cursor: tick(NINE) };

  it('says that nobody is master', async () => {
    expect(await ask(TEN, { record, master: undefined })).toMatch(/nobody is master of "Accounts:1\.0" .* 10\.0\.0\.1:10 \(1\.0\)/);
  });

  it('says that it cannot ask for the master of another election', async () => {
    expect(await ask(TEN, { record, master: 'unknown' })).toMatch(/whom this replica cannot ask for/);
  });

  it('names the master that has not decided, and what to look for when that takes long', async () => {
    expect(await ask(TEN, { record })).toMatch(
      /^Due since 30 min, .* by the master, 10\.0\.0\.1:10 \(of "Accounts:1\.0"\)\. That takes too long: .*ZK_CLOCK_OFF/,
    );
  });

  it('says that the present master does not know the job', async () => {
    const members = [member('1.0', ['other']), member('1.1', ['payouts'], '10.0.0.2:80')];
    expect(await ask(TEN, { record, members })).toMatch(
      /The present master, 10\.0\.0\.1:10 \(version 1\.0\), does not have job "payouts" in its code; .* 10\.0\.0\.2:80 \(1\.1\)/,
    );
  });

  it('says that no living replica knows the job', async () => {
    expect(await ask(TEN, { record, members: [member('1.1', ['other'])] })).toMatch(/orphaned/);
    expect(await ask(TEN, { record, members: [] })).toMatch(/No replica of the service lives/);
  });

  it('does not call a job orphaned that this replica has in its code', async () => {
    expect(await ask(TEN, { record, members: [], own: ['payouts'], master: undefined })).toMatch(/waits for a master/);
  });

  it('says which run it waits for', async () => {
    const running = [{ ...RUN, tick: tick(NINE), startedMs: ms(NINE) }];
    expect(await ask(TEN, { record: { ...record, running } })).toMatch(
      /It waits for the run of 2026-11-21T09:00:00\.000Z, which has been going on since .* on 10\.0\.0\.1:10\./,
    );
  });

  it('says that it waits for its turn in catching up, and behind what', async () => {
    const catchUp = { ahead: 3, behind: ['payroll', 'backup'] };
    expect(await ask(TEN, { record, catchUp })).toMatch(
      /^Due since 30 min, .* waits for its turn in catching up, behind the late runs of "payroll", "backup"; 3 jobs come before it\./,
    );
    expect(await ask(TEN, { record, catchUp: { ahead: 0, behind: [] } })).toMatch(/catching up; it is the next\./);
    const running = [{ ...RUN, holder: NOBODY, starts: 0 }];
    expect(await ask(TEN, { record: { cursor: tick(TEN), running }, catchUp })).toMatch(/given back before it was started; .*"payroll"/);
  });

  it('says on other replicas than the master which late runs go on', async () => {
    const answer = await ask(TEN, { record, late: ['payroll', 'backup'] });
    expect(answer).toMatch(/by the master, .* Late runs of other jobs go on \("backup", "payroll"\): it may wait for its turn/);
    expect(await ask(TEN, { record })).not.toMatch(/Late runs/);
  });

  it('says that the clock of this replica is off', async () => {
    expect(await ask(TEN, { record, aheadMs: 86_400_000 })).toMatch(/24 h ahead of ZooKeeper's.*ZK_CLOCK_OFF/);
  });
});

describe('why, about a paused job', () => {
  const record = { pausedMs: ms('2026-11-21T09:30:00Z'), cursor: tick('2026-11-21T08:00:00Z') };
  const control = {
    declared: [declared('1.0')],
    audit: [{ atMs: record.pausedMs, by: 'anna at 10.0.0.9:80', ...changeInWords('paused') }],
  };

  it('names who paused it and since when, for a tick since', async () => {
    expect(await ask(TEN, { record, control })).toBe('Skipped: the job is paused by anna at 10.0.0.9:80 since 2026-11-21T09:30:00.000Z.');
  });

  it('says what becomes of a tick that was due before', async () => {
    expect(await ask(NINE, { record, control })).toMatch(/due before the job was paused.*reported as missed/);
  });

  it('says that a tick of the future depends on it', async () => {
    expect(await ask('2026-11-21T12:00:00Z', { record, control })).toMatch(/will not run unless the job is resumed/);
  });
});

describe('why, about instants that are not to be run', () => {
  it('says when a tick of the future is due', async () => {
    expect(await ask('2026-11-21T12:00:00Z')).toBe('It is in the future: due in 90 min, at 2026-11-21T12:00:00.000Z.');
  });

  it('names the ticks before and after an instant that is none', async () => {
    expect(await ask('2026-11-21T09:20:00Z')).toBe(
      'Not a tick of the schedule in force, "0 0 * * * *" (UTC). The tick before is 2026-11-21T09:00:00.000Z, the one after 2026-11-21T10:00:00.000Z.',
    );
  });

  it('says since when there is the job', async () => {
    expect(await ask(NINE, { createdMs: ms('2026-11-21T09:10:00Z') })).toMatch(
      /first declared to the cluster at 2026-11-21T09:10:00\.000Z/,
    );
  });

  it('says that the master does not have the job, also when it shares its address with one that has, and about the future', async () => {
    const members = [member('1.0', ['other'], '10.0.0.7:9090'), member('1.1', ['payouts'], '10.0.0.8:9090')];
    const scene = { members, master: '10.0.0.7:9090', control: { declared: [declared('1.1', { election: 'Accounts' })] } };
    const answer =
      /master, 10\.0\.0\.7:9090 \(version 1\.0\), does not have job "payouts".*left for a master that has: 10\.0\.0\.8:9090 \(1\.1\)/;
    expect(await ask(TEN, scene)).toMatch(answer);
    expect(await ask('2026-11-21T11:00:00Z', scene)).toMatch(/^It is in the future.*does not have job "payouts"/);
    const observer = { ...member('1.1', [], '10.0.0.7:9090'), name: 'observer~1' };
    expect(await ask(TEN, { ...scene, members: [observer, ...members] })).toMatch(answer);
    const same = [...members, member('1.1', ['payouts'], '10.0.0.7:9090')];
    expect(await ask(TEN, { ...scene, members: same })).not.toMatch(/does not have/);
  });

  it('says since when there is the schedule', async () => {
    const schedule = { ...HOURLY, sinceMs: ms('2026-11-21T09:10:00Z') };
    expect(await ask(NINE, { record: { schedule } })).toMatch(/counts since 2026-11-21T09:10:00\.000Z/);
  });

  it('says that the verdict is too old to be kept', async () => {
    const recent = [verdict('ran')];
    expect(await ask('2026-11-20T09:00:00Z', { record: { cursor: tick(NINE), recent } })).toMatch(
      /not kept any more.*the oldest that is kept is of 2026-11-21T09:00:00\.000Z/,
    );
  });

  it('says that it was passed over without a verdict', async () => {
    const recent = [verdict('ran', undefined, { tick: tick('2026-11-21T07:00:00Z') })];
    expect(await ask(NINE, { record: { cursor: tick(TEN), recent } })).toMatch(/passed over without a verdict/);
  });

  it('says that the schedule is disabled', async () => {
    expect(await ask(TEN, { control: { declared: [declared('1.0', { disabled: true })] } })).toMatch(/disabled/);
  });

  it('says that the job has no slots, and what was going on', async () => {
    const failed = verdict('failed', undefined, { tick: undefined, startedMs: ms(NINE) - 5, durationMs: 10, error: 'boom' });
    expect(await ask(NINE, { record: { schedule: undefined, recent: [failed] } })).toMatch(/has no slots.*It threw: boom/);
  });

  it('says that there is no such job, and which one may be meant', async () => {
    expect(await ask(TEN, {}, 'payout')).toMatch(/no job "payout".*Did you mean "payouts"\?/);
    expect(await ask(TEN, {}, 'Statements.send')).not.toMatch(/Did you mean/);
  });

  it('reads a time without a zone in that of the schedule, and milliseconds as text', async () => {
    const schedule = { cronTime: '0 0 18 * * *', timeZone: 'Asia/Shanghai', sinceMs: undefined };
    for (const at of ['2026-11-21T18:00', '2026-11-21 18:00:00', String(ms(TEN)), TEN])
      expect(await ask(at, { record: { schedule, recent: [verdict('ran', undefined, { tick: tick(TEN), durationMs: 5 })] } })).toMatch(
        /^Ran/,
      );
  });

  it('says that the time is no time', async () => {
    expect(await ask('yesterday')).toMatch(/not a valid date/);
  });
});

it('says, about a damaged record, what is wrong and how to repair it', async () => {
  const store = new KeptStore(ms(NOW));
  store.damage('payouts', 'it is no list');
  const parts = { store, clock: new HandClock(), maxClockSkewMs: 1, own: new Set<string>(), masterOf: () => Promise.resolve(undefined) };
  expect(await why(parts, 'payouts', new Date(TEN))).toMatch(/cannot be read \(it is no list\).*resetClaim\("payouts"\)/);
});
