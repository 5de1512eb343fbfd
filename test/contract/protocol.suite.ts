import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect } from 'vitest';
import { aclTo, creation, OPEN, RawClient } from '../support/raw-client.js';

/** Something that clients of every kind rely on, said by the bytes. `at` is an empty node of this test. */
export interface ProtocolStatement {
  readonly what: string;
  holds(server: { readonly host: string; readonly port: number }, client: RawClient, at: string): Promise<void>;
}

const MULTI_END = { opcode: -1, done: true, error: -1 };

/** The headers of a transaction's answer, and the errors in it. */
function parts(body: RawClientBody): Array<{ opcode: number; error: number; read?: number }> {
  const found: Array<{ opcode: number; error: number; read?: number }> = [];
  for (;;) {
    const header = { opcode: body.int(), done: body.bool(), error: body.int() };
    if (header.done) {
      expect(header).toEqual(MULTI_END);
      return found;
    }
    const { opcode, error } = header;
    if (opcode === -1) found.push({ opcode, error, read: body.int() });
    else {
      found.push({ opcode, error });
      if (opcode === 1) body.text();
      if (opcode === 15) void body.text();
      if (opcode === 15 || opcode === 5) for (let longs = 0; longs < 17; longs += 1) body.int();
    }
  }
}

type RawClientBody = Awaited<ReturnType<RawClient['ask']>>['body'];

/** One operation of a transaction, with its header. */
function part(to: Parameters<typeof aclTo>[0], opcode: number): Parameters<typeof aclTo>[0] {
  return to.int(opcode).bool(false).int(-1);
}

function end(to: Parameters<typeof aclTo>[0]): void {
  to.int(-1).bool(true).int(-1);
}

/** What a server says to one of ZooKeeper's four-letter words. */
async function fourLetter({ host, port }: { readonly host: string; readonly port: number }, word: string): Promise<string> {
  const socket = connect(port, host);
  await once(socket, 'connect');
  socket.write(word);
  return text(socket);
}

