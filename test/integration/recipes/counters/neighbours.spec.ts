import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Counter } from '../../../../src/zookeeper/recipes/counters/counter.js';
import type { CounterFormat } from '../../../../src/zookeeper/recipes/counters/format.js';
import { startCounting, type CountingProcess } from '../../../support/counting/counting.js';
import type { Library } from '../../../support/neighbours/neighbours.js';
import { startServer, type ZooKeeperServer } from '../../../support/zookeeper.js';
import { Client } from './clients.js';

let server: ZooKeeperServer;
let client: Client;

beforeAll(async () => {
  server = await startServer();
  client = await Client.start(server.connectString);
});

afterAll(async () => {
  await client?.[Symbol.asyncDispose]();
  await server?.dispose();
});

const upTo = (last: number): bigint[] => Array.from({ length: last }, (_, index) => BigInt(index + 1));
const sorted = (numbers: readonly bigint[]): bigint[] => numbers.toSorted((a, b) => (a < b ? -1 : 1));

const BESIDE: readonly { readonly by: Library; readonly recipe: string; readonly format: CounterFormat }[] = [
  { by: 'Curator', recipe: 'DistributedAtomicLong', format: 'int64' },
  { by: 'Curator', recipe: 'SharedCount', format: 'int32' },
  { by: 'kazoo', recipe: 'Counter', format: 'text' },
  { by: 'kazoo', recipe: 'Counter with support_curator', format: 'int32' },
];

describe.concurrent.each(BESIDE)('beside $recipe of $by', ({ by, format }) => {
  const path = (name: string): string => `/${by}/${format}/${name}`;
  const theirs = (name: string): Promise<CountingProcess> =>
    startCounting({ connectString: server.connectString, by, format, path: path(name) });
  const ours = (name: string): Counter<bigint | number> =>
    format === 'int32'
      ? client.counters.counter({ path: path(name) }, { format })
      : client.counters.counter({ path: path(name) }, { format });
  const count = async (name: string, turns: number): Promise<bigint[]> => {
    const answers: bigint[] = [];
    for (let turn = 0; turn < turns; turn += 1) answers.push(BigInt(await ours(name).increment()));
    return answers;
  };

  it('each reads and changes what the other has written, negative numbers, too', async () => {
    const counter = ours('both');
    await counter.set(-300);
    await using neighbour = await theirs('both');
    expect(await neighbour.ask('get')).toBe(-300n);
    expect(await neighbour.ask('add 100')).toBe(-200n);
    expect(BigInt(await counter.add(205))).toBe(5n);
    expect(await neighbour.ask('set -7')).toBe(-7n);
    expect(await counter.compareAndSet(-7, 8)).toBe(true);
    expect(await neighbour.ask('add 1')).toBe(9n);
    // The neighbour makes it.
    await using other = await theirs('theirs');
    expect(await other.ask('add 3')).toBe(3n);
    expect(BigInt(await ours('theirs').increment())).toBe(4n);
  });

  it('each count is counted once under contention, two of each', async () => {
    await using first = await theirs('busy');
    await using second = await theirs('busy');
    const [, , ...own] = await Promise.all([first.turns(40), second.turns(40), count('busy', 40), count('busy', 40)]);
    expect(sorted([...first.counted, ...second.counted, ...own.flat()])).toEqual(upTo(160));
  });

  it('a neighbour that is killed while it counts leaves at most one count that nobody was told of, and ours the same', async () => {
    await using killed = await theirs('killed');
    await using own = await startCounting({ connectString: server.connectString, by: 'this library', format, path: path('killed') });
    await using left = await theirs('killed');
    for (const one of [killed, own, left]) one.begin(1_000_000);
    for (const one of [killed, own]) {
      await one.hasCounted(20);
      await one.process.kill('SIGKILL');
    }
    const seen = left.counted.length;
    await left.hasCounted(seen + 20);
    await left.process.kill('SIGKILL');
    const mine = await count('killed', 20);
    const told = [...killed.counted, ...own.counted, ...left.counted, ...mine];
    expect(new Set(told).size).toBe(told.length);
    const total = Number(mine.at(-1));
    expect(total - told.length).toBeGreaterThanOrEqual(0);
    expect(total - told.length).toBeLessThanOrEqual(3);
  });
});

it('takes ids beside Java, which adds to the same number', async () => {
  const path = '/Curator/ids';
  await using neighbour = await startCounting({ connectString: server.connectString, by: 'Curator', format: 'int64', path });
  const ids = client.counters.ids({ path }, { block: 10 });
  expect(await ids.next()).toBe(1n);
  // It has taken 11 to 15.
  expect(await neighbour.ask('add 5')).toBe(15n);
  const rest: bigint[] = [];
  for (let turn = 0; turn < 10; turn += 1) rest.push(await ids.next());
  expect(rest).toEqual([...upTo(10).slice(1), 16n]);
});
