import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureBuilt } from '../../scripts/build.mjs';
import { temporaryDirectory } from '../../scripts/support/guard.mjs';
import { reservePorts } from '../../scripts/support/ports.mjs';
import { eventually, within } from '../support/eventually.js';
import type { TestProcess } from '../support/process.js';
import { startServer, type ZooKeeperServer } from '../support/zookeeper.js';
import { EXAMPLE_MANIFESTS, ExampleHome } from './package/example-home.js';
import { npm, Tarball } from './package/scratch-app.js';

/** Against hangs: a registry may be slow, and so may this machine. */
const PREPARED_WITHIN_MS = 900_000;
const MAX_KILLS = 10;

let server: ZooKeeperServer;
const homes: ExampleHome[] = [];

beforeAll(async () => {
  await ensureBuilt();
  using tarball = await Tarball.pack();
  for (const nest of ['11', '12']) homes.push(await ExampleHome.create(nest, tarball));
  await Promise.all(homes.flatMap((home) => home.examples.map((example) => home.build(example))));
  server = await startServer();
}, PREPARED_WITHIN_MS);

afterAll(async () => {
  for (const home of homes) home[Symbol.dispose]();
  await server?.dispose();
});

it('are all built, for Nest 11 in CommonJS and for Nest 12 in ESM', () => {
  expect(homes.flatMap(({ examples }) => examples).toSorted()).toEqual([...EXAMPLE_MANIFESTS.keys()].toSorted());
  expect(homes.map(({ examples }) => new Set(examples.map((name) => EXAMPLE_MANIFESTS.get(name)?.['type'])))).toEqual([
    new Set(['commonjs']),
    new Set(['module']),
  ]);
});

describe('first-job', () => {
  it('greets without ZooKeeper, and ends on SIGTERM', async () => {
    await using service = start('first-job', {});
    await says(service, /good day, for the tick of \d{4}-/);
    service.signal('SIGTERM');
    await within(service.exited, 'the service to end');
  });
});

describe('order-numbers', () => {
  it('gives no number twice, although one of the replicas is killed', async () => {
    const env = { ZOOKEEPER_CONNECT: server.connectString };
    await using one = start('order-numbers', { ...env, SERVICE_ADDRESS: '127.0.0.1:9001' });
    await using other = start('order-numbers', { ...env, SERVICE_ADDRESS: '127.0.0.1:9002' });
    for (const replica of [one, other]) await says(replica, /order-\d{10} goes with parcel-\d{10}; \d+ so far/);
    await one.kill('SIGKILL');
    const before = namesIn(other).length;
    await eventually(() => expect(namesIn(other).length).toBeGreaterThan(before + 2), { what: 'the other one to go on' });
    const names = [...namesIn(one), ...namesIn(other)];
    expect(new Set(names).size).toBe(names.length);
  });

  function namesIn({ output }: TestProcess): readonly string[] {
    return output.match(/(?:order|parcel)-\d{10}/g) ?? [];
  }
});

describe('listener-on-master', () => {
  it('receives on one replica, and on the other one when that has been stopped', async () => {
    using reserved = await reserve(1);
    const env = { ZOOKEEPER_CONNECT: server.connectString, LISTEN_PORT: String(reserved.ports[0]) };
    await using one = start('listener-on-master', { ...env, SERVICE_ADDRESS: '127.0.0.1:9001' });
    await using other = start('listener-on-master', { ...env, SERVICE_ADDRESS: '127.0.0.1:9002' });
    const master = await eventually(() => [one, other].find(({ output }) => output.includes('receives on port')) ?? expect.fail('nobody'), {
      what: 'one of them to receive',
    });
    const standby = master === one ? other : one;
    const [first, second] = master === one ? ['9001', '9002'] : ['9002', '9001'];
    expect(await send(reserved.ports[0] ?? 0, 'a letter')).toBe(`127.0.0.1:${first} has received a letter`);
    expect(standby.output).not.toContain('receives on port');
    master.signal('SIGTERM');
    await says(master, /receives no more/);
    await says(standby, /receives on port/);
    expect(await send(reserved.ports[0] ?? 0, 'another one')).toBe(`127.0.0.1:${second} has received another one`);
  });
});

