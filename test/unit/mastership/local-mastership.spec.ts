import { beforeEach, describe, expect, it } from 'vitest';
import { LocalMastership } from '../../../src/zookeeper/mastership/election/local-mastership.js';
import type { HeldTenure } from '../../../src/zookeeper/mastership/election/held-tenure.js';
import type { Tenure } from '../../../src/zookeeper/mastership/election/mastership.state.js';
import type { Lease } from '../../../src/zookeeper/session/lease.js';
import { HandClock } from './hand-clock.js';

const tenure: Tenure = { id: 'a', token: 7n, czxid: 7n };
const LENGTH = 300;

let clock: HandClock;
let belief: LocalMastership;
let told: string[];
let observed: string[];

beforeEach(() => {
  clock = new HandClock();
  observed = [];
  belief = new LocalMastership('S:1', clock, { observe: (one) => observed.push(`${one.level} ${one.event}`) }, 'not started');
  told = [];
  belief.onChange((state) => told.push(state.kind));
});

const leaseNow = (): Lease => ({ sentAtMs: clock.monotonicMs(), sentWallMs: clock.wallMs(), lengthMs: LENGTH });
const believe = (): void => belief.apply({ kind: 'believed', tenure, lease: leaseNow() });
const renew = (lease = leaseNow()): void => belief.apply({ kind: 'renewed', tenure, lease });

function held(): HeldTenure & { readonly ends: string[] } {
  const found = belief.tenure();
  if (found === undefined) throw new Error('no tenure is held');
  const ends: string[] = [];
  found.onInvalid((why) => ends.push(why));
  return Object.assign(found, { ends });
}

describe('the deadline', () => {
  it('is compared at each use, before any timer has had a chance to run', () => {
    believe();
    const run = held();
    clock.stall(LENGTH - 1);
    expect([belief.isMaster(), run.isValid(), belief.state().kind]).toEqual([true, true, 'master']);
    clock.stall(1);
    expect([belief.isMaster(), run.isValid(), belief.state().kind]).toEqual([false, false, 'doubtful']);
    expect(belief.tenure()).toBeUndefined();
  });

  it('tells the holders and the listeners as soon as a timer can run', () => {
    believe();
    const run = held();
    clock.pass(LENGTH);
    expect(told).toEqual(['master', 'doubtful']);
    expect(run.ends).toEqual(['the lease ran out before ZooKeeper acknowledged a renewal']);
  });

  it('moves with each renewal, with one timer', () => {
    believe();
    const run = held();
    for (let i = 0; i < 20; i += 1) {
      clock.pass(LENGTH / 4);
      renew();
      expect(clock.waiting).toBe(1);
    }
    expect([belief.isMaster(), run.isValid(), run.ends, told]).toEqual([true, true, [], ['master']]);
    clock.pass(LENGTH);
    expect(run.ends).toHaveLength(1);
  });

  it('counts from when the acknowledged write was sent, not from its answer', () => {
    believe();
    const sent = leaseNow();
    clock.stall(LENGTH - 10);
    renew(sent);
    clock.stall(10);
    expect(belief.isMaster()).toBe(false);
  });

  describe('when the wall clock has leapt on, by hand or while the machine was suspended,', () => {
    let asked = 0;

    beforeEach(() => {
      asked = 0;
      belief.renewBy(() => (asked += 1));
      believe();
    });

    it('lets nobody who asks hear "master", and asks ZooKeeper once', () => {
      const run = held();
      clock.setWall(LENGTH);
      expect([belief.isMaster(), run.isValid(), belief.state().kind]).toEqual([false, false, 'doubtful']);
      expect(belief.tenure()).toBeUndefined();
      expect(asked).toBe(1);
    });

    it('goes on without telling a run to stop, once ZooKeeper has acknowledged a renewal sent since', () => {
      const run = held();
      clock.setWall(LENGTH);
      clock.pass(1);
      expect(belief.isMaster()).toBe(false);
      renew();
      expect([belief.isMaster(), run.isValid()]).toEqual([true, true]);
      clock.pass(LENGTH - 1);
      expect(run.ends).toEqual([]);
    });

    it.each([
      ['asked for the tenure', () => void belief.tenure()],
      ['asked whether it is master', () => void belief.isMaster()],
      ['asked for the state', () => void belief.state()],
    ])('tells the listeners when ZooKeeper has answered, since one of them may have %s meanwhile and left', (_, ask) => {
      clock.setWall(LENGTH);
      clock.pass(1);
      ask();
      renew();
      expect(told).toEqual(['master', 'master']);
      clock.pass(1);
      renew();
      expect(told).toEqual(['master', 'master']);
      expect(asked).toBe(1);
    });

    it('does not take a renewal for an answer that was sent before', () => {
      clock.pass(1);
      const before = leaseNow();
      clock.setWall(LENGTH);
      renew(before);
      expect(belief.isMaster()).toBe(false);
      clock.pass(1);
      renew();
      expect(belief.isMaster()).toBe(true);
    });

    it('tells the run at the deadline of the monotonic clock when there is no answer, or at once when the tenure is over', () => {
      const run = held();
      clock.setWall(LENGTH);
      clock.pass(LENGTH - 1);
      expect(run.ends).toEqual([]);
      clock.pass(1);
      expect(run.ends).toHaveLength(1);
      believe();
      const next = held();
      clock.setWall(LENGTH);
      belief.apply({ kind: 'ended', why: 'session expired' });
      expect(next.ends).toEqual(['session expired']);
    });
  });

  it('does not care about a wall clock that is set back', () => {
    believe();
    clock.setWall(-3_600_000);
    expect(belief.isMaster()).toBe(true);
    clock.stall(LENGTH);
    expect(belief.isMaster()).toBe(false);
  });

  it('leaves no timer when mastership ends', () => {
    believe();
    belief.apply({ kind: 'ended', why: 'resigned' });
    expect(clock.waiting).toBe(0);
  });
});

