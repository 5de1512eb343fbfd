import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createContainer } from '../../contract/container.js';
import { startAdmin, type Admin } from '../../support/admin.js';
import { deferred, eventually } from '../../support/eventually.js';
import { startProxy } from '../../support/proxy.js';
import { startServer, type ZooKeeperServer } from '../../support/zookeeper.js';
import { Replicas, type Replica } from './replicas.js';
import { wipeAtOnce } from './wipe.js';

let server: ZooKeeperServer;
let admin: Admin;

beforeAll(async () => {
  server = await startServer();
  admin = await startAdmin(server.connectString);
});

afterAll(async () => {
  await admin[Symbol.asyncDispose]();
  await server.dispose();
});

/** The node names the master again, with its own tenure as before. */
async function isRestored(replicas: Replicas, master: Replica): Promise<void> {
  await eventually(async () => expect(await admin.read(replicas.node)).toBe(master.address), {
    what: `the node to name ${master.address} again`,
  });
  expect(await replicas.master()).toBe(master);
}

/**
 * After what an operator did, the mastership can still be handed on, twice, and everybody who is
 * not master stands in line.
 */
async function goesOn(replicas: Replicas): Promise<void> {
  for (let i = 0; i < 2; i += 1) {
    const count = replicas.reigns.length;
    await (await replicas.master()).election.resign();
    await replicas.reignAfter(count);
  }
  const standbys = replicas.all.length - 1;
  await eventually(async () => expect(await admin.children(replicas.linePath)).toHaveLength(standbys), {
    what: `${standbys} places in the line`,
  });
}

/**
 * Deletes the node and makes a persistent one in its place before anybody else can: both requests
 * are on the wire at once.
 */
async function replaceNode(path: string): Promise<void> {
  const { client } = admin;
  const PERSISTENT = 0;
  const answers = await Promise.all([
    new Promise<unknown>((resolve) => client.remove(path, -1, resolve)),
    new Promise<unknown>((resolve) => client.create(path, Buffer.from('a tool'), PERSISTENT, resolve)),
  ]);
  expect(answers).toEqual([null, null]);
}

