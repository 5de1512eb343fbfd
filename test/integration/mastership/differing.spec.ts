import { expect, it } from 'vitest';
import { MAX_LEASE_MS, waitMsFor } from '../../../src/zookeeper/session/lease-length.js';
import { startServer } from '../../support/zookeeper.js';
import { scopeChanged, wipedBeforeAShorterSession } from './differing.js';

const LONG_SESSIONS = { cfg: { maxSessionTimeout: 60_000 } };

it('never has two masters when the tree is wiped and a replica follows whose session, and so its lease, is much shorter', async () => {
  await using server = await startServer(LONG_SESSIONS);
  const { violations, tokens, saidWaitMs } = await wipedBeforeAShorterSession(server);
  expect(violations).toEqual([]);
  expect(tokens).toHaveLength(2);
  expect(saidWaitMs).toBe(Math.round(waitMsFor(MAX_LEASE_MS)));
});

it('never has two masters when a deploy changes the electionScope while the old master, with a longer session, hangs', async () => {
  await using server = await startServer(LONG_SESSIONS);
  const outcomes = await Promise.all((['before', 'after'] as const).map((when) => scopeChanged(server, when)));
  for (const { violations, tokens, waitedMs } of outcomes) {
    expect(violations).toEqual([]);
    expect(tokens).toHaveLength(3);
    // Its own election's record proves that nobody holds it, so that the other scope is all there is to wait for.
    expect(waitedMs).toBeGreaterThan(MAX_LEASE_MS);
  }
});
