import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NotMasterError, RunIgnoresAbortError, UnknownReplicaError } from '../../../src/zookeeper/mastership/election/errors.js';
import { leaseMsOf } from '../../../src/zookeeper/session/lease-length.js';
import { startAdmin, type Admin } from '../../support/admin.js';
import { deferred, eventually, failureOf, within, type Deferred } from '../../support/eventually.js';
import { startProxy } from '../../support/proxy.js';
import { startServer, type ZooKeeperServer } from '../../support/zookeeper.js';
import { Replicas, type Replica } from './replicas.js';

let server: ZooKeeperServer;
let admin: Admin;

beforeAll(async () => {
  // Sessions of up to 40 s, where a wait must last until all has been looked at.
  server = await startServer({ cfg: { maxSessionTimeout: 40_000 } });
  admin = await startAdmin(server.connectString);
});

afterAll(async () => {
  await admin[Symbol.asyncDispose]();
  await server.dispose();
});

/** Waits until it drains for a reason that contains this. */
async function draining(replica: Replica, why: string): Promise<void> {
  await eventually(
    () => expect(replica.election.state()).toMatchObject({ kind: 'draining', why: expect.stringContaining(why) as string }),
    {
      what: `the drain (${why})`,
    },
  );
}

describe.concurrent('transferTo', () => {
  it('from the master hands over to the standby named, after the runs have ended', async () => {
    await using replicas = new Replicas(server.connectString);
    const [first, second, third] = await replicas.line();
    const runs = deferred<'drained'>();
    first.election.setDrain(() => runs.promise);
    await first.election.transferTo(third.address);
    await eventually(() => expect(first.election.state().kind).toBe('draining'), { what: 'the drain' });
    expect([first.isMaster, first.election.tenure(), second.isMaster, third.isMaster]).toEqual([true, undefined, false, false]);
    runs.resolve('drained');
    expect(await replicas.master({ not: first })).toBe(third);
    expect(await first.standsBy()).toBe(first);
    expect(await third.election.master()).toEqual({ address: third.address, isThis: true });
    expect(await second.election.master()).toEqual({ address: third.address, isThis: false });
  });

  it('from a standby does the same, also to itself', async () => {
    await using replicas = new Replicas(server.connectString);
    const [first, second, third] = await replicas.line();
    await second.election.transferTo(third.address);
    expect(await replicas.master({ not: first })).toBe(third);
    await first.standsBy();
    await first.election.transferTo(first.address);
    expect(await replicas.master({ not: third })).toBe(first);
  });

  it('to an address that is not in line fails with those who are, and changes nothing', async () => {
    await using replicas = new Replicas(server.connectString);
    const [first, second, third] = await replicas.line();
    for (const from of [first, second]) {
      const failure = await failureOf(from.election.transferTo('10.9.9.9:1'));
      expect(failure).toBeInstanceOf(UnknownReplicaError);
      expect(failure).toMatchObject({ code: 'ZK_UNKNOWN_REPLICA', known: [second.address, third.address] });
    }
    expect(await admin.read(replicas.node)).toBe(first.address);
    expect(replicas.reigns).toHaveLength(1);
  });

  it('to the master itself does nothing', async () => {
    await using replicas = new Replicas(server.connectString);
    const [first, second] = await replicas.line();
    await second.election.transferTo(first.address);
    expect(first.election.state().kind).toBe('master');
    expect((await admin.info(replicas.node))?.version).toBe(1);
  });

  it('to a replica with the same address as another standby hands over to one of the two', async () => {
    await using replicas = new Replicas(server.connectString);
    const twin = { address: '10.0.0.9:9' };
    const [first] = await replicas.line({}, twin, twin);
    await first.election.transferTo(twin.address);
    expect((await replicas.master({ not: first })).address).toBe(twin.address);
  });

  it('gives the successor a second at most, and then somebody else goes on', async () => {
    await using replicas = new Replicas(server.connectString);
    const [first, second, third] = await replicas.line();
    const runs = deferred<'drained'>();
    first.election.setDrain(() => runs.promise);
    await first.election.transferTo(third.address);
    await eventually(() => expect(first.election.state().kind).toBe('draining'), { what: 'the drain' });
    await third.stop();
    runs.resolve('drained');
    const master = await replicas.master({ not: first });
    expect(master).toBe(second);
    expect(await admin.read(replicas.node)).toBe(second.address);
  });
});

