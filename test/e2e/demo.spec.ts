import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { ensureBuilt } from '../../scripts/build.mjs';
import { eventually, within } from '../support/eventually.js';

const DEMO = join(import.meta.dirname, '..', '..', 'scripts', 'demo', 'demo.mjs');

beforeAll(() => ensureBuilt(), 240_000);

it('shows two failovers without an overlapping or duplicate run, and ends with 0', async () => {
  const demo = startDemo();
  const code = await within(demo.exitCode, 'the demo to end', 600_000);
  expect(code, demo.output()).toBe(0);
  expect(demo.output()).toMatch(/ok +failover after SIGKILL +[\d.]+ s/);
  expect(demo.output()).toMatch(/ok +failover after SIGTERM +[\d.]+ s/);
  expect(demo.output()).toMatch(/ok +overlapping runs +0 of \d+/);
  expect(demo.output()).toMatch(/ok +duplicate runs +0/);
  expect(demo.output()).toMatch(/ticks without a verdict +0; verdicts: \d+ ran/);
});

it('shows the same, and says so, with one ZooKeeper inside Node where there is no other', async () => {
  const demo = startDemo({ DEMO_ZOOKEEPER: 'embedded' });
  const code = await within(demo.exitCode, 'the demo to end', 600_000);
  expect(code, demo.output()).toBe(0);
  expect(demo.output()).toMatch(/the ZooKeeper for development that is inside the package: one server/);
  expect(demo.output()).toMatch(/the first failover was over [\d.]+ s after the start of this command/);
  expect(demo.output()).toMatch(/ok +overlapping runs +0 of \d+/);
});

it('takes its servers and replicas with it on Ctrl-C', async () => {
  const demo = startDemo();
  const children = await demo.childrenOnceMaster();
  demo.kill('SIGINT');
  const code = await within(demo.exitCode, 'the demo to end');
  expect(code, demo.output()).toBe(130);
  // The process that cleans up ends when it finds that there is nothing left to do.
  await eventually(() => expect(children.filter(isAlive)).toEqual([]), { what: 'all children to end' });
});

it('takes its servers and replicas with it even when it is killed', async () => {
  const demo = startDemo();
  const children = await demo.childrenOnceMaster();
  demo.kill('SIGKILL');
  await eventually(() => expect(children.filter(isAlive)).toEqual([]), { what: 'all children to end' });
});

function startDemo(more: Readonly<Record<string, string>> = {}): {
  exitCode: Promise<number | null>;
  output(): string;
  kill(signal: NodeJS.Signals): void;
  childrenOnceMaster(): Promise<number[]>;
} {
  const { ZOOKEEPER_CONNECT: _ownServersInstead, ...given } = process.env;
  // What is shown here is what happens; how fast, the demo shows to people.
  const env = { ...given, DEMO_PATIENCE: '20', ...more };
  const child = spawn(process.execPath, [DEMO], { stdio: ['ignore', 'pipe', 'pipe'], env });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return {
    exitCode: once(child, 'close').then(([code]) => code as number | null),
    output: () => output,
    kill: (signal) => void child.kill(signal),
    async childrenOnceMaster() {
      await eventually(() => expect(output).toMatch(/ is master$/m), { what: 'the demo to have a master' });
      const children = childrenOf(child.pid ?? 0);
      // Three servers, three replicas and the process that cleans up.
      expect(children.length).toBeGreaterThanOrEqual(7);
      return children;
    },
  };
}

/** The processes whose parent is `pid` (proc(5): the fourth field of stat, after the name in brackets). */
function childrenOf(pid: number): number[] {
  const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return processes.filter((name) => statOf(name)[1] === String(pid)).map(Number);
}

function isAlive(pid: number): boolean {
  const [state] = statOf(String(pid));
  return state !== undefined && state !== 'Z';
}

function statOf(pid: string): string[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}
