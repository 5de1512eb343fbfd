import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DoubleBarrier } from '../../../../src/zookeeper/recipes/barriers/barrier.js';
import { startAdmin, type Admin } from '../../../support/admin.js';
import { eventually, failureOf, within } from '../../../support/eventually.js';
import { startEnsemble, startServer, type ZooKeeperServer } from '../../../support/zookeeper.js';
import { Holder, LinkedHolder } from '../locks/holders.js';
import { barriersOf, TIME_IS_OVER } from './guests.js';

let server: ZooKeeperServer;
let admin: Admin;

beforeAll(async () => {
  server = await startServer();
  admin = await startAdmin(server.connectString);
});

afterAll(async () => {
  await admin?.[Symbol.asyncDispose]();
  await server?.dispose();
});

const start = (address: string): Promise<Holder> => Holder.start(server.connectString, address);
const linked = (address: string): Promise<LinkedHolder> => LinkedHolder.connect(server, address);
const below = (kind: 'gather' | 'double', name: string): Promise<string[]> => admin.children(`/soa/barriers/${kind}/${name}`);
const count = (kind: 'gather' | 'double', name: string, number: number): Promise<void> =>
  eventually(async () => expect(await below(kind, name)).toHaveLength(number), { what: `${number} nodes below ${name}` });

describe.concurrent('a barrier', () => {
  it('that nobody has set lets everybody pass at once', async () => {
    await using a = await start('a:1');
    await within(barriersOf(a).barrier('never').wait(), 'it to let pass');
  });

  it('holds back until another one opens it, also over a lost connection of the one who waits', async () => {
    await using a = await linked('a:1');
    await using b = await start('b:1');
    const [ofA, ofB] = [barriersOf(a).barrier('other'), barriersOf(b).barrier('other')];
    await ofB.set();
    await ofB.set();
    let isOpen = false;
    const waiting = ofA.wait().then(() => (isOpen = true));
    expect(await failureOf(ofB.wait({ waitMs: 30 }))).toMatchObject(TIME_IS_OVER);
    a.link.refuse();
    a.link.resetAll();
    expect(isOpen).toBe(false);
    await ofB.open();
    await ofB.open();
    a.link.pass();
    await within(waiting, 'it to open');
  });

  it('holds back over the end of the session of the one who waits', async () => {
    await using a = await linked('a:1');
    const barrier = barriersOf(a).barrier('session');
    await barrier.set();
    const waiting = barrier.wait();
    await eventually(() => expect(a.link.requestCount('exists')).toBeGreaterThan(0), { what: 'the look' });
    await admin.endSession(a.credentials.sessionId, a.credentials.password);
    await admin.delete('/soa/barriers/single/session');
    await within(waiting, 'it to open');
  });

  it('ends its wait with the reason of the signal, and says at once what it cannot be asked for', async () => {
    await using a = await start('a:1');
    const barriers = barriersOf(a);
    const barrier = barriers.barrier('signal');
    await barrier.set();
    const controller = new AbortController();
    const waiting = failureOf(barrier.wait({ signal: controller.signal }));
    controller.abort(new Error('enough'));
    expect(await waiting).toMatchObject({ message: 'enough' });
    const bad = { code: 'ZK_BAD_BARRIER' };
    expect(await failureOf(barrier.wait({ waitMs: -1 }))).toMatchObject(bad);
    expect(await failureOf(barriers.gather('g', { members: 0 }))).toMatchObject(bad);
    expect(() => barriers.double('d', 1.5)).toThrow(expect.objectContaining(bad));
    for (const name of ['', 'a/b', { path: 'relative' }, { path: '/soa/barriers/x' }, { path: '/a//b' }])
      expect(() => barriers.barrier(name)).toThrow(expect.objectContaining(bad));
    await using never = new Holder(server.connectString, 'never:1');
    expect(await failureOf(barriersOf(never).barrier('x').wait({ waitMs: 20 }))).toMatchObject({ code: 'ZK_NOT_CONNECTED' });
  });
});