describe.concurrent('resign', () => {
  it('lets the next in line win, without a wait, and goes behind the others', async () => {
    await using one = await startProxy(server);
    await using two = await startProxy(server);
    await using three = await startProxy(server);
    const proxies = [one, two, three];
    await using replicas = new Replicas(server.connectString);
    const [first, second, third] = await replicas.line(
      ...proxies.map(({ connectString }) => ({ connectString, sessionTimeoutMs: 30_000 })),
    );
    // The one behind hears of it later: what it would do if the next in line were slow is not looked at here.
    const handsOn = async (from: Replica, to: Replica, behind: number): Promise<void> => {
      proxies[behind]?.hole('to-client');
      await from.election.resign();
      expect(await replicas.master({ not: from })).toBe(to);
      proxies[behind]?.pass();
      await from.standsBy();
    };
    await handsOn(first, second, 2);
    expect(second.observed('mastership.won')[0]?.fields?.['waitMs']).toBe(0);
    await handsOn(second, third, 0);
    await handsOn(third, first, 1);
  });

  it('after a crash failover costs the next in line one transaction to win, as after any other', async () => {
    await using replicas = new Replicas(server.connectString);
    const [first, ...others] = await replicas.line();
    await first.loseSession();
    const second = await replicas.master({ not: first, withinMs: 60_000 });
    expect(second.observed('mastership.won').at(-1)?.fields?.['waitMs']).toBeGreaterThan(0);
    const third = others.find((other) => other !== second);
    if (third === undefined) throw new Error('nobody stands by');
    // The record as the new master has written it when its wait was over.
    const version = (await admin.info(replicas.record))?.version;
    const known = (): unknown => third.observed('mastership.record-known').at(-1)?.fields?.['version'];
    await eventually(() => expect(known()).toBe(version), { what: 'the first in line to know its record' });
    const { session } = third;
    const multi = session.multi.bind(session);
    let attempts = 0;
    session.multi = (operations, ...rest) => {
      if (operations[0]?.kind === 'create' && operations[0].path === replicas.node) attempts += 1;
      return multi(operations, ...rest);
    };
    await second.election.resign();
    expect(await replicas.master({ not: second })).toBe(third);
    expect(attempts).toBe(1);
  });

  it('alone wins again, under a new tenure with a higher token', async () => {
    await using replicas = new Replicas(server.connectString);
    const only = replicas.add();
    await replicas.master();
    const tenure = only.election.tenure();
    await only.election.resign();
    expect(tenure?.isValid()).toBe(false);
    expect((await replicas.reignAfter(1)).address).toBe(only.address);
  });

  it('elsewhere than on the master is refused, and names the master', async () => {
    await using replicas = new Replicas(server.connectString);
    const [first, second] = await replicas.line();
    const failure = await failureOf(second.election.resign());
    expect(failure).toBeInstanceOf(NotMasterError);
    expect(failure).toMatchObject({ code: 'ZK_NOT_MASTER', master: first.address });
    await eventually(() => expect(first.isMaster).toBe(true), { what: 'the master to be believed' });
  });

  it('during a run that ignores its abort is refused, and the master goes on', async () => {
    await using replicas = new Replicas(server.connectString);
    const [first, second] = await replicas.line();
    first.election.setDrain(() => Promise.resolve('stuck'));
    expect(await failureOf(first.election.resign())).toBeInstanceOf(RunIgnoresAbortError);
    await eventually(() => expect([first.isMaster, second.isMaster]).toEqual([true, false]), { what: 'the master to go on' });
  });

  it('with a drain that throws is refused as well: nothing shows that the runs are over', async () => {
    await using replicas = new Replicas(server.connectString);
    const [first] = await replicas.line();
    first.election.setDrain(() => Promise.reject(new Error('broken drain')));
    expect(await failureOf(first.election.resign())).toBeInstanceOf(RunIgnoresAbortError);
    await eventually(() => expect(first.isMaster).toBe(true), { what: 'the master to be believed' });
  });

  it('during the wait for an unproven predecessor hands the rest of the wait on', async () => {
    await using replicas = new Replicas(server.connectString);
    const long = { sessionTimeoutMs: 30_000 };
    const first = replicas.add(long);
    await eventually(() => expect(first.election.state().kind).toBe('waiting'), { what: 'the wait', everyMs: 2 });
    const wonMs = performance.now();
    const second = await replicas.add(long).standsBy();
    expect(first.election.state().kind).toBe('waiting');
    await first.election.resign();
    expect((await replicas.reignAfter(0)).address).toBe(second.address);
    // Of the whole wait, which is longer than the lease, some may have passed before it was seen here.
    expect(performance.now() - wonMs).toBeGreaterThan(0.9 * leaseMsOf(long.sessionTimeoutMs));
  });
});