describe.concurrent('an edit of the node by hand', () => {
  it('to the address of a standby makes the master drain and hand over to that one', async () => {
    await using replicas = new Replicas(server.connectString);
    const [first, second, third] = await replicas.line();
    const drained: string[] = [];
    first.election.setDrain(async (tenure, why) => {
      drained.push(`${String(tenure?.isValid())} ${why}`);
      return 'drained';
    });
    await admin.set(replicas.node, ` ${third.address}\n`);
    expect(await replicas.master({ not: first })).toBe(third);
    expect(drained).toEqual([`true handing over to ${third.address}`]);
    expect(await admin.read(replicas.node)).toBe(third.address);
    expect(second.isMaster).toBe(false);
    await goesOn(replicas);
  });

  const refused: ReadonlyArray<readonly [string, string]> = [
    ['the address of nobody', '10.9.9.9:1'],
    ['nothing', ''],
    ['white space', ' \n\t'],
    ['binary data', '\u0000\u0001\u00ff\ufffd\u2028'],
    ['a long text', 'x'.repeat(100_000)],
    ['nearly all that a node can hold', 'y'.repeat(1_000_000)],
    ['the name of a place in the line', '10.0.0.1:1~id-0000000001'],
  ];
  for (const [what, data] of refused) {
    it(`to ${what} is taken back by the master, which goes on in its tenure`, async () => {
      await using replicas = new Replicas(server.connectString);
      const [first] = await replicas.line();
      const tenure = first.held;
      await admin.set(replicas.node, data);
      await isRestored(replicas, first);
      expect(first.held?.id).toBe(tenure?.id);
      expect(first.observed('mastership.edit-refused')).toHaveLength(1);
      await goesOn(replicas);
    });
  }

  it("to the master's own address changes nothing, and the master can still resign", async () => {
    await using replicas = new Replicas(server.connectString);
    const [first] = await replicas.line();
    const tenure = first.held;
    await admin.set(replicas.node, first.address);
    await admin.set(replicas.node, 'somebody else');
    await isRestored(replicas, first);
    await admin.set(replicas.node, first.address);
    expect(first.held?.id).toBe(tenure?.id);
    await goesOn(replicas);
  });

  it('twice in quick succession hands over to the one named last', async () => {
    await using replicas = new Replicas(server.connectString);
    const [first, second, third] = await replicas.line();
    const runs = deferred<'drained'>();
    first.election.setDrain(() => runs.promise);
    await admin.set(replicas.node, second.address);
    await admin.set(replicas.node, third.address);
    await eventually(() => expect(first.observed('mastership.reassigned').at(-1)?.fields?.['to']).toBe(third.address), {
      what: 'the master to see the last edit',
    });
    await eventually(() => expect(first.isMaster).toBe(true), { what: 'the master to be believed' });
    runs.resolve('drained');
    expect(await replicas.master({ not: first })).toBe(third);
  });

  it('that is taken back during the drain leaves the master where it is', async () => {
    await using replicas = new Replicas(server.connectString);
    const [first, second] = await replicas.line();
    const tenure = first.election.tenure();
    first.election.setDrain(() => new Promise(() => undefined));
    await admin.set(replicas.node, second.address);
    await eventually(() => expect(first.election.state().kind).toBe('draining'), { what: 'the master to drain' });
    expect(first.election.tenure()).toBeUndefined();
    await admin.set(replicas.node, first.address);
    await eventually(() => expect(first.election.state().kind).toBe('master'), { what: 'the master to go on' });
    expect(first.held?.token).toBe(tenure?.token);
    first.election.setDrain(() => Promise.resolve('drained'));
    await goesOn(replicas);
  });

  it('is carried out by the standbys when the master dies before it could hand over', async () => {
    await using replicas = new Replicas(server.connectString);
    const [first, second, third] = await replicas.line();
    first.election.setDrain(() => new Promise(() => undefined));
    await admin.set(replicas.node, third.address);
    for (const standby of [second, third]) {
      await eventually(() => expect(standby.election.state()).toMatchObject({ master: third.address }), {
        what: `${standby.address} to see the edit`,
      });
    }
    await first.loseSession();
    const master = await replicas.master({ not: first });
    // The named one goes first. The other one stands back for it, once, and not for ever: a slow machine may not let
    // the named one come in time.
    if (master !== third) expect(second.observed('mastership.stands-back')).toHaveLength(1);
  });

  it('at the very moment of the death of the master leaves one master', async () => {
    await using replicas = new Replicas(server.connectString);
    const [first, , third] = await replicas.line();
    await Promise.allSettled([admin.set(replicas.node, third.address), first.loseSession()]);
    await replicas.master({ not: first });
  });

  it('to a standby that dies meanwhile leaves one master', async () => {
    await using replicas = new Replicas(server.connectString);
    const [first, , third] = await replicas.line();
    const count = replicas.reigns.length;
    await Promise.all([admin.set(replicas.node, third.address), third.loseSession()]);
    await eventually(
      async () => {
        const master = await replicas.master();
        expect(master).not.toBe(third);
        expect(await admin.read(replicas.node)).toBe(master.address);
      },
      { what: 'the node to name a living master' },
    );
    if (replicas.reigns.length === count) expect(await replicas.master()).toBe(first);
  });

  it('to a standby that is frozen leaves the others time, then one of them takes over', async () => {
    await using proxy = await startProxy(server);
    await using replicas = new Replicas(server.connectString);
    const [first, second, third] = await replicas.line({}, {}, { connectString: proxy.connectString });
    proxy.hole();
    await admin.set(replicas.node, third.address);
    expect(await replicas.master({ not: first })).toBe(second);
    proxy.pass();
  });
});