describe('a tenure handed out', () => {
  it('never becomes valid again, although the mastership recovers with the same token', () => {
    believe();
    const run = held();
    clock.pass(LENGTH);
    renew();
    expect(belief.isMaster()).toBe(true);
    expect(run.isValid()).toBe(false);
    expect(belief.tenure()).not.toBe(run);
    expect(belief.tenure()?.token).toBe(run.token);
  });

  it('hears of the gap even when the renewal comes before any timer could run', () => {
    believe();
    const run = held();
    clock.stall(LENGTH + 50);
    renew();
    expect(run.ends).toHaveLength(1);
    expect(told).toEqual(['master', 'doubtful', 'master']);
    expect(run.isValid()).toBe(false);
  });

  it('tells a listener that comes too late at once, and each listener once', () => {
    believe();
    const run = held();
    belief.apply({ kind: 'ended', why: 'gone' });
    belief.apply({ kind: 'withdrawn', why: 'later' });
    const late: string[] = [];
    run.onInvalid((why) => late.push(why));
    expect([run.ends, late]).toEqual([['gone'], ['gone']]);
  });

  it('does not tell a listener that was taken out', () => {
    believe();
    const ends: string[] = [];
    belief.tenure()?.onInvalid((why) => ends.push(why))();
    belief.apply({ kind: 'ended', why: 'gone' });
    expect(ends).toEqual([]);
  });

  it('stays valid for the runs in progress during a drain, while nothing new may start', () => {
    believe();
    const run = held();
    belief.apply({ kind: 'drain', why: 'shutdown' });
    expect([belief.isMaster(), run.isValid(), belief.tenure()]).toEqual([true, true, undefined]);
    clock.pass(LENGTH - 1);
    renew();
    clock.pass(LENGTH - 1);
    expect(run.isValid()).toBe(true);
    clock.pass(1);
    expect([belief.isMaster(), run.isValid()]).toEqual([false, false]);
    expect(run.ends).toEqual(['the lease ran out during the drain']);
  });

  it('stays invalid after a gap in a drain', () => {
    believe();
    const run = held();
    belief.apply({ kind: 'drain', why: 'shutdown' });
    clock.stall(LENGTH);
    renew();
    expect([run.isValid(), run.ends.length]).toEqual([false, 1]);
  });

  it('is another hold on the same tenure when a hand-over is called off, and the runs that go on keep theirs', () => {
    believe();
    const run = held();
    belief.apply({ kind: 'drain', why: 'transfer' });
    belief.apply({ kind: 'resumed' });
    const again = held();
    expect(again).not.toBe(run);
    expect([again.id, again.token, again.isValid(), run.isValid()]).toEqual([run.id, run.token, true, true]);
    renew();
    expect(belief.tenure()).toBe(again);
    clock.pass(LENGTH);
    expect([run.ends.length, again.ends.length]).toEqual([1, 1]);
  });

  it('is in doubt, and told so, when a hand-over is called off after the lease has run out', () => {
    believe();
    const run = held();
    belief.apply({ kind: 'drain', why: 'transfer' });
    clock.pass(LENGTH);
    expect(run.ends).toHaveLength(1);
    belief.apply({ kind: 'resumed' });
    expect([belief.isMaster(), belief.tenure(), told]).toEqual([false, undefined, ['master', 'draining', 'doubtful']]);
    clock.stall(1);
    renew();
    expect([belief.tenure()?.isValid(), run.isValid(), told.at(-1)]).toEqual([true, false, 'master']);
  });

  it('is one that begins anew when a hand-over is called off after a gap that a renewal has closed', () => {
    believe();
    const run = held();
    belief.apply({ kind: 'drain', why: 'transfer' });
    clock.stall(LENGTH);
    renew();
    belief.apply({ kind: 'resumed' });
    expect([belief.tenure()?.isValid(), run.isValid(), run.ends.length]).toEqual([true, false, 1]);
  });

  it('is not handed out while the winner waits for its predecessor', () => {
    belief.apply({ kind: 'won', tenure, untilMs: clock.monotonicMs() + 100, why: 'unproven' });
    expect([belief.isMaster(), belief.tenure(), belief.heldTenure()]).toEqual([false, undefined, undefined]);
    clock.pass(10_000);
    expect(belief.isMaster()).toBe(false);
  });

  it('belongs to one tenure: the next one is another', () => {
    believe();
    const run = held();
    belief.apply({ kind: 'ended', why: 'deleted' });
    belief.apply({ kind: 'believed', tenure: { id: 'b', token: 9n, czxid: 9n }, lease: leaseNow() });
    expect([run.isValid(), belief.isMaster(), belief.tenure()?.token]).toEqual([false, true, 9n]);
  });
});