describe.concurrent('during a drain', () => {
  it('a deletion of the node by hand ends the tenure at once, and the order to resign is done', async () => {
    await using replicas = new Replicas(server.connectString);
    const [first] = await replicas.line();
    const tenure = first.election.tenure();
    first.election.setDrain(() => new Promise(() => undefined));
    const resigned = first.election.resign();
    await admin.delete(replicas.node);
    await within(resigned, 'the order to resign');
    expect([tenure?.isValid(), first.isMaster]).toEqual([false, false]);
    await replicas.reignAfter(1);
  });

  it('the end of the session ends the tenure at once, and the order to resign is done', async () => {
    await using replicas = new Replicas(server.connectString);
    const [first] = await replicas.line();
    first.election.setDrain(() => new Promise(() => undefined));
    const resigned = first.election.resign();
    await first.loseSession();
    await within(resigned, 'the order to resign');
    expect(first.isMaster).toBe(false);
    await replicas.master({ not: first });
  });

  it('the last edit counts: the next one sends the mastership elsewhere, in the drain that goes on', async () => {
    await using replicas = new Replicas(server.connectString);
    const [first, second, third] = await replicas.line();
    const runs = deferred<'drained'>();
    const signals: AbortSignal[] = [];
    first.election.setDrain((_tenure, _why, calledOff) => (signals.push(calledOff), runs.promise));
    await admin.set(replicas.node, second.address);
    await draining(first, second.address);
    await admin.set(replicas.node, third.address);
    await draining(first, third.address);
    expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
    runs.resolve('drained');
    expect(await replicas.master({ not: first })).toBe(third);
  });

  it('edits that are taken back call it off, however often; then an order to leave drains anew', async () => {
    await using replicas = new Replicas(server.connectString);
    const [first, second, third] = await replicas.line();
    const drains: { readonly signal: AbortSignal; readonly end: Deferred<'drained'> }[] = [];
    first.election.setDrain((_tenure, _why, signal) => {
      const end = deferred<'drained'>();
      drains.push({ signal, end });
      return end.promise;
    });
    const tenure = first.election.tenure();
    const ends: string[] = [];
    tenure?.onInvalid((why) => ends.push(why));
    for (const others of [[second], [second, third], [third, second, third]]) {
      for (const other of others) {
        await admin.set(replicas.node, other.address);
        await draining(first, other.address);
      }
      await admin.set(replicas.node, first.address);
      await eventually(() => expect(first.election.tenure()).toBeDefined(), { what: 'the master to go on' });
    }
    expect(drains.map(({ signal }) => signal.aborted)).toEqual([true, true, true]);
    await eventually(() => expect([first.election.tenure() === tenure, first.election.tenure()?.token]).toEqual([false, tenure?.token]), {
      what: 'a new hold of the same tenure',
    });
    // Nothing but a lease that ran out, as it may when this process stands still, has ended the earlier hold.
    expect(ends.filter((why) => !why.includes('the lease ran out'))).toEqual([]);
    await eventually(() => expect(tenure?.isValid() === true || ends.length > 0).toBe(true), { what: 'the earlier hold to be as valid' });
    // What is left of a drain that was called off decides nothing.
    for (const { end } of drains) end.resolve('drained');
    const resigned = first.election.resign();
    await eventually(() => expect([drains.length, first.isMaster]).toEqual([4, true]), { what: 'another drain, by the master' });
    drains[3]?.end.resolve('drained');
    await resigned;
    await replicas.master({ not: first });
    // Nobody was preferred any more.
    expect(first.observed('mastership.resigned').map(({ fields }) => fields?.['successor'])).toEqual([undefined]);
  });

  it('an order to resign, and then to stop, makes it final: it is not called off by an edit', async () => {
    await using replicas = new Replicas(server.connectString);
    const [first, second] = await replicas.line();
    const runs = deferred<'drained'>();
    const signals: AbortSignal[] = [];
    first.election.setDrain((_tenure, _why, calledOff) => (signals.push(calledOff), runs.promise));
    await first.election.transferTo(second.address);
    await draining(first, second.address);
    const resigned = first.election.resign();
    await draining(first, 'asked to resign');
    const stopped = first.stop();
    await draining(first, 'shuts down');
    await admin.set(replicas.node, first.address);
    await eventually(() => expect(second.election.state()).toMatchObject({ master: first.address }), { what: 'the edit to be seen' });
    expect([signals.map(({ aborted }) => aborted), first.election.tenure()]).toEqual([[false], undefined]);
    runs.resolve('drained');
    expect(await stopped).toBe('resigned');
    await resigned;
    await replicas.master({ not: first });
  });

  it('a hand-over that is taken back while the winner still waits leaves it to become master', async () => {
    await using replicas = new Replicas(server.connectString);
    const long = { sessionTimeoutMs: 9_000 };
    const first = replicas.add(long);
    const signals: AbortSignal[] = [];
    first.election.setDrain((_tenure, _why, calledOff) => (signals.push(calledOff), new Promise(() => undefined)));
    await eventually(() => expect(first.election.state().kind).toBe('waiting'), { what: 'the wait', everyMs: 2 });
    const second = await replicas.add(long).standsBy();
    await admin.set(replicas.node, second.address);
    await eventually(() => expect(signals).toHaveLength(1), { what: 'the drain' });
    await admin.set(replicas.node, first.address);
    await eventually(() => expect(first.election.tenure()).toBeDefined(), { what: 'the master' });
    expect([signals[0]?.aborted, second.isMaster]).toEqual([true, false]);
  });

  it('the end of the tenure calls it off', async () => {
    await using replicas = new Replicas(server.connectString);
    const [first] = await replicas.line();
    const signals: AbortSignal[] = [];
    first.election.setDrain((_tenure, _why, calledOff) => (signals.push(calledOff), new Promise(() => undefined)));
    const resigned = first.election.resign();
    await admin.delete(replicas.node);
    await within(resigned, 'the order to resign');
    await eventually(() => expect(signals.map(({ aborted }) => aborted)).toEqual([true]), { what: 'it to be called off' });
  });

  it('an order to stop is carried out instead of a hand-over that is taken back', async () => {
    await using replicas = new Replicas(server.connectString);
    const [first, second] = await replicas.line();
    const runs = deferred<'drained'>();
    first.election.setDrain(() => runs.promise);
    await admin.set(replicas.node, second.address);
    await eventually(() => expect(first.election.state().kind).toBe('draining'), { what: 'the drain' });
    const stopped = first.stop();
    await admin.set(replicas.node, first.address);
    await eventually(() => expect(second.election.state()).toMatchObject({ master: first.address }), { what: 'the edit to be seen' });
    runs.resolve('drained');
    expect(await stopped).toBe('resigned');
    await replicas.master({ not: first });
  });
});

