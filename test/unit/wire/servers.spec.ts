import { expect, it } from 'vitest';
import { parseConnectString } from '../../../src/zookeeper/wire/connect-string.js';
import { formatEndpoint, ServerList } from '../../../src/zookeeper/wire/servers.js';

const three = parseConnectString('a,b,c').servers;

it('begins with each server about equally often', () => {
  const first = new Map<string, number>();
  for (let draw = 0; draw < 3000; draw++) {
    const [server] = new ServerList(three).round();
    first.set(server?.host ?? '', (first.get(server?.host ?? '') ?? 0) + 1);
  }
  for (const count of first.values()) expect(count).toBeGreaterThan(800);
  expect(first.size).toBe(3);
});

it('goes round once, and begins the next round after the server taken last', () => {
  const servers = new ServerList(three, undefined, () => 0.999);
  const names = (): string[] => [...servers.round()].map(({ host }) => host);
  expect(names()).toEqual(['a', 'b', 'c']);
  for (const server of servers.round()) if (server.host === 'b') break;
  expect(names()).toEqual(['c', 'a', 'b']);
});

it('asks nobody for an address, and the resolver for a name each time', async () => {
  const asked: string[] = [];
  const servers = new ServerList(three, (host) => (asked.push(host), Promise.resolve(['10.0.0.1', '::2'])));
  expect(await servers.resolve({ host: '::1', port: 1 })).toEqual([{ host: '::1', address: '::1', port: 1 }]);
  expect((await servers.resolve({ host: 'zk', port: 1 })).map(formatEndpoint)).toEqual(['zk:1 (10.0.0.1)', 'zk:1 (::2)']);
  await servers.resolve({ host: 'zk', port: 1 });
  expect(asked).toEqual(['zk', 'zk']);
});

it('fails when a name has no address', async () => {
  const servers = new ServerList(three, () => Promise.resolve([]));
  await expect(servers.resolve({ host: 'zk', port: 1 })).rejects.toThrow('the name zk has no address');
});

it('resolves names by the system otherwise', async () => {
  const addresses = (await new ServerList(three).resolve({ host: 'localhost', port: 1 })).map(({ address }) => address);
  expect(addresses.some((address) => address === '127.0.0.1' || address === '::1')).toBe(true);
});
