import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock, type Clock } from '../../../../src/zookeeper/support/clock.js';
import { startAdmin, type Admin } from '../../../support/admin.js';
import { eventually, failureOf, within } from '../../../support/eventually.js';
import { startServer, type ZooKeeperServer } from '../../../support/zookeeper.js';
import type { LinkedHolder } from '../locks/holders.js';
import { Client, isChangeOf, LONG_SESSION_MS, LONG_TICK_MS, loseChange } from './clients.js';

let server: ZooKeeperServer;
let admin: Admin;
let roots = 0;

beforeAll(async () => {
  server = await startServer({ tickTimeMs: LONG_TICK_MS });
  admin = await startAdmin(server.connectString);
});

afterAll(async () => {
  await admin?.[Symbol.asyncDispose]();
  await server?.dispose();
});

const UNCERTAIN = { code: 'ZK_COUNTER_UNCERTAIN' };

/** Two clients, one of them behind a link that can be broken, and their counter, which is 10. */
class Pair implements AsyncDisposable {
  readonly rootPath = `/faults-${++roots}`;
  readonly path = `${this.rootPath}/counters/n`;
  linked!: Client<LinkedHolder>;
  other!: Client;

  static async start(clock: Clock = systemClock): Promise<Pair> {
    const pair = new Pair();
    const { rootPath } = pair;
    pair.linked = await Client.linked(server, { rootPath, clock, sessionTimeoutMs: LONG_SESSION_MS });
    pair.other = await Client.start(server.connectString, { rootPath });
    await pair.linked.counter('n').set(10);
    return pair;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.linked.holder.link.pass();
    await Promise.all([this.linked[Symbol.asyncDispose](), this.other[Symbol.asyncDispose]()]);
  }
}

for (const isMade of [true, false]) {
  const what = isMade ? 'was made, and its reply is lost' : 'never reached the server';
  for (const [meanwhile, byOther] of [
    ['nobody else has changed it', 0],
    ['somebody else has made the same number of it', 1],
    ['somebody else has gone on from it', 3],
  ] as const) {
    it.concurrent(`counts a change once that ${what}, when ${meanwhile}`, async () => {
      await using pair = await Pair.start();
      const lost = loseChange(pair.linked.holder, pair.path, isMade);
      const answer = pair.linked.counter('n').increment();
      await within(lost, 'the loss');
      for (let turn = 0; turn < byOther; turn += 1) await pair.other.counter('n').increment();
      pair.linked.holder.link.pass();
      expect(await within(answer, 'the answer')).toBe(isMade ? 11n : BigInt(11 + byOther));
      expect(await pair.other.counter('n').get()).toBe(BigInt(11 + byOther));
    });
  }
}

it.concurrent('answers a comparison by what its own change has found, when its reply is lost and it was changed back', async () => {
  await using pair = await Pair.start();
  const lost = loseChange(pair.linked.holder, pair.path, true);
  const answer = pair.linked.counter('n').compareAndSet(10, 20);
  await within(lost, 'the loss');
  await pair.other.counter('n').set(10);
  pair.linked.holder.link.pass();
  expect(await within(answer, 'the answer')).toBe(true);
  expect(await pair.other.counter('n').get()).toBe(10n);
});

it.concurrent('makes a counter once when the reply to that is lost, also when it was deleted meanwhile', async () => {
  await using pair = await Pair.start();
  for (const [name, isDeleted, left] of [
    ['kept', false, 1n],
    ['deleted', true, 0n],
  ] as const) {
    const path = `${pair.rootPath}/counters/${name}`;
    const lost = loseChange(pair.linked.holder, path, true);
    const answer = pair.linked.counter(name).increment();
    await within(lost, 'the loss');
    if (isDeleted) await admin.delete(path);
    pair.linked.holder.link.pass();
    expect(await within(answer, 'the answer')).toBe(1n);
    expect(await pair.other.counter(name).get()).toBe(left);
  }
});

it.concurrent('says that a change may have been made, and does not repeat it, when the session ends before the answer', async () => {
  await using pair = await Pair.start();
  const lost = loseChange(pair.linked.holder, pair.path, true);
  const answer = failureOf(pair.linked.counter('n').increment({ waitMs: 120_000 }));
  await within(lost, 'the loss');
  const { sessionId, password } = pair.linked.holder.credentials;
  await admin.endSession(sessionId, password);
  pair.linked.holder.link.pass();
  expect(await answer).toMatchObject(UNCERTAIN);
  expect(await pair.linked.counter('n').increment()).toBe(12n);
});

it.concurrent('says so, too, when the node that would tell it was deleted', async () => {
  await using pair = await Pair.start();
  const lost = loseChange(pair.linked.holder, pair.path, true);
  const answer = failureOf(pair.linked.counter('n').increment());
  await within(lost, 'the loss');
  await admin.wipe(`${pair.rootPath}/receipts`);
  pair.linked.holder.link.pass();
  expect(await answer).toMatchObject(UNCERTAIN);
  expect(await pair.linked.counter('n').increment()).toBe(12n);
});

