import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  departureOf,
  next,
  type Reason,
  type TenureEvent,
  type TenureState,
} from '../../../src/zookeeper/mastership/tenure/tenure.state.js';

type State = TenureState<string>;
type Event = TenureEvent<string>;

const TRANSFER: Reason = { kind: 'transfer', why: 'handing over to b' };
const RESIGN: Reason = { kind: 'resign', why: 'asked to' };
const CLOSE: Reason = { kind: 'close', why: 'shutdown' };

const asked = (reason: Reason, departure = 'd'): Event => ({ kind: 'asked to leave', reason, departure });
const drainOver = (outcome: 'drained' | 'stuck', departure = 'd'): Event => ({ kind: 'drain over', departure, outcome });

function after(...events: readonly Event[]): State {
  return events.reduce<State>(next, { kind: 'waiting' });
}

describe('a tenure', () => {
  it('waits for its predecessor, and is then held', () => {
    expect(after()).toEqual({ kind: 'waiting' });
    expect(after({ kind: 'believed' })).toEqual({ kind: 'held' });
  });

  it('drains when it is asked to leave, also while it waits, and resigns only when its runs have ended', () => {
    for (const before of [[], [{ kind: 'believed' }]] as const satisfies readonly (readonly Event[])[]) {
      const draining = after(...before, asked(RESIGN));
      expect(draining).toEqual({ kind: 'draining', from: after(...before), reason: RESIGN, departure: 'd', runs: 'in progress' });
      expect(next(draining, { kind: 'resigning' })).toBe(draining);
      expect(next(next(draining, drainOver('stuck')), { kind: 'resigning' }).kind).toBe('draining');
      expect(next(next(draining, drainOver('drained')), { kind: 'resigning' })).toEqual({
        kind: 'resigning',
        reason: RESIGN,
        departure: 'd',
      });
    }
  });

  it('goes back to what it was when it stays after all', () => {
    expect(after(asked(TRANSFER), { kind: 'stays' })).toEqual({ kind: 'waiting' });
    expect(after({ kind: 'believed' }, asked(TRANSFER), drainOver('stuck'), { kind: 'stays' })).toEqual({ kind: 'held' });
  });

  it('hears nothing of a drain that belongs to an earlier departure', () => {
    const again = after(asked(TRANSFER, 'first'), { kind: 'stays' }, asked(RESIGN, 'second'));
    expect(next(again, drainOver('drained', 'first'))).toBe(again);
  });

  it('takes the last of equally strong reasons: the node was edited again', () => {
    const again = { ...TRANSFER, why: 'handing over to c' };
    expect(after(asked(TRANSFER), asked(again))).toMatchObject({ reason: again });
  });

  it('keeps the strongest reason: a transfer gives way to a resignation, and both to the end of the process', () => {
    const reasons = [TRANSFER, CLOSE, RESIGN, { ...TRANSFER, why: 'edited again' }];
    expect(after(...reasons.map((reason) => asked(reason)))).toMatchObject({ reason: CLOSE });
  });

  it('keeps the departure that is under way, whatever else it is asked', () => {
    expect(departureOf(after(asked(TRANSFER, 'first'), asked(CLOSE, 'second')))).toBe('first');
    expect(departureOf(after())).toBeUndefined();
  });

  it('is left to the process when a run ignores its abort at shutdown, and can still be lost', () => {
    const stuck = after({ kind: 'believed' }, asked(CLOSE), drainOver('stuck'), { kind: 'left to the process' });
    expect(stuck).toEqual({ kind: 'stuck', reason: CLOSE, departure: 'd' });
    expect(next(stuck, asked(RESIGN))).toBe(stuck);
    expect(next(stuck, { kind: 'ended', how: 'lost' })).toEqual({ kind: 'over', how: 'lost', departure: 'd' });
  });

  it('is over once, and stays so', () => {
    const over = after({ kind: 'ended', how: 'lost' });
    expect(over).toEqual({ kind: 'over', how: 'lost', departure: undefined });
    for (const event of EVENTS) expect(next(over, event)).toBe(over);
  });

  it('never resigns without having been asked to, drained, and told to, whatever happens', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom<Event>(...EVENTS), { maxLength: 12 }), (events) => {
        let state: State = { kind: 'waiting' };
        for (const event of events) {
          const was: State = state;
          state = next(was, event);
          if (state.kind === 'resigning' && was.kind !== 'resigning') expect(was).toMatchObject({ kind: 'draining', runs: 'ended' });
          if (state.kind === 'held' && was.kind !== 'held') expect(['waiting', 'draining']).toContain(was.kind);
        }
      }),
    );
  });
});

const EVENTS: readonly Event[] = [
  { kind: 'believed' },
  asked(TRANSFER),
  asked(RESIGN, 'e'),
  asked(CLOSE),
  drainOver('drained'),
  drainOver('drained', 'e'),
  drainOver('stuck'),
  { kind: 'stays' },
  { kind: 'left to the process' },
  { kind: 'resigning' },
  { kind: 'ended', how: 'resigned' },
];
