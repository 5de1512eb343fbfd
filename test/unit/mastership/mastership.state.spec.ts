import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  holds,
  judge,
  next,
  type Mastership,
  type MastershipEvent,
  type Tenure,
} from '../../../src/zookeeper/mastership/election/mastership.state.js';
import { believable, type Lease } from '../../../src/zookeeper/session/lease.js';

const tenure: Tenure = { id: 'a', token: 7n, czxid: 7n };
const stranger: Tenure = { id: 'b', token: 9n, czxid: 9n };
const lease: Lease = { sentAtMs: 1_000, sentWallMs: 50_000, lengthMs: 300 };
const longer: Lease = { sentAtMs: 1_100, sentWallMs: 50_100, lengthMs: 300 };

const STATES = {
  observing: { kind: 'observing', why: 'x', master: undefined },
  electing: { kind: 'electing', why: 'x' },
  standby: { kind: 'standby', master: 'm:1', rank: 2 },
  waiting: { kind: 'waiting', tenure, untilMs: 1_300, why: 'x' },
  master: { kind: 'master', tenure, lease },
  doubtful: { kind: 'doubtful', tenure, lease },
  draining: { kind: 'draining', tenure, lease, why: 'x' },
} as const satisfies { [K in Mastership['kind']]: Extract<Mastership, { kind: K }> };

const EVENTS = {
  withdrawn: { kind: 'withdrawn', why: 'y' },
  observed: { kind: 'observed', master: 'n:2' },
  campaigning: { kind: 'campaigning', why: 'y' },
  'stood by': { kind: 'stood by', master: 'n:2', rank: undefined },
  won: { kind: 'won', tenure: stranger, untilMs: 2_000, why: 'y' },
  believed: { kind: 'believed', tenure, lease: longer },
  renewed: { kind: 'renewed', tenure, lease: longer },
  lapsed: { kind: 'lapsed' },
  drain: { kind: 'drain', why: 'y' },
  resumed: { kind: 'resumed' },
  ended: { kind: 'ended', why: 'y' },
} as const satisfies { [K in MastershipEvent['kind']]: Extract<MastershipEvent, { kind: K }> };

type Becomes = { readonly [S in Mastership['kind']]: Mastership['kind'] };

/** What each state becomes by each event: all pairs. */
const TABLE: { readonly [E in MastershipEvent['kind']]: Becomes | Mastership['kind'] } = {
  withdrawn: 'observing',
  observed: same(),
  campaigning: 'electing',
  ended: 'electing',
  'stood by': 'standby',
  won: 'waiting',
  believed: 'master',
  renewed: { ...same(), doubtful: 'master' },
  lapsed: { ...same(), master: 'doubtful' },
  drain: { ...same(), master: 'draining', doubtful: 'draining' },
  resumed: { ...same(), draining: 'master' },
};

function same(): Becomes {
  return Object.fromEntries(Object.keys(STATES).map((kind) => [kind, kind])) as Becomes;
}

describe('the one writer of the state', () => {
  for (const event of Object.values(EVENTS)) {
    for (const was of Object.values(STATES)) {
      const row = TABLE[event.kind];
      const becomes = typeof row === 'string' ? row : row[was.kind];
      it(`makes ${becomes} of ${was.kind} by "${event.kind}"`, () => expect(next(was, event).kind).toBe(becomes));
    }
  }

  it('answers the very state it was given when an event means nothing in it', () => {
    for (const event of [EVENTS.lapsed, EVENTS.drain, EVENTS.resumed, EVENTS.renewed]) {
      for (const was of [STATES.observing, STATES.electing, STATES.standby, STATES.waiting]) expect(next(was, event)).toBe(was);
    }
  });

  it('never lets a renewal make a master of a winner that still waits for its predecessor', () => {
    expect(next(STATES.waiting, EVENTS.renewed)).toBe(STATES.waiting);
  });

  it('takes no renewal that was asked for by another tenure', () => {
    const foreign: MastershipEvent = { kind: 'renewed', tenure: stranger, lease: longer };
    for (const was of [STATES.master, STATES.doubtful, STATES.draining]) expect(next(was, foreign)).toBe(was);
  });

  it('takes no renewal that was sent before the one in force', () => {
    for (const sentAtMs of [lease.sentAtMs, lease.sentAtMs - 1]) {
      const late: MastershipEvent = { kind: 'renewed', tenure, lease: { ...longer, sentAtMs } };
      for (const was of [STATES.master, STATES.doubtful, STATES.draining]) expect(next(was, late)).toBe(was);
    }
  });

  it('keeps draining, with more time, when a renewal is acknowledged during the drain', () => {
    expect(next(STATES.draining, EVENTS.renewed)).toEqual({ ...STATES.draining, lease: longer });
  });

  it('keeps the tenure, and so the token, through doubt, drain and a hand-over called off', () => {
    const path: MastershipEvent[] = [EVENTS.lapsed, EVENTS.renewed, EVENTS.drain, EVENTS.resumed];
    const seen = path.reduce<Mastership>((state, event) => next(state, event), STATES.master);
    expect(seen).toEqual({ kind: 'master', tenure, lease: longer });
  });

  it('holds a node exactly in the states that have a tenure', () => {
    expect(
      Object.values(STATES)
        .filter(holds)
        .map((state) => state.kind),
    ).toEqual(['waiting', 'master', 'doubtful', 'draining']);
  });
});

