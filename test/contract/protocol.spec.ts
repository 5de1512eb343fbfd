import { afterAll, beforeAll, describe, it } from 'vitest';
import { startTestZookeeper } from '../../src/testing/zookeeper/start.js';
import { creation, RawClient } from '../support/raw-client.js';
import { startRealServer } from '../support/zookeeper.js';
import { PROTOCOL_STATEMENTS } from './protocol.suite.js';
import type { Server } from './real.subject.js';

const SERVERS: Readonly<Record<string, () => Promise<Server>>> = {
  'a real ZooKeeper server': () => startRealServer(),
  'the test ZooKeeper': () => startTestZookeeper({ tickTimeMs: 500, maxSessionTimeoutMs: 10_000 }),
};

describe.each(Object.entries(SERVERS))('%s, by the bytes', (_, start) => {
  let server: Server;
  let tests = 0;
  beforeAll(async () => void (server = await start()));
  afterAll(() => server[Symbol.asyncDispose]());

  it.each(PROTOCOL_STATEMENTS)('$what', async ({ holds }) => {
    const at = `/protocol-${(tests += 1)}`;
    await using client = await RawClient.connect(server);
    await client.ask('create', creation(at));
    await holds(server, client, at);
  });
});
