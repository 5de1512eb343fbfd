import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAdmin, type Admin } from '../../../support/admin.js';
import { eventually, within } from '../../../support/eventually.js';
import { startBarrierNeighbour } from '../../../support/neighbours/barriers.js';
import type { Library, Neighbour } from '../../../support/neighbours/neighbours.js';
import { startServer, type ZooKeeperServer } from '../../../support/zookeeper.js';
import { Holder } from '../locks/holders.js';
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

describe.concurrent.each<{ library: Library }>([{ library: 'Curator' }, { library: 'kazoo' }])('beside $library', ({ library }) => {
  const pathOf = (name: string): string => `/${library}/${name}`;
  const neighbour = (kind: 'single' | 'double', name: string, members?: number): Promise<Neighbour> =>
    startBarrierNeighbour(library, {
      connectString: server.connectString,
      kind,
      path: pathOf(name),
      ...(members === undefined ? {} : { members }),
    });
  const start = (address: string, options: { readonly sessionTimeoutMs?: number } = {}): Promise<Holder> =>
    Holder.start(server.connectString, address, options);
  const membersOf = async (name: string): Promise<string[]> => (await admin.children(pathOf(name))).filter((child) => child !== 'ready');
  const present = (name: string, number: number): Promise<void> =>
    eventually(async () => expect(await membersOf(name)).toHaveLength(number), { what: `${number} members` });

  it('a barrier that one sets holds the other back, and opens for it', async () => {
    await using holder = await start('ours:1');
    await using theirs = await neighbour('single', 'single');
    const ours = barriersOf(holder).barrier({ path: pathOf('single') });
    await ours.set();
    const passes = theirs.ask('wait', 'passed', 'late');
    await eventually(async () => expect(await server.fourLetter('wchp')).toContain(pathOf('single')), { what: 'its watch' });
    await ours.open();
    expect(await within(passes, 'the neighbour to pass')).toMatchObject({ event: 'passed' });
    await theirs.ask('set', 'set');
    let isOpen = false;
    const waiting = ours.wait().then(() => (isOpen = true));
    await expect(ours.wait({ waitMs: 30 })).rejects.toMatchObject(TIME_IS_OVER);
    expect(isOpen).toBe(false);
    await theirs.ask('open', 'open');
    await within(waiting, 'ours to pass');
  });

  it('a barrier outlives whoever has set it, and is opened by the other', async () => {
    await using holder = await start('ours:2');
    const ours = barriersOf(holder).barrier({ path: pathOf('outlives') });
    await using theirs = await neighbour('single', 'outlives');
    await theirs.ask('set', 'set');
    await theirs.process.kill('SIGKILL');
    await expect(ours.wait({ waitMs: 30 })).rejects.toMatchObject(TIME_IS_OVER);
    await ours.open();
    await ours.wait();
  });

  it('they enter and leave together, whoever comes last', async () => {
    for (const last of ['ours', 'theirs'] as const) {
      const name = `together-${last}`;
      await using holder = await start('ours:3');
      await using theirs = await neighbour('double', name, 3);
      const barriers = barriersOf(holder);
      const [one, two] = [barriers.double({ path: pathOf(name) }, 3), barriers.double({ path: pathOf(name) }, 3)];
      const ours = [one.enter()];
      await present(name, 1);
      let entering: Promise<unknown>;
      if (last === 'ours') {
        entering = theirs.ask('enter', 'entered', 'late');
        await present(name, 2);
        ours.push(two.enter());
      } else {
        ours.push(two.enter());
        await present(name, 2);
        entering = theirs.ask('enter', 'entered', 'late');
      }
      await within(Promise.all(ours), 'ours to enter');
      expect(await within(entering, 'the neighbour to enter')).toMatchObject({ event: 'entered' });
      let hasLeft = false;
      const leaving = one.leave().then(() => (hasLeft = true));
      const theirLeaving = theirs.ask('leave', 'left', 'late');
      await eventually(async () => expect((await membersOf(name)).length).toBeLessThan(3), { what: 'somebody to leave' });
      expect(hasLeft).toBe(false);
      await within(Promise.all([leaving, two.leave()]), 'ours to leave');
      expect(await within(theirLeaving, 'the neighbour to leave')).toMatchObject({ event: 'left' });
      await eventually(async () => expect(await admin.children(pathOf(name))).toEqual([]), { what: 'nothing to be left' });
    }
  });

  it('one that is killed inside does not keep the other from leaving', async () => {
    await using holder = await start('ours:4');
    await using theirs = await neighbour('double', 'killed', 2);
    const ours = barriersOf(holder).double({ path: pathOf('killed') }, 2);
    const entering = theirs.ask('enter', 'entered', 'late');
    await within(Promise.all([ours.enter(), entering]), 'both to enter');
    await theirs.process.kill('SIGKILL');
    await within(ours.leave(), 'ours to leave');
    await using next = await neighbour('double', 'killed', 2);
    const again = next.ask('enter', 'entered', 'late');
    await present('killed', 1);
    await within(Promise.all([ours.enter(), again]), 'both to enter again');
    const theirLeaving = next.ask('leave', 'left', 'late');
    await holder[Symbol.asyncDispose]();
    expect(await within(theirLeaving, 'the neighbour to leave')).toMatchObject({ event: 'left' });
  });
});