describe('belief under a lease', () => {
  it('ends at the very millisecond at which the lease ends', () => {
    expect(believable(lease, lease.sentAtMs + lease.lengthMs - 0.001, lease.sentWallMs)).toBe(true);
    expect(believable(lease, lease.sentAtMs + lease.lengthMs, lease.sentWallMs)).toBe(false);
  });

  it('ends when the wall clock has gone on for the lease while the monotonic one stood still', () => {
    expect(believable(lease, lease.sentAtMs, lease.sentWallMs + lease.lengthMs)).toBe(false);
  });

  it('is neither extended nor shortened by a wall clock that is set back', () => {
    expect(believable(lease, lease.sentAtMs + 299, lease.sentWallMs - 3_600_000)).toBe(true);
    expect(believable(lease, lease.sentAtMs + 300, lease.sentWallMs - 3_600_000)).toBe(false);
  });

  it('judges a master past its lease as doubtful, and changes no other state', () => {
    const pastMs = lease.sentAtMs + 10_000;
    expect(judge(STATES.master, pastMs, lease.sentWallMs)).toEqual({ kind: 'doubtful', tenure, lease });
    for (const state of Object.values(STATES)) if (state.kind !== 'master') expect(judge(state, pastMs, lease.sentWallMs)).toBe(state);
    expect(judge(STATES.master, lease.sentAtMs, lease.sentWallMs)).toBe(STATES.master);
  });
});

const tenures = fc.constantFrom(tenure, stranger);
const leases = fc.record({
  sentAtMs: fc.integer({ min: 0, max: 5_000 }),
  sentWallMs: fc.integer({ min: 0, max: 5_000 }),
  lengthMs: fc.constant(300),
});
const text = fc.constant('any');
const events: fc.Arbitrary<MastershipEvent> = fc.oneof(
  fc.record({ kind: fc.constantFrom('withdrawn' as const, 'campaigning' as const, 'drain' as const, 'ended' as const), why: text }),
  fc.record({ kind: fc.constant('stood by' as const), master: text, rank: fc.option(fc.nat(), { nil: undefined }) }),
  fc.record({ kind: fc.constant('won' as const), tenure: tenures, untilMs: fc.nat(), why: text }),
  fc.record({ kind: fc.constantFrom('believed' as const, 'renewed' as const), tenure: tenures, lease: leases }),
  fc.record({ kind: fc.constantFrom('lapsed' as const, 'resumed' as const) }),
);

describe('any sequence of events', () => {
  it('makes a master only of one that was told to believe, in its own tenure', () => {
    fc.assert(
      fc.property(fc.array(events, { maxLength: 40 }), (sequence) => {
        let state: Mastership = STATES.observing;
        let believed: string | undefined;
        for (const event of sequence) {
          state = next(state, event);
          if (event.kind === 'believed') believed = event.tenure.id;
          if (['ended', 'withdrawn', 'campaigning', 'stood by', 'won'].includes(event.kind)) believed = undefined;
          expect('lease' in state ? state.tenure.id : undefined).toBe(believed);
        }
      }),
    );
  });

  it('never takes time away from a tenure, and never gives any but by an acknowledged write', () => {
    fc.assert(
      fc.property(fc.array(events, { maxLength: 40 }), (sequence) => {
        let state: Mastership = STATES.master;
        for (const event of sequence) {
          const was: Mastership = state;
          state = next(was, event);
          if (!('lease' in was) || !('lease' in state) || event.kind === 'believed') continue;
          expect(state.lease.sentAtMs).toBeGreaterThanOrEqual(was.lease.sentAtMs);
          if (state.lease !== was.lease) expect(event.kind).toBe('renewed');
        }
      }),
    );
  });
});