it.concurrent('goes on when its receipts were deleted or written over by hand while nothing was lost', async () => {
  await using pair = await Pair.start();
  const folder = `${pair.rootPath}/receipts`;
  await admin.wipe(folder);
  expect(await pair.linked.counter('n').increment()).toBe(11n);
  for (const name of await admin.children(folder)) await admin.set(`${folder}/${name}`, 'by hand');
  expect(await pair.linked.counter('n').increment()).toBe(12n);
  expect(await admin.children(folder)).toHaveLength(1);
});

it.concurrent('makes no change that was given up before it was sent, and says what it waited for', async () => {
  await using pair = await Pair.start();
  const { link } = pair.linked.holder;
  const counter = pair.linked.counter('n');
  // Reads are on their way, and nothing was sent.
  const at = link.hold((frame) => frame.kind === 'request' && frame.op === 'getData');
  const controller = new AbortController();
  const [aborted, late] = [failureOf(counter.increment({ signal: controller.signal })), failureOf(counter.increment({ waitMs: 1 }))];
  await within(at.held, 'the read');
  expect(await late).toMatchObject({ code: 'ZK_COUNTER_BUSY' });
  controller.abort(new Error('enough'));
  expect(await aborted).toMatchObject({ message: 'enough' });
  at.release();
  expect(await counter.increment()).toBe(11n);
});

it.concurrent('may make a change that was given up after it was sent, once, and says so', async () => {
  const byHandMs = 77_777;
  let timeIsOver: (() => void) | undefined;
  const after: Clock['after'] = (delayMs, run, options) => {
    if (delayMs !== byHandMs) return systemClock.after(delayMs, run, options);
    timeIsOver = run;
    return { cancel: () => undefined };
  };
  await using pair = await Pair.start({ ...systemClock, after });
  const { link } = pair.linked.holder;
  const counter = pair.linked.counter('n');
  const at = link.hold(isChangeOf(pair.path));
  const controller = new AbortController();
  const answers = [counter.increment({ signal: controller.signal }), counter.increment({ waitMs: byHandMs }), counter.increment()];
  const [aborted, late] = [failureOf(answers[0]!), failureOf(answers[1]!)];
  await within(at.held, 'the change');
  controller.abort(new Error('enough'));
  expect(await aborted).toMatchObject({ message: 'enough' });
  timeIsOver?.();
  expect(await late).toMatchObject(UNCERTAIN);
  at.release();
  expect(await within(answers[2]!, 'the answer')).toBe(13n);
});

it.concurrent('does not send again what was given up while it was under way and is refused', async () => {
  await using pair = await Pair.start();
  const { link } = pair.linked.holder;
  const counter = pair.linked.counter('n');
  const at = link.hold(isChangeOf(pair.path));
  const controller = new AbortController();
  const aborted = failureOf(counter.increment({ signal: controller.signal }));
  await within(at.held, 'the change');
  controller.abort(new Error('enough'));
  await aborted;
  await pair.other.counter('n').increment();
  at.release();
  expect(await counter.add(0)).toBe(11n);
});

it.concurrent('waits for a session for as long as it is told to', async () => {
  await using pair = await Pair.start();
  const { link } = pair.linked.holder;
  const counter = pair.linked.counter('n');
  link.refuse();
  link.resetAll();
  await eventually(() => expect(pair.linked.holder.sessions.current()?.attached).not.toBe(true), { what: 'the loss' });
  for (const [waitMs, when] of [
    [0, 'session now'],
    [1, 'after a wait of'],
  ] as const) {
    for (const attempt of [() => counter.increment({ waitMs }), () => counter.get({ waitMs })])
      expect(await failureOf(attempt())).toMatchObject({ code: 'ZK_NOT_CONNECTED', message: expect.stringContaining(when) });
  }
  const [read, counted] = [counter.get({ waitMs: 120_000 }), counter.increment({ waitMs: 120_000 })];
  link.pass();
  expect(await within(counted, 'the count')).toBe(11n);
  expect([10n, 11n]).toContain(await within(read, 'the read'));
  expect(await counter.increment({ waitMs: 0 })).toBe(12n);
});

it.concurrent('does not wait for a session that will not come', async () => {
  const client = Client.idle(server.connectString);
  const waiting = failureOf(client.counter('n').increment({ waitMs: 120_000 }));
  await client[Symbol.asyncDispose]();
  expect(await waiting).toMatchObject({ code: 'ZK_NOT_CONNECTED' });
  expect(await failureOf(client.counter('n').get())).toMatchObject({ code: 'ZK_NOT_CONNECTED' });
});

it.concurrent('lets 100 counters of one process change at once with a few receipts', async () => {
  await using client = await Client.start(server.connectString, { rootPath: '/many' });
  const names = Array.from({ length: 100 }, (_, index) => `n${index}`);
  const answers = await Promise.all(names.map((name) => client.counter(name).increment()));
  expect(new Set(answers)).toEqual(new Set([1n]));
  expect((await admin.children('/many/receipts')).length).toBeLessThanOrEqual(32);
});
