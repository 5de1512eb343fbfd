import { expect } from 'vitest';
import { ANY_VERSION, type Op } from '../../src/zookeeper/wire/operations.js';
import { bytes, refusal, type Statement } from './statements.js';

function check(path: string, version: number): Op {
  return { kind: 'check', path, version };
}

export const TRANSACTION_STATEMENTS: readonly Statement[] = [
  {
    what: 'a node made and set in one transaction has version 1, and that transaction as both its zxids',
    async holds({ session }, at) {
      const results = await session.multi([
        { kind: 'create', path: `${at}/n`, data: bytes('me'), mode: 'ephemeral' },
        { kind: 'set', path: `${at}/n`, data: bytes('me'), version: 0 },
      ]);
      expect(results[0]).toEqual({ kind: 'create', path: `${at}/n` });
      const set = results[1]!;
      expect(set.kind).toBe('set');
      const stat = (await session.exists(`${at}/n`))!;
      expect(stat).toMatchObject({ version: 1, ephemeralOwner: session.id, czxid: stat.mzxid });
      if (set.kind === 'set') expect(set.stat).toMatchObject({ version: 1, czxid: stat.czxid, mzxid: stat.czxid });
    },
  },
  {
    what: 'a node set and given a child in one transaction, or set and robbed of it, has equal mzxid and pzxid',
    async holds({ session }, at) {
      await session.create(`${at}/r`, bytes(''), 'persistent');
      await session.multi([
        { kind: 'set', path: `${at}/r`, data: bytes('held'), version: 0 },
        { kind: 'create', path: `${at}/r/t`, data: bytes(''), mode: 'ephemeral' },
      ]);
      const held = (await session.exists(`${at}/r`))!;
      expect(held.pzxid).toBe(held.mzxid);
      await session.multi([
        { kind: 'delete', path: `${at}/r/t`, version: 0 },
        { kind: 'set', path: `${at}/r`, data: bytes('resigned'), version: 1 },
      ]);
      const resigned = (await session.exists(`${at}/r`))!;
      expect(resigned.pzxid).toBe(resigned.mzxid);
      expect(resigned.mzxid).toBeGreaterThan(held.mzxid);
    },
  },
  {
    what: 'a transaction that fails leaves nothing behind, and names the first operation that failed',
    async holds({ session }, at) {
      await session.create(`${at}/a`, bytes('1'), 'persistent');
      const refused = await refusal(
        session.multi([
          { kind: 'set', path: `${at}/a`, data: bytes('2'), version: 0 },
          { kind: 'create', path: `${at}/b`, data: bytes(''), mode: 'persistent' },
          { kind: 'delete', path: `${at}/missing`, version: ANY_VERSION },
          check(`${at}/a`, 7),
        ]),
      );
      expect(refused).toMatchObject({ reason: 'no-node', details: { opIndex: 2, sent: true } });
      expect((await session.get(`${at}/a`)).data.toString()).toBe('1');
      expect((await session.children(at)).names).toEqual(['a']);
    },
  },
  {
    what: 'a check takes version 0 for version 0, and refuses a node that is not there',
    async holds({ session }, at) {
      await session.create(`${at}/a`, bytes(''), 'persistent');
      expect(await session.multi([check(`${at}/a`, 0)])).toEqual([{ kind: 'check' }]);
      await session.set(`${at}/a`, bytes(''), 0);
      expect(await refusal(session.multi([check(at, 0), check(`${at}/a`, 0)]))).toMatchObject({
        reason: 'bad-version',
        details: { opIndex: 1 },
      });
      expect(await session.multi([check(`${at}/a`, 1), check(`${at}/a`, ANY_VERSION)])).toHaveLength(2);
      expect(await refusal(session.multi([check(`${at}/b`, 0)]))).toMatchObject({ reason: 'no-node', details: { opIndex: 0 } });
    },
  },
  {
    what: 'a set and a delete in a transaction take version 0 for version 0',
    async holds({ session }, at) {
      await session.create(`${at}/a`, bytes(''), 'persistent');
      await session.set(`${at}/a`, bytes(''), 0);
      const set = refusal(session.multi([{ kind: 'set', path: `${at}/a`, data: bytes(''), version: 0 }]));
      expect(await set).toMatchObject({ reason: 'bad-version', details: { opIndex: 0 } });
      const gone = refusal(session.multi([{ kind: 'delete', path: `${at}/a`, version: 0 }]));
      expect(await gone).toMatchObject({ reason: 'bad-version', details: { opIndex: 0 } });
    },
  },
  {
    what: 'the first operation that fails is a create of what is there, and says so',
    async holds({ session }, at) {
      await session.create(`${at}/a`, bytes(''), 'ephemeral');
      const win = session.multi([
        { kind: 'create', path: `${at}/a`, data: bytes('x'), mode: 'ephemeral' },
        { kind: 'set', path: `${at}/a`, data: bytes('x'), version: 0 },
      ]);
      expect(await refusal(win)).toMatchObject({ reason: 'node-exists', details: { opIndex: 0 } });
      expect(await session.exists(`${at}/a`)).toMatchObject({ version: 0 });
    },
  },
  {
    what: 'operations of a transaction see those before them',
    async holds({ session }, at) {
      await session.create(`${at}/a`, bytes('old'), 'persistent');
      const results = await session.multi([
        { kind: 'delete', path: `${at}/a`, version: 0 },
        { kind: 'create', path: `${at}/a`, data: bytes('new'), mode: 'persistent' },
        { kind: 'create', path: `${at}/a/b`, data: bytes(''), mode: 'persistent' },
        { kind: 'set', path: `${at}/a`, data: bytes('newer'), version: 0 },
        check(`${at}/a`, 1),
      ]);
      expect(results.map(({ kind }) => kind)).toEqual(['delete', 'create', 'create', 'set', 'check']);
      expect((await session.get(`${at}/a`)).data.toString()).toBe('newer');
    },
  },
  {
    what: 'a sequential node made in a transaction answers its number',
    async holds({ session }, at) {
      const results = await session.multi([
        { kind: 'create', path: `${at}/s-`, data: bytes(''), mode: 'ephemeral-sequential' },
        { kind: 'create', path: `${at}/s-`, data: bytes(''), mode: 'ephemeral-sequential' },
      ]);
      expect(results).toEqual([
        { kind: 'create', path: `${at}/s-0000000000` },
        { kind: 'create', path: `${at}/s-0000000001` },
      ]);
    },
  },
  {
    what: 'a transaction of checks takes a place in the order of writes, as any write does',
    async holds({ session }, at) {
      await session.multi([check(at, 0)]);
      const first = session.lastZxid;
      await session.multi([check(at, 0)]);
      const second = session.lastZxid;
      expect(second).toBeGreaterThan(first);
      await session.create(`${at}/a`, bytes(''), 'persistent');
      expect((await session.exists(`${at}/a`))!.czxid).toBeGreaterThan(second);
      expect(await session.exists(at)).toMatchObject({ version: 0 });
    },
  },
  {
    what: 'the session has seen every transaction that it was answered',
    async holds({ session }, at) {
      const { mzxid } = await session.set(at, bytes(''), 0);
      expect(session.lastZxid).toBeGreaterThanOrEqual(mzxid);
    },
  },
];