describe.concurrent('a deletion by hand', () => {
  it('of the node ends the tenure, and a new one begins', async () => {
    await using replicas = new Replicas(server.connectString);
    const [first] = await replicas.line();
    const tenure = first.election.tenure();
    const count = replicas.reigns.length;
    await admin.delete(replicas.node);
    await replicas.reignAfter(count);
    expect(tenure?.isValid()).toBe(false);
    await goesOn(replicas);
  });

  it('of the node of a replica that is alone is mended by that replica', async () => {
    await using replicas = new Replicas(server.connectString);
    const only = replicas.add();
    await replicas.master();
    await admin.delete(replicas.node);
    expect((await replicas.reignAfter(1)).address).toBe(only.address);
  });

  const parts: ReadonlyArray<readonly [string, (replicas: Replicas) => Promise<unknown>]> = [
    ['the line', (replicas) => wipeAtOnce(admin, replicas.linePath)],
    ['the record, with all below it', (replicas) => wipeAtOnce(admin, replicas.record)],
    [
      'the tenure node',
      async (replicas) => {
        const names = (await admin.children(replicas.record)).filter((name) => name.startsWith('tenure-'));
        expect(names).toHaveLength(1);
        await admin.delete(`${replicas.record}/${names[0]}`);
      },
    ],
    ['the parents of the record', (replicas) => wipeAtOnce(admin, `${replicas.rootPath}/elections`)],
    ['the members', (replicas) => wipeAtOnce(admin, `${replicas.rootPath}/members`)],
  ];
  for (const [what, remove] of parts) {
    it(`of ${what} does not touch the tenure, and the election goes on`, async () => {
      await using replicas = new Replicas(server.connectString);
      const [first] = await replicas.line();
      const tenure = first.election.tenure();
      await remove(replicas);
      await goesOn(replicas);
      expect(replicas.reigns[0]?.id).toBe(tenure?.id);
    });
  }

  it('of the parents of the node ends the tenure, and a new one begins', async () => {
    await using replicas = new Replicas(server.connectString);
    await replicas.line();
    const count = replicas.reigns.length;
    await wipeAtOnce(admin, `${replicas.rootPath}/master`);
    await replicas.reignAfter(count);
    await goesOn(replicas);
  });

  it('of the whole tree, again and again, is mended each time', async () => {
    await using replicas = new Replicas(server.connectString);
    await replicas.line();
    for (let i = 0; i < 3; i += 1) {
      const count = replicas.reigns.length;
      await wipeAtOnce(admin, replicas.rootPath);
      await replicas.reignAfter(count);
    }
    await goesOn(replicas);
  });
});

describe.concurrent('a node at the election path that nobody holds', () => {
  const makers: ReadonlyArray<readonly [string, (path: string) => Promise<unknown>]> = [
    ['a persistent one', (path) => admin.create(path, 'a tool')],
    ['a container', (path) => createContainer(server, path)],
  ];
  for (const [what, make] of makers) {
    it(`(${what}), made before anybody campaigns, is removed`, async () => {
      await using replicas = new Replicas(server.connectString);
      await admin.create(`${replicas.rootPath}/master/services`);
      await make(replicas.node);
      replicas.add();
      replicas.add();
      expect(await admin.exists(replicas.node)).toBe(true);
      const master = await replicas.master();
      expect(await admin.read(replicas.node)).toBe(master.address);
    });
  }

  it("put in the place of the master's is removed", async () => {
    await using replicas = new Replicas(server.connectString);
    await replicas.line();
    const count = replicas.reigns.length;
    await replaceNode(replicas.node);
    const { address } = await replicas.reignAfter(count);
    expect(await admin.read(replicas.node)).toBe(address);
    await goesOn(replicas);
  });

  it('is removed with its children, however deep', async () => {
    await using replicas = new Replicas(server.connectString);
    for (const below of ['a/b/c', 'a/d', 'e']) await admin.create(`${replicas.node}/${below}`);
    replicas.add();
    const { address } = await replicas.reignAfter(0);
    expect(await admin.read(replicas.node)).toBe(address);
  });
});

it('gives the mastership up also when the one who asked for it has stopped waiting', async () => {
  await using replicas = new Replicas(server.connectString);
  const [first, second] = await replicas.line();
  const runs = deferred<'drained'>();
  first.election.setDrain(() => runs.promise);
  const stop = new AbortController();
  const asked = first.election.resign(stop.signal);
  stop.abort(new Error('asked for long enough'));
  await expect(asked).rejects.toThrow('asked for long enough');
  expect(first.election.state().kind).toBe('draining');
  runs.resolve('drained');
  expect(await replicas.master({ not: first })).toBe(second);
});