describe.concurrent('a gathering', () => {
  it('opens when the last has come, round after round, and leaves nothing', async () => {
    await using a = await start('a:1');
    await using b = await start('b:1');
    const [ofA, ofB] = [barriersOf(a), barriersOf(b)];
    for (let round = 0; round < 5; round += 1) {
      const done: string[] = [];
      const come = (source: typeof ofA, who: string): Promise<unknown> =>
        source.gather('rounds', { members: 3 }).then(() => done.push(who));
      const early = [come(ofA, 'a'), come(ofA, 'b')];
      await eventually(async () => expect((await below('gather', 'rounds')).filter((name) => name !== 'ready')).toHaveLength(2), {
        what: 'two',
      });
      expect(done).toEqual([]);
      await within(Promise.all([...early, come(ofB, 'c')]), 'all to come');
    }
    await count('gather', 'rounds', 0);
  });

  it('of 40 from 4 sessions opens with one list of names, and each look is one of few', async () => {
    await using a = await start('a:1');
    await using b = await start('b:1');
    await using c = await start('c:1');
    await using d = await linked('d:1');
    const each = await Promise.all(
      [a, b, c, d].map(async (holder) => {
        const source = barriersOf(holder);
        return Array.from({ length: 10 }, () => source.gather('many', { members: 40 }));
      }),
    );
    await within(Promise.all(each.flat()), 'all to come');
    await count('gather', 'many', 0);
    // Ten of its members have come and left: each looks when it comes and when the barrier opens, not at each arrival.
    expect(d.link.requestCount('getChildren2')).toBeLessThan(10 * 8);
  });

  it('without the others ends in time, or by the signal, and leaves no node', async () => {
    await using a = await start('a:1');
    const barriers = barriersOf(a);
    expect(await failureOf(barriers.gather('alone', { members: 2, waitMs: 50 }))).toMatchObject(TIME_IS_OVER);
    await count('gather', 'alone', 0);
    const controller = new AbortController();
    const waiting = failureOf(barriers.gather('alone', { members: 2, signal: controller.signal }));
    await count('gather', 'alone', 1);
    controller.abort(new Error('enough'));
    expect(await waiting).toMatchObject({ message: 'enough' });
    await count('gather', 'alone', 0);
  });

  it('goes on with the next session, and does not count the node of the one before twice', async () => {
    await using a = await linked('a:1');
    await using b = await start('b:1');
    const waiting = barriersOf(a).gather('next', { members: 2 });
    await count('gather', 'next', 1);
    const [old] = await below('gather', 'next');
    await admin.endSession(a.credentials.sessionId, a.credentials.password);
    await eventually(
      async () => {
        const names = await below('gather', 'next');
        expect(names).toHaveLength(1);
        expect(names).not.toContain(old);
      },
      { what: 'the node of the next session' },
    );
    await within(Promise.all([waiting, barriersOf(b).gather('next', { members: 2 })]), 'both to come');
    await count('gather', 'next', 0);
  });
});

