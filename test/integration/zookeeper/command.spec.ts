import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryDirectory } from '../../../scripts/support/guard.mjs';
import { runZookeeperCommand } from '../../../src/testing/zookeeper/command.js';
import { startTestZookeeper } from '../../../src/testing/zookeeper/start.js';
import { creation, RawClient } from '../../support/raw-client.js';

/** Runs the command; `meanwhile` is given where it serves. */
async function run(
  args: readonly string[],
  { nodeEnv, meanwhile }: { nodeEnv?: string; meanwhile?: (server: { host: string; port: number }) => Promise<unknown> } = {},
): Promise<{ readonly code: number; readonly text: string }> {
  let text = '';
  const write = (more: string): void => void (text += more);
  const untilEnd = async (): Promise<void> => {
    const [, host = '', port = ''] = /serves on ([\d.]+):(\d+)/.exec(text) ?? [];
    await meanwhile?.({ host, port: Number(port) });
  };
  const code = await runZookeeperCommand({ args, nodeEnv, write, untilEnd });
  return { code, text };
}

it('says first what it is for, and then where it serves and what it keeps', async () => {
  let answered: number | undefined;
  const { code, text } = await run(['--memory', '--port', '0'], {
    meanwhile: async (server) => {
      await using client = await RawClient.connect(server);
      answered = (await client.ask('create', creation('/a'))).error;
    },
  });
  expect([code, answered]).toEqual([0, 0]);
  const [first, second] = text.split('\n');
  expect(first).toBe('A ZooKeeper for development and tests, not for production: one process, hence one point of failure.');
  expect(second).toMatch(/^It serves on 127\.0\.0\.1:\d+; nothing is kept on the disk\. Ctrl-C ends it\.$/);
});

it('keeps nodes in its directory from one start to the next', async () => {
  const directory = temporaryDirectory('zookeeper-command');
  const data = join(directory.path, 'data');
  const seen: number[] = [];
  for (const expected of ['made', 'there']) {
    const { text } = await run(['--port', '0', '--directory', data], {
      meanwhile: async (server) => {
        await using client = await RawClient.connect(server);
        seen.push((await client.ask('create', creation('/a'))).error);
      },
    });
    expect([expected, text.includes(`are kept in ${data}`)]).toEqual([expected, true]);
  }
  expect(seen).toEqual([0, -110]);
  expect(existsSync(data)).toBe(true);
  directory.remove();
});

it('refuses production unless it is told twice', async () => {
  const args = ['--memory', '--port', '0'];
  for (const told of [[], ['--allow-production']]) {
    const { code, text } = await run([...args, ...told], { nodeEnv: 'production' });
    expect([code, text]).toEqual([1, expect.stringMatching(/NODE_ENV is "production": it does not start/)]);
  }
  expect(await run([...args, '--allow-production', '--allow-production'], { nodeEnv: 'production' })).toMatchObject({ code: 0 });
});

it('warns where other machines reach it', async () => {
  expect((await run(['--memory', '--port', '0', '--host', '0.0.0.0'])).text).toMatch(/reached from other machines/);
});

it('says what is wrong with its options, or which port is taken', async () => {
  expect(await run(['--prot', '1'])).toEqual({ code: 1, text: expect.stringMatching(/--prot/) as string });
  expect(await run(['--memory', '--port', 'x'])).toEqual({ code: 1, text: expect.stringMatching(/--port is "x"/) as string });
  // As a shell writes them for variables that are not set: an empty address would mean all addresses.
  for (const option of ['--port', '--host', '--directory'])
    expect(await run([option, ''])).toEqual({ code: 1, text: expect.stringContaining(option) as string });
  await using server = await startTestZookeeper();
  const { code, text } = await run(['--memory', '--port', String(server.port)]);
  expect([code, text]).toEqual([1, expect.stringMatching(/cannot serve on .*EADDRINUSE/)]);
  expect((await run(['--help'])).text).toMatch(/--tick-time <ms>/);
});