describe.concurrent('stop', () => {
  it('drains, resigns, and leaves nothing but persistent nodes', async () => {
    await using replicas = new Replicas(server.connectString);
    const only = replicas.add();
    await replicas.master();
    const runs = deferred<'drained'>();
    only.election.setDrain(() => runs.promise);
    const stopped = only.stop();
    await eventually(() => expect(only.election.state().kind).toBe('draining'), { what: 'the drain' });
    expect([only.isMaster, only.election.tenure()]).toEqual([true, undefined]);
    expect(await admin.read(replicas.node)).toBe(only.address);
    runs.resolve('drained');
    expect(await stopped).toBe('resigned');
    expect(only.election.state().kind).toBe('observing');
    for (const path of await admin.tree(replicas.rootPath)) expect((await admin.info(path))?.ephemeralOwner, path).toBe(0n);
    expect(JSON.parse((await admin.read(replicas.record)) ?? '')).toMatchObject({ state: 'resigned', unprovenMs: 0 });
  });

  it('lets the next replica be master without a wait', async () => {
    await using replicas = new Replicas(server.connectString);
    const [first, second] = await replicas.line();
    await first.stop();
    expect(await replicas.master({ not: first })).toBe(second);
    expect(second.observed('mastership.won')[0]?.fields?.['waitMs']).toBe(0);
  });

  it('while a run ignores its abort keeps the node and the session, so that no successor overlaps it', async () => {
    await using replicas = new Replicas(server.connectString);
    const [first, second] = await replicas.line();
    const owner = (await admin.info(replicas.node))?.ephemeralOwner;
    first.election.setDrain(() => Promise.resolve('stuck'));
    expect(await first.elections.stop(2_000)).toBe('stuck');
    expect((await admin.info(replicas.node))?.ephemeralOwner).toBe(owner);
    expect([first.isMaster, second.isMaster]).toEqual([true, false]);
    expect(first.observed('mastership.run-ignores-abort')).toHaveLength(1);
    // What the end of the process does.
    await first.loseSession();
    await replicas.master({ not: first });
  });

  it('of a standby takes its place out of the line', async () => {
    await using replicas = new Replicas(server.connectString);
    const [, second, third] = await replicas.line();
    await second.stop();
    const names = await admin.children(replicas.linePath);
    expect(names).toHaveLength(1);
    expect(names[0]).toContain(`${third.address}~`);
  });

  it('before anything was started is over at once', async () => {
    await using replicas = new Replicas(server.connectString);
    const only = replicas.add();
    expect(['resigned', 'abandoned']).toContain(await only.stop());
    expect(only.election.state().kind).toBe('observing');
  });
});