describe('invoices', () => {
  it('leaves no period and no invoice out, although its master is killed in the middle of a run', async () => {
    const directory = temporaryDirectory('invoices');
    const env = {
      ZOOKEEPER_CONNECT: server.connectString,
      ZOOKEEPER_SESSION_TIMEOUT_MS: '2000',
      INVOICES_FILE: join(directory.path, 'invoices.db'),
    };
    const add = (port: number) => start('invoices', { ...env, SERVICE_ADDRESS: `127.0.0.1:${port}` });
    const replicas = [9001, 9002, 9003].map(add);
    const goesOn = () => replicas.some(({ output }) => output.includes('goes on with '));
    try {
      // On a slow machine the kill may come when the run is over: then once more.
      for (let round = 0; !goesOn() && round < MAX_KILLS; round += 1) {
        const master = await inTheMiddle(replicas);
        await master.kill();
        replicas.push(add(9_010 + round));
        const before = replicas.flatMap(periodsOf).length;
        await eventually(() => expect(replicas.flatMap(periodsOf).length).toBeGreaterThan(before + 1), { what: 'another one to go on' });
      }
      expect(goesOn()).toBe(true);
    } finally {
      for (const replica of replicas) replica.signal('SIGTERM');
      await Promise.all(replicas.map((replica) => within(replica.exited, 'it to end')));
    }
    // A replica that is killed after its last line, and before its verdict, has its run started again.
    const written = [...new Set(replicas.flatMap(periodsOf))].toSorted();
    const rows = await audit(env);
    const complete = rows.filter(({ period }) => written.includes(period));
    // Each period once, with all of its invoices. The shutdown may have left the last one in its midst.
    expect(complete.map(({ period, invoices }) => [period, invoices])).toEqual(written.map((period) => [period, 20]));
    expect(rows.length - complete.length).toBeLessThanOrEqual(1);
    const times = rows.map(({ period }) => Date.parse(period));
    expect(times.slice(1).map((time, index) => time - (times[index] ?? 0))).toEqual(times.slice(1).map(() => 2_000));
    expect(BigInt(rows.at(-1)?.highestToken ?? 0)).toBeGreaterThan(BigInt(rows[0]?.lowestToken ?? 0));

    const late = `import('./out/database.js').then(({ Invoices }) => new Invoices().issue('late', 1, 1n))`;
    const stale = home('invoices').run('invoices', '-e', env, [late]);
    expect((await stale.exited).code).not.toBe(0);
    expect(stale.output).toContain('StaleMasterError');
    expect(await audit(env)).toEqual(rows);
    directory.remove();
  });
});

describe('shared-counter', () => {
  it('counts in a file without a gap or a number twice, although one of three replicas is killed and one is stopped', async () => {
    const directory = temporaryDirectory('counter');
    const file = join(directory.path, 'counter.txt');
    const env = { ZOOKEEPER_CONNECT: server.connectString, COUNTER_FILE: file };
    const replicas = [9001, 9002, 9003].map((port) => start('shared-counter', { ...env, SERVICE_ADDRESS: `127.0.0.1:${port}` }));
    const [killed, stopped, last] = replicas as [TestProcess, TestProcess, TestProcess];
    const goesOn = async (one: TestProcess): Promise<void> => {
      const before = countOf(one);
      await eventually(() => expect(countOf(one)).toBeGreaterThan(before + 3), { what: `${one.name} to go on` });
    };
    try {
      for (const replica of replicas) await goesOn(replica);
      await killed.kill();
      await goesOn(stopped);
      stopped.signal('SIGTERM');
      await within(stopped.exited, 'it to end');
      await goesOn(last);
    } finally {
      for (const replica of replicas) replica.signal('SIGTERM');
      await Promise.all(replicas.map((replica) => within(replica.exited, 'it to end')));
    }
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    expect(lines.map((line) => Number(line.split(' ')[0]))).toEqual(lines.map((_, index) => index + 1));
    const tokens = lines.map((line) => BigInt(line.split(' ')[1] ?? 0));
    expect(tokens.every((token, index) => index === 0 || token > (tokens[index - 1] ?? 0n))).toBe(true);
    directory.remove();
  });
});

describe('failover-tests', () => {
  it.each(['jest', 'vitest'])('pass in %s', async (runner) => {
    const { code, output } = await npm(['run', `test:${runner}`], home('failover-tests').folder('failover-tests'));
    expect(code, output).toBe(0);
    expect(stripVTControlCharacters(output)).toMatch(/Tests:? +3 passed/);
  });
});

