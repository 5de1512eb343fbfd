import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { FailurePauses } from '../../../src/zookeeper/session/failure-pauses.js';
import type { Session } from '../../../src/zookeeper/session/session.js';
import { Latch } from '../../../src/zookeeper/support/latch.js';
import { ZooKeeperError } from '../../../src/zookeeper/wire/errors.js';
import { HandClock } from '../mastership/hand-clock.js';

const lost = new ZooKeeperError('connection-loss', { operation: 'get', sent: true });
const refused = new ZooKeeperError('no-auth', { operation: 'get', sent: true });

function scene(attached = true) {
  const clock = new HandClock();
  const latch = new Latch(clock);
  const session = { attached };
  const stopping = new AbortController();
  const told: [delayMs: number, failures: number][] = [];
  const pauses = new FailurePauses({ session: session as unknown as Session, clock, latch, maxMs: 1_000 });
  const after = (thrown: unknown): { over: boolean } => {
    const state = { over: false };
    void pauses.after(thrown, stopping.signal, (...facts) => told.push(facts)).then(() => (state.over = true));
    return state;
  };
  return { clock, latch, session, stopping, told, pauses, after };
}

it('waits for the next attachment after a lost connection, however long that takes, and tells nobody', async () => {
  const { clock, latch, session, told, after } = scene(false);
  const pause = after(lost);
  clock.pass(60_000);
  latch.ring();
  await turn();
  expect(pause.over).toBe(false);
  session.attached = true;
  latch.ring();
  await turn();
  expect([pause.over, told]).toEqual([true, []]);
});

it('does not wait when the session is attached again already', async () => {
  const { after } = scene();
  const pause = after(lost);
  await turn();
  expect(pause.over).toBe(true);
});

it('pauses for longer with each other failure in a row, up to its limit, and tells of each', async () => {
  const { clock, told, pauses, after } = scene();
  for (let failures = 0; failures < 6; failures += 1) {
    const pause = after(refused);
    const fullMs = Math.min(1_000, 100 * 2 ** failures);
    clock.pass(fullMs / 2 - 1);
    await turn();
    expect(pause.over).toBe(false);
    clock.pass(fullMs / 2 + 1);
    await turn();
    expect(pause.over).toBe(true);
  }
  expect(told.map(([, failures]) => failures)).toEqual([0, 1, 2, 3, 4, 5]);
  pauses.succeeded();
  after(refused);
  expect(told.at(-1)).toEqual([expect.any(Number), 0]);
  expect(told.at(-1)?.[0]).toBeLessThanOrEqual(100);
});

it.each([
  ['a lost connection', lost, false],
  ['a refusal', refused, true],
])('ends with its signal, after %s', async (_, thrown, attached) => {
  const { stopping, after } = scene(attached);
  const pause = after(thrown);
  await turn();
  expect(pause.over).toBe(false);
  stopping.abort();
  await turn();
  expect(pause.over).toBe(true);
});
