import { expect } from 'vitest';
import { bytes, refusal, type Statement } from './statements.js';

export const NODE_STATEMENTS: readonly Statement[] = [
  {
    what: 'makes a persistent node at version 0, with one transaction for all its zxids',
    async holds({ session }, at) {
      expect(await session.create(`${at}/a`, bytes('one'), 'persistent')).toBe(`${at}/a`);
      const { data, stat } = await session.get(`${at}/a`);
      expect(data.toString()).toBe('one');
      expect(stat).toMatchObject({ version: 0, cversion: 0, ephemeralOwner: 0n, dataLength: 3, numChildren: 0 });
      expect([stat.mzxid, stat.pzxid]).toEqual([stat.czxid, stat.czxid]);
    },
  },
  {
    what: 'counts up the version with each set, and keeps the creating transaction',
    async holds({ session }, at) {
      await session.create(`${at}/a`, bytes(''), 'persistent');
      const before = (await session.exists(`${at}/a`))!;
      const after = await session.set(`${at}/a`, bytes('two'), 0);
      expect(after).toMatchObject({ version: 1, czxid: before.czxid, pzxid: before.pzxid, dataLength: 3 });
      expect(after.mzxid).toBeGreaterThan(before.mzxid);
      expect(await session.exists(`${at}/a`)).toEqual(after);
    },
  },
  {
    what: 'takes version 0 for version 0, and -1 for any, in a set and in a delete',
    async holds({ session }, at) {
      await session.create(`${at}/a`, bytes(''), 'persistent');
      await session.set(`${at}/a`, bytes('x'), -1);
      expect(await refusal(session.set(`${at}/a`, bytes('y'), 0))).toMatchObject({ reason: 'bad-version' });
      expect(await refusal(session.delete(`${at}/a`, 0))).toMatchObject({ reason: 'bad-version' });
      await session.delete(`${at}/a`, -1);
      expect(await session.exists(`${at}/a`)).toBeUndefined();
    },
  },
  {
    what: 'counts in a parent the children made and deleted, and dates it by the last of them only',
    async holds({ session }, at) {
      await session.create(`${at}/a`, bytes(''), 'persistent');
      await session.create(`${at}/a/x`, bytes(''), 'persistent');
      await session.create(`${at}/a/y`, bytes(''), 'persistent');
      const made = (await session.exists(`${at}/a/y`))!;
      await session.set(`${at}/a/y`, bytes('data'), 0);
      expect(await session.exists(`${at}/a`)).toMatchObject({ cversion: 2, numChildren: 2, pzxid: made.czxid, version: 0 });
      await session.delete(`${at}/a/x`, 0);
      const after = (await session.exists(`${at}/a`))!;
      expect(after).toMatchObject({ cversion: 3, numChildren: 1, version: 0 });
      expect(after.pzxid).toBeGreaterThan(made.czxid);
      expect(after.mzxid).toBe(after.czxid);
    },
  },
  {
    what: 'lists the names of the children, and says no-node for what is not there',
    async holds({ session }, at) {
      await session.create(`${at}/a`, bytes(''), 'persistent');
      await session.create(`${at}/b`, bytes(''), 'persistent');
      expect([...(await session.children(at)).names].sort()).toEqual(['a', 'b']);
      expect((await session.children(`${at}/a`)).names).toEqual([]);
      expect(await refusal(session.children(`${at}/c`))).toMatchObject({ reason: 'no-node' });
      expect(await refusal(session.get(`${at}/c`))).toMatchObject({ reason: 'no-node' });
      expect(await session.exists(`${at}/c`)).toBeUndefined();
    },
  },
  {
    what: 'refuses a node without a parent, a second one, and to delete what has children or is not there',
    async holds({ session }, at) {
      expect(await refusal(session.create(`${at}/a/b`, bytes(''), 'persistent'))).toMatchObject({ reason: 'no-node' });
      await session.create(`${at}/a`, bytes(''), 'persistent');
      await session.create(`${at}/a/b`, bytes(''), 'persistent');
      expect(await refusal(session.create(`${at}/a`, bytes(''), 'ephemeral'))).toMatchObject({ reason: 'node-exists' });
      expect(await refusal(session.delete(`${at}/a`, -1))).toMatchObject({ reason: 'not-empty' });
      expect(await refusal(session.delete(`${at}/c`, -1))).toMatchObject({ reason: 'no-node' });
      expect(await refusal(session.set(`${at}/c`, bytes(''), -1))).toMatchObject({ reason: 'no-node' });
    },
  },
  {
    what: 'writes the session into an ephemeral node, which takes no children',
    async holds({ session }, at) {
      await session.create(`${at}/e`, bytes(''), 'ephemeral');
      expect(await session.exists(`${at}/e`)).toMatchObject({ ephemeralOwner: session.id });
      const refused = await refusal(session.create(`${at}/e/child`, bytes(''), 'persistent'));
      expect(refused).toMatchObject({ reason: 'no-children-for-ephemerals' });
    },
  },
  {
    what: 'numbers sequential nodes by the children their parent has ever had, of every kind',
    async holds({ session }, at) {
      expect(await session.create(`${at}/s-`, bytes(''), 'ephemeral-sequential')).toBe(`${at}/s-0000000000`);
      await session.create(`${at}/plain`, bytes(''), 'persistent');
      await session.delete(`${at}/s-0000000000`, 0);
      expect(await session.create(`${at}/t-`, bytes(''), 'persistent-sequential')).toBe(`${at}/t-0000000002`);
      await session.delete(`${at}/plain`, 0);
      expect(await session.create(`${at}/s-`, bytes(''), 'ephemeral-sequential')).toBe(`${at}/s-0000000003`);
    },
  },
  {
    what: 'shows a container as a node that nobody owns, and lets it have children',
    async holds({ session }, at, subject) {
      await subject.createContainer(`${at}/c`);
      expect(await session.exists(`${at}/c`)).toMatchObject({ ephemeralOwner: 0n });
      await session.create(`${at}/c/child`, bytes(''), 'ephemeral');
      expect((await session.children(`${at}/c`)).names).toEqual(['child']);
    },
  },
  {
    what: 'answers in the order of the calls, each request seeing those before it',
    async holds({ session }, at) {
      const order: string[] = [];
      const note = (what: string) => (): void => void order.push(what);
      const [, first, , second] = await Promise.all([
        session.create(`${at}/a`, bytes('1'), 'persistent').finally(note('create')),
        session.get(`${at}/a`).finally(note('get')),
        session.set(`${at}/a`, bytes('2'), 0).finally(note('set')),
        session.get(`${at}/a`).finally(note('get again')),
        session.sync(at).finally(note('sync')),
      ]);
      expect([first.data.toString(), second.data.toString()]).toEqual(['1', '2']);
      expect(order).toEqual(['create', 'get', 'set', 'get again', 'sync']);
    },
  },
];
