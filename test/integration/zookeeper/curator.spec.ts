import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startTestZookeeper } from '../../../src/testing/zookeeper/start.js';
import { startCurator } from '../../support/neighbours/neighbours.js';
import type { Message } from '../../support/process.js';
import { startRealServer } from '../../support/zookeeper.js';

/** What Curator makes of a server. */
async function tour(connectString: string): Promise<readonly Message[]> {
  const curator = await startCurator(join(import.meta.dirname, 'CuratorTour.java'), [connectString]);
  const { code } = await curator.exited;
  expect(code, curator.output).toBe(0);
  return curator.messages;
}

it('is a ZooKeeper to Curator: nodes, transactions, rights, watches, locks and other recipes as at the real server', async () => {
  await using real = await startRealServer();
  await using embedded = await startTestZookeeper();
  const [theirs, ours] = await Promise.all([tour(real.connectString), tour(embedded.connectString)]);
  expect(ours.at(-1)).toEqual({ what: 'done', value: 'true' });
  expect(ours).toEqual(theirs);
});
