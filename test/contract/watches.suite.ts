import { expect } from 'vitest';
import type { Session } from '../../src/zookeeper/session/session.js';
import type { WatchEvent } from '../../src/zookeeper/wire/operations.js';
import { bytes, refusal, type Statement } from './statements.js';
import type { Client } from './subject.js';

/** Collects events as `type name`. */
function log(): { readonly lines: string[]; readonly watch: (event: WatchEvent) => void } {
  const lines: string[] = [];
  return { lines, watch: ({ type, path }) => void lines.push(`${type} ${path.slice(path.lastIndexOf('/') + 1)}`) };
}

/** An answer after which every event of earlier transactions has been delivered. */
async function barrier(session: Session, at: string): Promise<void> {
  await session.multi([{ kind: 'check', path: at, version: 0 }]);
}

async function whileAway(client: Client, change: () => Promise<unknown>): Promise<void> {
  await client.cut();
  await change();
  await client.mend();
}

export const WATCH_STATEMENTS: readonly Statement[] = [
  {
    what: 'a watch fires once',
    async holds({ session }, at) {
      const { lines, watch } = log();
      await session.create(`${at}/a`, bytes(''), 'persistent');
      await session.get(`${at}/a`, { watch });
      await session.set(`${at}/a`, bytes('1'), 0);
      await session.set(`${at}/a`, bytes('2'), 1);
      await session.delete(`${at}/a`, 2);
      await barrier(session, at);
      expect(lines).toEqual(['changed a']);
    },
  },
  {
    what: 'exists watches a node that is not there, one that is, and its end',
    async holds({ session }, at) {
      const { lines, watch } = log();
      expect(await session.exists(`${at}/a`, { watch })).toBeUndefined();
      await session.create(`${at}/a`, bytes(''), 'persistent');
      await session.exists(`${at}/a`, { watch });
      await session.set(`${at}/a`, bytes(''), 0);
      await session.exists(`${at}/a`, { watch });
      await session.delete(`${at}/a`, 1);
      await barrier(session, at);
      expect(lines).toEqual(['created a', 'changed a', 'deleted a']);
    },
  },
  {
    what: 'children watches the list and the end of the node, not the data, neither its own nor a child’s',
    async holds({ session }, at) {
      const { lines, watch } = log();
      await session.create(`${at}/a`, bytes(''), 'persistent');
      await session.children(`${at}/a`, { watch });
      await session.set(`${at}/a`, bytes('x'), 0);
      await session.create(`${at}/a/b`, bytes(''), 'persistent');
      await session.children(`${at}/a`, { watch });
      await session.set(`${at}/a/b`, bytes('x'), 0);
      await session.delete(`${at}/a/b`, 1);
      await session.children(`${at}/a`, { watch });
      await session.delete(`${at}/a`, 1);
      await barrier(session, at);
      expect(lines).toEqual(['children a', 'children a', 'deleted a']);
    },
  },
  {
    what: 'the end of a node fires the watch on its data and the watch on its children',
    async holds({ session }, at) {
      const data = log();
      const children = log();
      await session.create(`${at}/a`, bytes(''), 'persistent');
      await session.get(`${at}/a`, { watch: data.watch });
      await session.children(`${at}/a`, { watch: children.watch });
      await session.delete(`${at}/a`, 0);
      await barrier(session, at);
      expect([data.lines, children.lines]).toEqual([['deleted a'], ['deleted a']]);
    },
  },
  {
    what: 'get and children of a node that is not there leave no watch',
    async holds({ session }, at) {
      const { lines, watch } = log();
      await refusal(session.get(`${at}/a`, { watch }));
      await refusal(session.children(`${at}/a`, { watch }));
      await session.create(`${at}/a`, bytes(''), 'persistent');
      await session.delete(`${at}/a`, 0);
      await barrier(session, at);
      expect(lines).toEqual([]);
    },
  },
  {
    what: 'an event comes before the answer to the write that caused it',
    async holds({ session }, at) {
      const { lines, watch } = log();
      await session.create(`${at}/a`, bytes(''), 'persistent');
      await session.get(`${at}/a`, { watch });
      await session.set(`${at}/a`, bytes('1'), 0).then(() => lines.push('answer'));
      expect(lines).toEqual(['changed a', 'answer']);
    },
  },
  {
    what: 'an event of another session’s write comes before the answer to any later write',
    async holds({ session }, at, subject) {
      const other = await subject.open();
      const { lines, watch } = log();
      await other.session.create(`${at}/a`, bytes(''), 'ephemeral');
      await session.get(`${at}/a`, { watch });
      const ends = other.close();
      await ends;
      await session.multi([{ kind: 'check', path: at, version: 0 }]).then(() => lines.push('answer'));
      expect(lines).toEqual(['deleted a', 'answer']);
    },
  },
  {
    what: 'a transaction that fails fires nothing; one that commits fires once per watch',
    async holds({ session }, at) {
      const { lines, watch } = log();
      await session.create(`${at}/a`, bytes(''), 'persistent');
      await session.get(`${at}/a`, { watch });
      await session.children(at, { watch });
      await refusal(
        session.multi([
          { kind: 'delete', path: `${at}/a`, version: 0 },
          { kind: 'check', path: `${at}/missing`, version: 0 },
        ]),
      );
      await barrier(session, at);
      expect(lines).toEqual([]);
      await session.multi([
        { kind: 'set', path: `${at}/a`, data: bytes('1'), version: 0 },
        { kind: 'set', path: `${at}/a`, data: bytes('2'), version: 1 },
        { kind: 'create', path: `${at}/b`, data: bytes(''), mode: 'persistent' },
        { kind: 'create', path: `${at}/c`, data: bytes(''), mode: 'persistent' },
      ]);
      await barrier(session, at);
      expect(lines).toEqual(['changed a', `children ${at.slice(1)}`]);
    },
  },
  {
    what: 'a watcher taken out is not called',
    async holds({ session }, at) {
      const out = log();
      const stays = log();
      await session.create(`${at}/a`, bytes(''), 'persistent');
      await session.get(`${at}/a`, { watch: out.watch });
      await session.get(`${at}/a`, { watch: stays.watch });
      session.unwatch(`${at}/a`, out.watch);
      await session.set(`${at}/a`, bytes('1'), 0);
      await barrier(session, at);
      expect([out.lines, stays.lines]).toEqual([[], ['changed a']]);
    },
  },
  {
    what: 'after a reconnect, what was missed fires before the session is called attached, and the rest is still armed',
    async holds(client, at, subject) {
      const { session } = client;
      const other = (await subject.open()).session;
      const { lines, watch } = log();
      for (const name of ['set', 'gone', 'parent', 'calm']) await session.create(`${at}/${name}`, bytes(''), 'persistent');
      for (const name of ['set', 'gone', 'calm']) await session.get(`${at}/${name}`, { watch });
      await session.exists(`${at}/new`, { watch });
      await session.children(`${at}/parent`, { watch });
      session.onAttached(() => lines.push('attached'));
      await whileAway(client, async () => {
        await other.set(`${at}/set`, bytes('1'), 0);
        await other.delete(`${at}/gone`, 0);
        await other.create(`${at}/new`, bytes(''), 'persistent');
        await other.create(`${at}/parent/child`, bytes(''), 'persistent');
      });
      expect(lines.slice(0, -1).sort()).toEqual(['changed set', 'children parent', 'created new', 'deleted gone']);
      expect(lines.at(-1)).toBe('attached');
      await session.set(`${at}/calm`, bytes('1'), 0);
      expect(lines.at(-1)).toBe('changed calm');
      await session.set(`${at}/set`, bytes('2'), 1);
      expect(lines).toHaveLength(6);
    },
  },
  {
    what: 'a node deleted and made again while away fires as changed',
    async holds(client, at, subject) {
      const { session } = client;
      const other = (await subject.open()).session;
      const { lines, watch } = log();
      await session.create(`${at}/a`, bytes(''), 'persistent');
      await session.get(`${at}/a`, { watch });
      await whileAway(client, async () => {
        await other.delete(`${at}/a`, 0);
        await other.create(`${at}/a`, bytes(''), 'ephemeral');
      });
      expect(lines).toEqual(['changed a']);
      expect(await session.exists(`${at}/a`)).toMatchObject({ version: 0, ephemeralOwner: other.id });
    },
  },
  {
    what: 'a node made and deleted while away fires nothing, and the watch is still armed',
    async holds(client, at, subject) {
      const { session } = client;
      const other = (await subject.open()).session;
      const { lines, watch } = log();
      await session.exists(`${at}/a`, { watch });
      await whileAway(client, async () => {
        await other.create(`${at}/a`, bytes(''), 'persistent');
        await other.delete(`${at}/a`, 0);
      });
      expect(lines).toEqual([]);
      await session.create(`${at}/a`, bytes(''), 'persistent');
      expect(lines).toEqual(['created a']);
    },
  },
  {
    what: 'no watcher is called after the session has ended',
    async holds({ session }, at, subject) {
      const victim = await subject.open();
      const { lines, watch } = log();
      await session.create(`${at}/a`, bytes(''), 'persistent');
      await victim.session.get(`${at}/a`, { watch });
      await victim.close();
      await session.set(`${at}/a`, bytes('1'), 0);
      await barrier(session, at);
      expect(lines).toEqual([]);
    },
  },
];
