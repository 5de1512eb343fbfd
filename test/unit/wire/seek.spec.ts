import { expect, it } from 'vitest';
import { parseConnectString } from '../../../src/zookeeper/wire/connect-string.js';
import { seek } from '../../../src/zookeeper/wire/seek.js';
import { ServerList } from '../../../src/zookeeper/wire/servers.js';
import { ManualClock } from './manual-clock.js';

async function attemptsOf(options: {
  readonly failedRounds?: number;
  readonly timeoutMs?: number;
  readonly stopAfter: number;
  readonly lookup?: () => Promise<readonly string[]>;
}) {
  const clock = new ManualClock();
  const abort = new AbortController();
  const made: { readonly host: string; readonly limitMs: number; readonly atMs: number }[] = [];
  const fromMs = clock.monotonicMs();
  let over = false;
  const sought = seek({
    servers: new ServerList(parseConnectString('10.0.0.1,10.0.0.2,10.0.0.3').servers, options.lookup, () => 0.999),
    clock,
    timeoutMs: options.timeoutMs ?? 9000,
    failedRounds: options.failedRounds ?? 0,
    signal: abort.signal,
    attempt: (endpoint, limitMs) => {
      made.push({ host: endpoint.host, limitMs, atMs: clock.monotonicMs() - fromMs });
      if (made.length === options.stopAfter) abort.abort();
      return Promise.resolve(false);
    },
    unresolved: () => {},
  }).then(() => (over = true));
  while (!over) {
    await new Promise(setImmediate);
    clock.pass(10);
  }
  await sought;
  return { made, clock };
}

it('tries all servers without a pause, then pauses for longer and longer, at most a second', async () => {
  const { made, clock } = await attemptsOf({ stopAfter: 31 });
  expect(made.slice(0, 4).map(({ host }) => host)).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.1']);
  const rounds = made.filter((_, index) => index % 3 === 0).map(({ atMs }) => atMs);
  const pauses = rounds.slice(1).map((atMs, index) => atMs - (rounds[index] ?? 0));
  expect(pauses[0]).toBeLessThanOrEqual(60);
  expect(Math.max(...pauses)).toBeLessThanOrEqual(1020);
  expect(pauses.at(-1)).toBeGreaterThanOrEqual(500);
  expect(clock.pending).toBe(0);
});

it('gives each server its share of the session timeout, more in later rounds, and never more than the whole', async () => {
  const { made } = await attemptsOf({ stopAfter: 13 });
  expect(made.filter((_, index) => index % 3 === 0).map(({ limitMs }) => limitMs)).toEqual([3000, 6000, 9000, 9000, 9000]);
  const short = await attemptsOf({ stopAfter: 7, timeoutMs: 400 });
  expect(short.made.filter((_, index) => index % 3 === 0).map(({ limitMs }) => limitMs)).toEqual([300, 400, 400]);
});

it('pauses before the first attempt when the last connection did not last', async () => {
  const { made } = await attemptsOf({ stopAfter: 1, failedRounds: 6 });
  expect(made[0]?.atMs).toBeGreaterThanOrEqual(500);
});