describe('web-and-workers', () => {
  it('has web processes that look and give orders, and workers that are elected and run', async () => {
    using reserved = await reserve(3);
    const [web = 0, one = 0, other = 0] = reserved.ports;
    const env = { ZOOKEEPER_CONNECT: server.connectString, ADMIN_TOKEN: 'secret' };
    const at = (port: number, role: string) =>
      start('web-and-workers', { ...env, ROLE: role, PORT: String(port), SERVICE_ADDRESS: `127.0.0.1:${port}` });
    await using observer = at(web, 'web');
    await using first = at(one, 'worker');
    await using second = at(other, 'worker');
    const states = () => Promise.all([web, one, other].map(async (port) => (await call(port, 'GET', 'status')).body['state']));
    const settled = async () => {
      const [ofWeb, ...ofWorkers] = await states();
      expect([ofWeb, new Set(ofWorkers)]).toEqual(['observing', new Set(['master', 'standby'])]);
      return ofWorkers[0] === 'master' ? one : other;
    };
    const master = await eventually(settled, { what: 'a master' });
    await eventually(async () => expect((await call(web, 'GET', 'status')).body['master']).toBe(`127.0.0.1:${master}`), {
      what: 'the web process to know the master',
    });

    const refused = await call(web, 'POST', 'cache/refresh');
    expect(refused).toMatchObject({ status: 421, body: { code: 'ZK_NOT_MASTER', master: `127.0.0.1:${master}` } });
    expect(await call(master, 'POST', 'cache/refresh')).toMatchObject({ status: 201, body: { refreshed: 1 } });

    expect(await call(web, 'GET', 'cluster-jobs/jobs')).toMatchObject({ status: 403 });
    const run = await call(web, 'POST', 'cluster-jobs/jobs/cleanup/trigger', { wait: 'done' }, 'secret');
    expect(run.body).toMatchObject({
      result: { removed: 3, cause: 'trigger' },
      verdict: { outcome: 'ran', ranOn: `127.0.0.1:${master}`, triggeredBy: `the admin page at 127.0.0.1:${web}` },
    });

    (master === one ? first : second).signal('SIGTERM');
    const rest = master === one ? other : one;
    await eventually(async () => expect((await call(rest, 'GET', 'status')).body['state']).toBe('master'), { what: 'the other worker' });
    expect((await call(web, 'GET', 'status')).body['state']).toBe('observing');
    expect(observer.exit).toBeUndefined();
  });
});

function home(example: string): ExampleHome {
  return homes.find(({ examples }) => examples.includes(example)) ?? expect.fail(`${example} was not made`);
}

function start(example: string, env: Readonly<Record<string, string>>): TestProcess {
  return home(example).run(example, 'out/main.js', env);
}

function says(process: TestProcess, pattern: RegExp): Promise<void> {
  return eventually(() => expect(process.output).toMatch(pattern), { what: `${process.name} to say ${pattern.source}` });
}

async function reserve(count: number): Promise<{ readonly ports: readonly number[] } & Disposable> {
  const reserved = await reservePorts(count);
  return { ports: reserved.ports, [Symbol.dispose]: () => reserved.release() };
}

/** Sends a line over TCP, and answers the line that comes back. */
async function send(port: number, line: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(`${line}\n`);
  const [answer] = (await once(createInterface({ input: socket }), 'line')) as [string];
  socket.destroy();
  return answer;
}

async function call(
  port: number,
  method: string,
  path: string,
  body?: unknown,
  token?: string,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const headers = { 'content-type': 'application/json', ...(token !== undefined && { authorization: `Bearer ${token}` }) };
  const sent = body === undefined ? {} : { body: JSON.stringify(body) };
  const response = await fetch(`http://127.0.0.1:${port}/${path}`, { method, headers, ...sent });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

interface Row {
  readonly period: string;
  readonly invoices: number;
  readonly lowestToken: string;
  readonly highestToken: string;
}

async function audit(env: Readonly<Record<string, string>>): Promise<Row[]> {
  const process = home('invoices').run('invoices', 'out/audit.js', env);
  expect((await process.exited).code, process.output).toBe(0);
  return process.messages as unknown as Row[];
}

/** How many numbers a replica says it has written. */
function countOf({ output }: TestProcess): number {
  return output.split('counted ').length - 1;
}

/** The periods that a replica says it has written to the end. */
function periodsOf({ output }: TestProcess): string[] {
  return [...output.matchAll(/wrote the invoices of (\S+)/g)].map((match) => match[1] ?? '');
}

/** Waits until a replica has written some invoices of a further period, and not yet all; answers it. */
function inTheMiddle(replicas: readonly TestProcess[]): Promise<TestProcess> {
  const isWriting = ({ output, exit }: TestProcess): boolean => exit === undefined && /: (5|10) of 20\n$/.test(output);
  return eventually(() => replicas.find(isWriting) ?? expect.fail('nobody is in the middle of a period'), {
    what: 'a run to be in progress',
    everyMs: 5,
  });
}
