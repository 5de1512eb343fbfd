import { setTimeout as wait } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { startAdmin } from '../../support/admin.js';
import { tokens, violations } from '../../support/replica/audit.js';
import { startProxiedFleet } from '../../support/replica/proxied.js';
import { startFleet } from '../../support/replica/replica.js';
import { startServer } from '../../support/zookeeper.js';
import { gracefulStop, stuckStop } from './departures.js';
import { T_MS } from './outcome.js';

const NODE = '/soa/master/services/bank:v1';

it.concurrent('has one master of two replicas with the same address, through a kill and a resignation', async () => {
  await using server = await startServer();
  await using fleet = await startFleet(2, { connectString: server.connectString, sessionTimeoutMs: T_MS, address: '10.0.0.7:9090' });
  await fleet.add();
  const first = await fleet.master();
  await first.ask('resign');
  const second = await fleet.master({ not: first });
  await second.process.kill();
  await fleet.master();
  expect(violations(fleet)).toEqual([]);
  expect(tokens(fleet)).toHaveLength(3);
});

it.concurrent(
  'does not let a replica that restarts at once, with the same address, take its own old node for its present one',
  async () => {
    await using server = await startServer();
    await using proxied = await startProxiedFleet(1, server, { sessionTimeoutMs: 5 * T_MS, address: '10.0.0.7:9090' });
    await using admin = await startAdmin(server.connectString);
    const { fleet } = proxied;
    for (let round = 1; round <= 3; round += 1) {
      const old = await fleet.master();
      const left = await admin.info(NODE);
      const { sessionId, password } = proxied.credentials(old);
      // The old node is there until the new process has seen it, however long that needs to start.
      const session = await admin.keepSession(sessionId, password);
      await old.process.kill();
      const again = await proxied.add(server);
      await again.reaches('standby');
      expect((await admin.info(NODE))?.czxid).toBe(left?.czxid);
      session.end();
      await fleet.master();
      expect(tokens(fleet)).toHaveLength(round + 1);
    }
    expect(violations(fleet)).toEqual([]);
  },
);

it.concurrent('gives the mastership up only after the run in progress, and the successor then waits for nothing', async () => {
  await using server = await startServer();
  const { violations, tokens, waitMs, exit } = await gracefulStop(server);
  expect(violations).toEqual([]);
  expect(tokens).toHaveLength(2);
  expect(waitMs).toBe(0);
  expect(exit).toEqual({ code: 0, signal: null });
});

it.concurrent('leaves its node to the end of the process when a run ignores its abort', async () => {
  await using server = await startServer();
  const { violations, tokens, answer, nodeStayed } = await stuckStop(server);
  expect(answer).toBe('stuck');
  expect(nodeStayed).toBe(true);
  expect(violations).toEqual([]);
  expect(tokens).toHaveLength(2);
});

it.concurrent(
  'does not resign over a run that ignores its abort when the order to stop comes while the mastership is in doubt',
  async () => {
    // The mastership is in doubt after a third of the session; the rest is for the order to be heard
    // before the session is over.
    await using server = await startServer({ cfg: { maxSessionTimeout: 60_000 } });
    await using admin = await startAdmin(server.connectString);
    await using proxied = await startProxiedFleet(2, server, { sessionTimeoutMs: 15_000, drain: { kind: 'stuck', ms: 300 } });
    const { fleet } = proxied;
    const master = await fleet.master();
    proxied.link(master).hole();
    await master.reaches('doubtful');
    const stopped = master.stop();
    // So that the order is there before the link heals.
    await master.reaches('draining');
    proxied.link(master).pass();
    expect(await stopped).toBe('stuck');
    const node = await admin.info(NODE);
    expect(node?.data).toBe(master.address);
    await wait(T_MS);
    expect((await admin.info(NODE))?.czxid).toBe(node?.czxid);
    const { sessionId, password } = proxied.credentials(master);
    await master.process.kill();
    await admin.endSession(sessionId, password);
    await fleet.master();
    expect(violations(fleet)).toEqual([]);
  },
);