describe('listeners', () => {
  it('that throw are reported and stop neither the election nor the other listeners', () => {
    belief.onChange(() => {
      throw new Error('broken');
    });
    const after: string[] = [];
    belief.onChange((state) => after.push(state.kind));
    believe();
    const run = held();
    run.onInvalid(() => {
      throw new Error('broken too');
    });
    const ends: string[] = [];
    run.onInvalid((why) => ends.push(why));
    belief.apply({ kind: 'ended', why: 'gone' });
    expect([after, ends, run.isValid()]).toEqual([['master', 'electing'], ['gone'], false]);
    expect(observed).toEqual(Array(3).fill('error mastership.listener-failed'));
  });

  it('hear of a new master or rank, and of nothing when nothing changed', () => {
    belief.apply({ kind: 'stood by', master: 'm:1', rank: 1 });
    belief.apply({ kind: 'stood by', master: 'm:1', rank: 0 });
    belief.apply({ kind: 'lapsed' });
    belief.apply({ kind: 'resumed' });
    expect(told).toEqual(['standby', 'standby']);
  });

  it('already find the new state when they ask', () => {
    const answers: boolean[] = [];
    belief.onChange(() => answers.push(belief.isMaster()));
    believe();
    belief.apply({ kind: 'ended', why: 'gone' });
    expect(answers).toEqual([true, false]);
  });

  it('may be taken out while they are told', () => {
    const heard: string[] = [];
    const remove = belief.onChange((state) => {
      heard.push(state.kind);
      remove();
    });
    believe();
    belief.apply({ kind: 'ended', why: 'gone' });
    expect(heard).toEqual(['master']);
  });
});