export const PROTOCOL_STATEMENTS: readonly ProtocolStatement[] = [
  {
    what: 'a new server has its own four nodes, with these stats',
    async holds(server, client) {
      const stats: Record<string, unknown> = {};
      for (const path of ['/zookeeper', '/zookeeper/quota', '/zookeeper/config']) {
        const { body, error } = await client.ask('exists', (to) => to.text(path).bool(false));
        const zxids = [body.long(), body.long(), body.long(), body.long()];
        const counts = [body.int(), body.int(), body.int()];
        stats[path] = [error, zxids, counts, body.long(), body.int(), body.int(), body.long()];
      }
      const nothing = [0n, 0n, 0n, 0n];
      expect(stats['/zookeeper']).toEqual([0, nothing, [0, -2, 0], 0n, 0, 2, 0n]);
      expect(stats['/zookeeper/quota']).toEqual([0, nothing, [0, 0, 0], 0n, 0, 0, 0n]);
      expect(stats['/zookeeper/config']).toEqual([0, nothing, [0, 0, -1], 0n, 0, 0, 0n]);
      expect(server.port).toBeGreaterThan(0);
    },
  },
  {
    what: 'four-letter words tell that it serves, its mode, its settings and its figures',
    async holds(server, client, at) {
      expect(await fourLetter(server, 'ruok')).toBe('imok');
      expect(await fourLetter(server, 'srvr')).toMatch(/^Zookeeper version: 3\.8[^]*^Mode: standalone$[^]*^Node count: \d+$/mu);
      const settings = (await fourLetter(server, 'conf')).split('\n');
      expect(settings).toEqual(
        expect.arrayContaining([`clientPort=${server.port}`, 'tickTime=500', 'minSessionTimeout=1000', 'maxSessionTimeout=10000']),
      );
      const figures = async (): Promise<Record<string, string>> =>
        Object.fromEntries(
          (await fourLetter(server, 'mntr'))
            .trim()
            .split('\n')
            .map((line) => line.split('\t') as [string, string]),
        );
      const before = await figures();
      expect(before).toMatchObject({ zk_server_state: 'standalone', zk_version: expect.stringMatching(/^3\.8/u) as unknown });
      await client.ask('create', creation(`${at}/one-more`));
      await client.ask('exists', (to) => to.text(`${at}/watched`).bool(true));
      const after = await figures();
      const grown = (name: string): number => Number(after[name]) - Number(before[name]);
      expect([grown('zk_znode_count'), grown('zk_watch_count'), grown('zk_ephemerals_count')]).toEqual([1, 1, 0]);
      expect(Number(after['zk_num_alive_connections'])).toBeGreaterThanOrEqual(1);
    },
  },
  {
    what: 'a session gets the timeout that it asks for, within the bounds of the server, and is found again by its password only',
    async holds(server, client) {
      await using short = await RawClient.connect(server, { timeoutMs: 1 });
      expect(short.timeoutMs).toBe(1_000);
      await using long = await RawClient.connect(server, { timeoutMs: 10_000_000 });
      expect(long.timeoutMs).toBe(10_000);
      expect(client.session.password).toHaveLength(16);
      const { id, password } = long.session;
      await using thief = await RawClient.connect(server, { session: { id, password: Buffer.alloc(16, 7) } });
      expect([thief.timeoutMs, thief.session.id]).toEqual([0, 0n]);
      await thief.closed;
      await using again = await RawClient.connect(server, { session: { id, password }, timeoutMs: 4_000 });
      expect([again.timeoutMs, again.session.id]).toEqual([4_000, id]);
      await long.closed;
    },
  },
  {
    what: 'a client that has seen more than the server is turned away without a word',
    async holds(server) {
      await expect(RawClient.connect(server, { lastZxid: 1n << 60n })).rejects.toThrow(/closed the connection/);
    },
  },
  {
    what: 'every refusal has its code',
    async holds(_, client, at) {
      const codes = async (asked: Array<ReturnType<RawClient['ask']>>): Promise<number[]> => {
        const found: number[] = [];
        for (const one of asked) found.push((await one).error);
        return found;
      };
      const ask = (run: () => ReturnType<RawClient['ask']>) => codes([run()]).then(([code]) => code);
      expect(await ask(() => client.ask('create', creation(`${at}/a/b`)))).toBe(-101);
      expect(await ask(() => client.ask('create', creation(at)))).toBe(-110);
      expect(await ask(() => client.ask('create', creation(`${at}/`)))).toBe(-8);
      expect(await ask(() => client.ask('create', creation(`${at}/a\u0001`)))).toBe(-8);
      expect(await ask(() => client.ask('create', creation(`${at}/..`)))).toBe(-8);
      expect(await ask(() => client.ask('create', creation(`${at}/a`, { mode: 9 })))).toBe(-8);
      expect(await ask(() => client.ask('create', creation(`${at}/a`, { acl: [] })))).toBe(-114);
      expect(await ask(() => client.ask('create', creation(`${at}/a`, { acl: [[31, 'auth', '']] })))).toBe(-114);
      expect(await ask(() => client.ask('create', creation(`${at}/a`, { acl: [[31, 'digest', 'nobody']] })))).toBe(-114);
      expect(await ask(() => client.ask('create', creation(`${at}/a`, { acl: [[31, 'nonsense', 'x']] })))).toBe(-114);
      expect(await ask(() => client.ask('setData', (to) => to.text(at).buffer(Buffer.alloc(0)).int(5)))).toBe(-103);
      expect(await ask(() => client.ask('delete', (to) => to.text('/zookeeper').int(-1)))).toBe(-8);
      expect(await ask(() => client.ask('delete', (to) => to.text('/').int(-1)))).toBe(-8);
      expect(await ask(() => client.ask('getChildren', (to) => to.text(`${at}/none`).bool(true)))).toBe(-101);
      expect(await ask(() => client.ask('getAcl', (to) => to.text(`${at}/none`)))).toBe(-101);
      expect(await ask(() => client.ask('removeWatches', (to) => to.text(at).int(3)))).toBe(-121);
      expect(await ask(() => client.ask('createTtl', (to) => creation(`${at}/t`, { mode: 5 })(to) && to.long(1_000n)))).toBe(-6);
    },
  },
  {
    what: 'a request that the server does not know is refused, and the connection closed',
    async holds(_, client) {
      client.socket.write(Buffer.from([0, 0, 0, 8, 0, 0, 0, 99, 0, 0, 3, 231]));
      const frame = await client.frame();
      expect([frame.readInt32BE(0), frame.readInt32BE(12)]).toEqual([99, -6]);
      await client.closed;
    },
  },
  {
    what: 'a transaction answers by operation; one that failed says 0 before the failure, and "runtime inconsistency" after it',
    async holds(_, client, at) {
      const done = await client.ask('multi', (to) => {
        creation(`${at}/a`)(part(to, 1));
        creation(`${at}/b`)(part(to, 15));
        creation(`${at}/c`, { mode: 4 })(part(to, 19));
        part(to, 5).text(`${at}/a`).buffer(Buffer.from('x')).int(0);
        part(to, 13).text(`${at}/a`).int(1);
        part(to, 2).text(`${at}/a`).int(1);
        end(to);
      });
      expect(done.error).toBe(0);
      expect(parts(done.body)).toEqual([1, 1, 15, 5, 13, 2].map((opcode) => ({ opcode, error: 0 })));
      const failed = await client.ask('multi', (to) => {
        creation(`${at}/d`)(part(to, 1));
        part(to, 13).text(`${at}/b`).int(7);
        creation(`${at}/e`)(part(to, 1));
        end(to);
      });
      expect(failed.error).toBe(0);
      expect(parts(failed.body)).toEqual([0, -103, -2].map((error) => ({ opcode: -1, error, read: error })));
      expect(failed.zxid).toBe(done.zxid + 1n);
      const empty = await client.ask('multi', end);
      expect([empty.error, parts(empty.body)]).toEqual([0, []]);
    },
  },
  {
    what: 'a write that is refused takes a place in the order of writes too; a read and a ping tell the last',
    async holds(_, client, at) {
      const made = await client.ask('create2', creation(`${at}/a`));
      const refused = await client.ask('create', creation(`${at}/a`));
      expect(refused.zxid).toBe(made.zxid + 1n);
      expect((await client.ask('exists', (to) => to.text(at).bool(false))).zxid).toBe(refused.zxid);
      expect(await client.ask('ping', undefined, -2)).toMatchObject({ xid: -2, zxid: refused.zxid, error: 0 });
    },
  },
  {
    what: 'reads in one request are answered each by itself',
    async holds(_, client, at) {
      await client.ask('create', creation(`${at}/a`, { data: 'one' }));
      const { body } = await client.ask('multiRead', (to) => {
        part(to, 4).text(`${at}/a`).bool(false);
        part(to, 4).text(`${at}/none`).bool(false);
        part(to, 8).text(at).bool(false);
        end(to);
      });
      expect([body.int(), body.bool(), body.int(), body.buffer().toString()]).toEqual([4, false, 0, 'one']);
      for (let ints = 0; ints < 17; ints += 1) body.int();
      expect([body.int(), body.bool(), body.int(), body.int()]).toEqual([-1, false, -101, -101]);
      expect([body.int(), body.bool(), body.int(), body.list(() => body.text())]).toEqual([8, false, 0, ['a']]);
      expect([body.int(), body.bool(), body.int()]).toEqual([-1, true, -1]);
    },
  },
  {
    what: 'watches that stay hear of their node and its list, or of all below it but of no list',
    async holds(server, client, at) {
      await using other = await RawClient.connect(server);
      expect((await client.ask('addWatch', (to) => to.text(at).int(0))).error).toBe(0);
      await using recursive = await RawClient.connect(server);
      expect((await recursive.ask('addWatch', (to) => to.text(at).int(1))).body.int()).toBe(0);
      await other.ask('create', creation(`${at}/a`));
      await other.ask('setData', (to) => to.text(`${at}/a`).buffer(Buffer.from('1')).int(-1));
      await other.ask('create', creation(`${at}/a/b`));
      await other.ask('setData', (to) => to.text(at).buffer(Buffer.from('1')).int(-1));
      await other.ask('delete', (to) => to.text(`${at}/a/b`).int(-1));
      for (const one of [client, recursive]) await one.ask('sync', (to) => to.text(at));
      expect(client.events).toEqual([`4 ${at}`, `3 ${at}`]);
      expect(recursive.events).toEqual([`1 ${at}/a`, `3 ${at}/a`, `1 ${at}/a/b`, `3 ${at}`, `2 ${at}/a/b`]);
      expect((await client.ask('checkWatches', (to) => to.text(at).int(3))).error).toBe(0);
      expect((await client.ask('removeWatches', (to) => to.text(at).int(3))).error).toBe(0);
      await other.ask('delete', (to) => to.text(`${at}/a`).int(-1));
      await client.ask('sync', (to) => to.text(at));
      expect(client.events).toHaveLength(2);
    },
  },
  {
    what: 'rights come from what the connection has shown: of the parent to make and delete, of the node for all else',
    async holds(server, client, at) {
      await using bob = await RawClient.connect(server);
      const auth = await bob.ask('auth', (to) => to.int(0).text('digest').buffer(Buffer.from('bob:secret')), -4);
      expect([auth.xid, auth.error]).toEqual([-4, 0]);
      await bob.ask('create', creation(`${at}/mine`, { acl: [[31, 'auth', ''], [1, 'world', 'anyone']] })); // prettier-ignore
      const errors = async (one: RawClient): Promise<number[]> => [
        (await one.ask('getData', (to) => to.text(`${at}/mine`).bool(false))).error,
        (await one.ask('setData', (to) => to.text(`${at}/mine`).buffer(Buffer.alloc(0)).int(-1))).error,
        (await one.ask('create', creation(`${at}/mine/x`))).error,
        (await one.ask('delete', (to) => to.text(`${at}/mine/x`).int(-1))).error,
        (await one.ask('setAcl', (to) => aclTo(to.text(`${at}/mine`), [[31, 'ip', '127.0.0.1']]).int(7))).error,
      ];
      expect(await errors(client)).toEqual([0, -102, -102, -102, -102]);
      expect(await errors(bob)).toEqual([0, 0, 0, 0, -103]);
      const shown = async (one: RawClient): Promise<string[]> => {
        const { body } = await one.ask('getAcl', (to) => to.text(`${at}/mine`));
        return body.list(() => `${body.int()} ${body.text()} ${body.text()}`).sort();
      };
      expect(await shown(client)).toEqual(['1 world anyone', '31 digest bob:x']);
      expect(await shown(bob)).toEqual(['1 world anyone', '31 digest bob:fyVmFCwVbTJYrznoSu1koqYEYF0=']);
      await bob.ask('setAcl', (to) => aclTo(to.text(`${at}/mine`), OPEN).int(-1));
      expect((await client.ask('delete', (to) => to.text(`${at}/mine`).int(-1))).error).toBe(0);
    },
  },
  {
    what: 'a scheme that the server does not have closes the connection',
    async holds(_, client) {
      const answer = await client.ask('auth', (to) => to.int(0).text('nonsense').buffer(Buffer.from('x')), -4);
      expect([answer.xid, answer.error]).toEqual([-4, -115]);
      await client.closed;
    },
  },
  {
    what: 'a closed session is answered and its connection closed',
    async holds(_, client) {
      expect((await client.ask('closeSession')).error).toBe(0);
      await client.closed;
    },
  },
  {
    what: 'a length below zero, or above the limit, closes the connection; the largest that fits does not',
    async holds(server, client, at) {
      const most = 0xfffff;
      const rest = 8 + 4 + at.length + 2 + 4 + 4 + 4 + 4 + 5 + 4 + 6 + 4;
      expect((await client.ask('create', creation(`${at}/a`, { data: 'x'.repeat(most - rest) }))).error).toBe(0);
      for (const length of [-1, most + 1]) {
        await using other = await RawClient.connect(server);
        const head = Buffer.alloc(4);
        head.writeInt32BE(length);
        other.socket.write(head);
        await other.closed;
      }
    },
  },
  {
    what: 'counts what is below a node, and lists a session’s ephemeral nodes by how their paths begin',
    async holds(_, client, at) {
      for (const path of [`${at}/a`, `${at}/a/b`]) await client.ask('create', creation(path));
      for (const path of [`${at}/e`, `${at}/a/e`]) await client.ask('create', creation(path, { mode: 1 }));
      expect((await client.ask('getAllChildrenNumber', (to) => to.text(at))).body.int()).toBe(4);
      const { body } = await client.ask('getEphemerals', (to) => to.text(`${at}/a`));
      expect(body.list(() => body.text())).toEqual([`${at}/a/e`]);
    },
  },
];