describe.concurrent('a double barrier', () => {
  const members = (holder: Holder, name: string, number: number): DoubleBarrier => barriersOf(holder).double(name, number);

  it('is entered together and left together, again and again', async () => {
    await using a = await start('a:1');
    await using b = await start('b:1');
    const [one, two] = [members(a, 'both', 2), members(b, 'both', 2)];
    for (let round = 0; round < 5; round += 1) {
      let entered = 0;
      let left = 0;
      const first = one.enter().then(() => (entered += 1));
      await count('double', 'both', 1);
      expect(entered).toBe(0);
      await within(Promise.all([first, two.enter()]), 'both to enter');
      const leaving = one.leave().then(() => (left += 1));
      await eventually(async () => expect((await below('double', 'both')).length).toBeLessThanOrEqual(3), { what: 'the first to leave' });
      expect(left).toBe(0);
      await within(Promise.all([leaving, two.leave()]), 'both to leave');
      expect(await below('double', 'both')).toEqual([]);
    }
  });

  it('with one member more than it has refuses that one, whether it comes early or late, and nobody else', async () => {
    await using a = await start('a:1');
    await using b = await start('b:1');
    const all = [members(a, 'full', 2), members(b, 'full', 2), members(a, 'full', 2), members(b, 'full', 2)];
    const outcomes = await Promise.all(
      all.map((one) =>
        one.enter().then(
          () => 'in',
          (thrown: { code: string }) => thrown.code,
        ),
      ),
    );
    expect(outcomes.toSorted()).toEqual(['ZK_BARRIER_FULL', 'ZK_BARRIER_FULL', 'in', 'in']);
    await count('double', 'full', 3);
    expect(await failureOf(members(b, 'full', 2).enter())).toMatchObject({ code: 'ZK_BARRIER_FULL', members: 2 });
    const inside = all.filter((_, index) => outcomes[index] === 'in');
    await within(Promise.all(inside.map((one) => one.leave())), 'both to leave');
    await count('double', 'full', 0);
  });

  it('lets the others leave when a member dies inside, and the next ones enter', async () => {
    await using a = await start('a:1');
    await using b = await linked('b:1');
    const [one, two] = [members(a, 'dies', 2), members(b, 'dies', 2)];
    await within(Promise.all([one.enter(), two.enter()]), 'both to enter');
    const leaving = one.leave();
    await admin.endSession(b.credentials.sessionId, b.credentials.password);
    await within(leaving, 'the other to leave');
    await count('double', 'dies', 0);
    await two.leave();
    await within(Promise.all([one.enter(), two.enter()]), 'both to enter again');
    await within(Promise.all([one.leave(), two.leave()]), 'both to leave again');
  });

  it('in which all have died is entered by the next ones', async () => {
    await using c = await start('c:1');
    {
      await using a = await start('a:1');
      await using b = await start('b:1');
      await within(Promise.all([members(a, 'stale', 2).enter(), members(b, 'stale', 2).enter()]), 'both to enter');
    }
    expect(await below('double', 'stale')).toEqual(['ready']);
    const [one, two] = [members(c, 'stale', 2), members(c, 'stale', 2)];
    const first = one.enter();
    await count('double', 'stale', 1);
    await within(Promise.all([first, two.enter()]), 'both to enter');
    await within(Promise.all([one.leave(), two.leave()]), 'both to leave');
    await count('double', 'stale', 0);
  });

  it('makes who comes while the others are leaving wait for them', async () => {
    await using a = await start('a:1');
    await using b = await start('b:1');
    await using c = await linked('c:1');
    const [ofA, ofB, three] = [members(a, 'late', 2), members(b, 'late', 2), members(c, 'late', 2)];
    await within(Promise.all([ofA.enter(), ofB.enter()]), 'both to enter');
    // The one whose name comes first keeps its node until it is the last.
    const [lowest] = await below('double', 'late');
    const [one, two] = (await admin.read(`/soa/barriers/double/late/${lowest}`)) === 'a:1' ? [ofB, ofA] : [ofA, ofB];
    const leaving = one.leave();
    await count('double', 'late', 2);
    expect(await failureOf(three.enter({ waitMs: 30 }))).toMatchObject(TIME_IS_OVER);
    let isIn = false;
    const late = three.enter().then(() => (isIn = true));
    await within(Promise.all([leaving, two.leave()]), 'both to leave');
    await count('double', 'late', 1);
    expect(isIn).toBe(false);
    // It has waited without a node.
    expect(c.link.requestCount('create')).toBe(1);
    await within(Promise.all([late, two.enter()]), 'the next two to enter');
    await within(Promise.all([three.leave(), two.leave()]), 'them to leave');
  });

  it('counts the one whose connection was lost while the last one came', async () => {
    await using a = await linked('a:1');
    await using b = await start('b:1');
    const [one, two] = [members(a, 'away', 2), members(b, 'away', 2)];
    const first = one.enter();
    await count('double', 'away', 1);
    a.link.refuse();
    a.link.resetAll();
    await within(two.enter(), 'the other to enter');
    a.link.pass();
    await within(first, 'the first to enter');
    await within(Promise.all([one.leave(), two.leave()]), 'both to leave');
    await count('double', 'away', 0);
  });

  it('makes one node of a create whose answer was lost', async () => {
    await using a = await linked('a:1');
    await using b = await start('b:1');
    const [one, two] = [members(a, 'lost', 2), members(b, 'lost', 2)];
    const happened = a.link.loseReplyTo('create');
    const first = one.enter();
    await within(happened, 'the lost reply');
    await count('double', 'lost', 1);
    await within(Promise.all([first, two.enter()]), 'both to enter');
    await within(Promise.all([one.leave(), two.leave()]), 'both to leave');
    await count('double', 'lost', 0);
  });
});

it('all three go on when the leader of an ensemble is killed', async () => {
  await using ensemble = await startEnsemble(3);
  const holders = await Promise.all([1, 2, 3].map((index) => Holder.start(ensemble.connectString, `h:${index}`)));
  try {
    const sources = holders.map((holder) => barriersOf(holder));
    const [a, b, c] = sources;
    if (a === undefined || b === undefined || c === undefined) throw new Error('three of them');
    await a.barrier('kill').set();
    const waiting = [b.barrier('kill').wait(), c.barrier('kill').wait()];
    const gathering = [a.gather('kill', { members: 3 }), b.gather('kill', { members: 3 })];
    const doubles = sources.map((source) => source.double('kill', 3));
    const entering = [doubles[0]?.enter(), doubles[1]?.enter()];
    await (await ensemble.leader()).kill();
    await within(Promise.all([a.barrier('kill').open(), ...waiting]), 'the barrier to open');
    await within(Promise.all([c.gather('kill', { members: 3 }), ...gathering]), 'all to gather');
    await within(Promise.all([doubles[2]?.enter(), ...entering]), 'all to enter');
    await within(Promise.all(doubles.map((one) => one.leave())), 'all to leave');
  } finally {
    for (const holder of holders) await holder[Symbol.asyncDispose]();
  }
});
