import { join } from 'node:path';
import { expect, it } from 'vitest';
import { CURATOR_JARS, provisionZooKeeper } from '../../../scripts/zookeeper/install.mjs';
import { startTestZookeeper } from '../../../src/testing/zookeeper/start.js';
import { startProgram, type Message } from '../../support/process.js';
import { startRealServer } from '../../support/zookeeper.js';

/** What Curator makes of a server. */
async function tour(connectString: string): Promise<readonly Message[]> {
  const installation = await provisionZooKeeper();
  if (installation.kind !== 'java') throw new Error('This test needs a local ZooKeeper.');
  const classPath = [...CURATOR_JARS, ...installation.classPath].join(':');
  const flags = ['-Xmx192m', '-XX:TieredStopAtLevel=1', '-Dorg.slf4j.simpleLogger.defaultLogLevel=error', '-cp', classPath];
  // Java compiles a single file by itself.
  const args = [...flags, join(import.meta.dirname, 'CuratorTour.java'), connectString];
  const curator = startProgram(installation.java, { name: 'curator', args });
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
