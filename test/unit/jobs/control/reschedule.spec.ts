import { describe, expect, it } from 'vitest';
import { reschedule } from '../../../../src/zookeeper/jobs/control/reschedule.js';
import { DAILY, declared, HOURLY, member, ms, tick } from './kept-store.js';
import { NOON, said, scene, SCHEDULE } from './payouts.js';

describe('reschedule', () => {
  it('puts another schedule in force from now on; what was due before and undecided is missed', async () => {
    const { store, parts } = scene();
    store.clockMs = ms('2026-11-21T14:30:00Z');
    expect(await reschedule(parts, 'payouts', { cronTime: DAILY.cronTime }, 'anna')).toBe(true);
    expect(store.record('payouts').schedule).toEqual({ ...DAILY, sinceMs: store.clockMs });
    expect(said(store)).toEqual(['missed late 13:00..14:00 2']);
    expect(store.record('payouts').cursor).toEqual(tick('2026-11-21T14:00:00Z'));
    expect(store.control('payouts')).toMatchObject({ inForce: { from: 'control' }, audit: [{ by: 'anna at 10.0.0.7:90' }] });
  });

  it('changes nothing when it is repeated', async () => {
    const { store, parts } = scene();
    await reschedule(parts, 'payouts', DAILY);
    store.clockMs += 10_000;
    expect(await reschedule(parts, 'payouts', DAILY)).toBe(false);
    expect(store.record('payouts').schedule?.sinceMs).toBe(NOON);
  });

  it('leaves room in the record whatever the spacing of the expression', async () => {
    const { store, parts } = scene();
    await reschedule(parts, 'payouts', { cronTime: `0 0 2${'\t'.repeat(240)}* * *`, timeZone: 'UTC' });
    expect(store.record('payouts').schedule?.cronTime).toBe(DAILY.cronTime);
    expect(await reschedule(parts, 'payouts', { cronTime: '0 0  2 * * *' })).toBe(false);
  });

  it('holds the schedule of the code fast without starting it anew', async () => {
    const { store, parts } = scene();
    expect(await reschedule(parts, 'payouts', HOURLY)).toBe(true);
    expect(store.record('payouts').schedule).toEqual(SCHEDULE);
    expect(store.control('payouts').inForce).toEqual({ from: 'control' });
  });

  it('never brings a tick back that was decided about, whatever the clock says', async () => {
    const { store, parts } = scene();
    store.clockMs = ms('2026-11-21T11:30:00Z');
    await reschedule(parts, 'payouts', { cronTime: '0 30 * * * *' });
    expect(store.record('payouts').cursor).toEqual(tick('2026-11-21T12:00:00Z'));
  });

  it.each(['61 * * * * *', 'at noon', ''])('refuses %j with the reason, and changes nothing', async (cronTime) => {
    const { store, parts } = scene();
    await expect(reschedule(parts, 'payouts', { cronTime })).rejects.toMatchObject({ code: 'ZK_BAD_SCHEDULE' });
    expect(store.writes).toBe(0);
  });

  it.each([
    ['a text', '2020-11-21T09:00:00Z'],
    ['a Date', new Date('2020-11-21T09:00:00Z')],
    ['this very instant', new Date(NOON)],
  ])('refuses an instant in the past, after which the job would never run: %s', async (_, cronTime) => {
    const { store, parts } = scene();
    await expect(reschedule(parts, 'payouts', { cronTime })).rejects.toThrow(
      /ZK_BAD_SCHEDULE: The schedule "20\d\d-11-21T.*Z" .*: it has no tick after 2026-11-21T12:00:30\.000Z, .*Give it an instant in the future/,
    );
    expect(store.writes).toBe(0);
  });

  it("tells the past from the future by the ensemble's clock", async () => {
    const { store, parts } = scene();
    store.clockMs = ms('2020-11-21T08:59:59Z');
    store.put('payouts', { schedule: SCHEDULE }, store.control('payouts'), store.clockMs);
    expect(await reschedule(parts, 'payouts', { cronTime: '2020-11-21T09:00:00Z' })).toBe(true);
  });

  it('refuses an instant to come that counts as decided about, because a master whose clock is ahead has gone beyond it', async () => {
    const { store, parts } = scene();
    store.clockMs = ms('2026-11-21T11:59:50Z');
    await expect(reschedule(parts, 'payouts', { cronTime: '2026-11-21T11:59:55Z' })).rejects.toMatchObject({ code: 'ZK_BAD_SCHEDULE' });
    expect(await reschedule(parts, 'payouts', { cronTime: '2026-11-21T12:00:01Z' })).toBe(true);
  });

  it('is safe to repeat when its instant has passed', async () => {
    const { store, parts } = scene();
    const once = { cronTime: new Date(NOON + 1_000) };
    expect(await reschedule(parts, 'payouts', once)).toBe(true);
    store.clockMs += 2_000;
    expect(await reschedule(parts, 'payouts', once)).toBe(false);
  });

  it('goes back to an instant of the code that has passed', async () => {
    const { store, parts } = scene();
    const past = { cronTime: '2020-11-21T09:00:00.000Z', timeZone: 'UTC' };
    store.put('payouts', store.record('payouts'), { declared: [declared('1.0', { schedule: past })], inForce: { from: 'control' } });
    expect(await reschedule(parts, 'payouts', null)).toBe(true);
    expect(store.record('payouts').schedule).toMatchObject(past);
  });

  it('keeps the zone of the schedule in force when none is given', async () => {
    const { store, parts } = scene();
    store.put('payouts', { schedule: { ...DAILY, timeZone: 'Asia/Tokyo', sinceMs: undefined } }, store.control('payouts'));
    await reschedule(parts, 'payouts', { cronTime: HOURLY.cronTime });
    expect(store.record('payouts').schedule).toMatchObject({ cronTime: HOURLY.cronTime, timeZone: 'Asia/Tokyo' });
  });

  it('refuses an unknown time zone', async () => {
    const { parts } = scene();
    await expect(reschedule(parts, 'payouts', { ...DAILY, timeZone: 'Mars/Olympus' })).rejects.toMatchObject({ code: 'ZK_BAD_SCHEDULE' });
  });

  it('refuses a job without slots', async () => {
    const { store, parts } = scene();
    store.put('sweep', {}, {});
    await expect(reschedule(parts, 'sweep', DAILY)).rejects.toMatchObject({ code: 'ZK_NO_SLOTS' });
  });

  it('goes back to the code of the newest version that lives', async () => {
    const { store, parts } = scene();
    const versions = [
      declared('1.0'),
      declared('1.1', { schedule: DAILY }),
      declared('1.2', { schedule: { ...DAILY, timeZone: 'Asia/Tokyo' } }),
    ];
    store.put('payouts', store.record('payouts'), { declared: versions, inForce: { from: 'control' } });
    store.alive = [member('1.0', []), member('1.1', [])];
    expect(await reschedule(parts, 'payouts', null)).toBe(true);
    expect(store.record('payouts').schedule).toMatchObject(DAILY);
    expect(store.control('payouts').inForce).toEqual({ from: 'code', version: '1.1' });
    expect(await reschedule(parts, 'payouts', null)).toBe(false);
  });

  it('says so when there is no code to go back to', async () => {
    const { store, parts } = scene();
    store.put('payouts', store.record('payouts'), { declared: [], inForce: { from: 'control' } });
    await expect(reschedule(parts, 'payouts', null)).rejects.toMatchObject({ code: 'ZK_NO_CODE_SCHEDULE' });
  });
});
