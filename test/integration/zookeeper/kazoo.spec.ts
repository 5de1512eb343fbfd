import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startTestZookeeper } from '../../../src/testing/zookeeper/start.js';
import { startKazoo } from '../../support/neighbours/neighbours.js';
import type { Message } from '../../support/process.js';
import { startRealServer } from '../../support/zookeeper.js';

/** What kazoo makes of a server. */
async function tour(connectString: string): Promise<readonly Message[]> {
  const script = join(import.meta.dirname, 'kazoo-tour.py');
  const kazoo = startKazoo(script, [connectString, '/tour']);
  const { code } = await kazoo.exited;
  expect(code, kazoo.output).toBe(0);
  return kazoo.messages;
}

it('is a ZooKeeper to kazoo: nodes, transactions, rights, watches, recipes and sessions as at the real server', async () => {
  await using real = await startRealServer();
  await using embedded = await startTestZookeeper();
  const [theirs, ours] = await Promise.all([tour(real.connectString), tour(embedded.connectString)]);
  expect(ours.at(-1)).toEqual({ what: 'done', value: true });
  expect(ours).toEqual(theirs);
});
