import { systemClock } from '../../../../src/zookeeper/support/clock.js';
import { declared, HOURLY, KeptStore, member, ms, tick } from './kept-store.js';

export const NOON = ms('2026-11-21T12:00:30Z');
export const SCHEDULE = { ...HOURLY, sinceMs: undefined };

/** An hourly job, whose tick of noon was decided about. */
export function scene(): { store: KeptStore; parts: { store: KeptStore; clock: typeof systemClock; address: string } } {
  const store = new KeptStore(NOON);
  store.put('payouts', { schedule: SCHEDULE, cursor: tick('2026-11-21T12:00:00Z') }, { declared: [declared('1.0')] });
  store.alive = [member('1.0', ['payouts'])];
  return { store, parts: { store, clock: systemClock, address: '10.0.0.7:90' } };
}

/** Its verdicts, in short. */
export const said = (store: KeptStore): string[] =>
  store.record('payouts').recent.map(({ outcome, reason, tick, until, count }) => {
    const times = [tick, until].map((each) => (each === undefined ? '-' : new Date(each.dueMs).toISOString().slice(11, 16)));
    return `${outcome} ${reason} ${times.join('..')} ${count}`;
  });
