import { expect, it } from 'vitest';
import { provisionZooKeeper } from '../../../scripts/zookeeper/install.mjs';
import { startTestZookeeper } from '../../../src/testing/zookeeper/start.js';
import { startProgram } from '../../support/process.js';
import { startRealServer } from '../../support/zookeeper.js';

const COMMANDS = [
  'create /a one',
  'create -s /a/s- x',
  'create -e /e eph',
  'create -c /c',
  'create -t 1000 /ttl',
  'create -s -e /a/es- y',
  ...['get -s /a', 'set -v 0 /a two', 'set -v 0 /a three', 'stat /a', 'ls -s /a', 'ls -R /', 'ls /none'],
  ...['getAcl -s /a', 'addauth digest bob:secret', 'setAcl /a auth::cdrwa', 'getAcl /a', 'setAcl /a world:anyone:r', 'set /a q'],
  ...['getEphemerals', 'getAllChildrenNumber /', 'whoami', 'version'],
  ...['get -w /e', 'set /e changed', 'addWatch -m PERSISTENT_RECURSIVE /c', 'create /c/x 1', 'create /c/x/y 1', 'set /c/x/y 2'],
  ...['addWatch -m PERSISTENT /e', 'set /e z', 'removewatches /c', 'create /c/z 1', 'removewatches /nowhere', 'sync /a'],
  ...['delete /c', 'deleteall /c', 'delete /zookeeper', 'create /bad/ x', 'create /nul//x x'],
  ...['config', 'reconfig -add server.1=a:1:2;3', 'quit'],
];

/**
 * What ZooKeeper's own shell writes, without what differs from server to server: its answers in their order,
 * and what its watches told.
 */
async function session(server: {
  readonly connectString: string;
}): Promise<{ readonly answers: string; readonly events: readonly string[] }> {
  const installation = await provisionZooKeeper();
  if (installation.kind !== 'java') throw new Error('This test needs a local ZooKeeper.');
  const flags = ['-Dorg.slf4j.simpleLogger.defaultLogLevel=off', '-cp', installation.classPath.join(':')];
  const main = ['org.apache.zookeeper.ZooKeeperMain', '-waitforconnection', '-server', server.connectString];
  // Both streams in one, in the order in which it writes.
  const args = ['-c', 'exec "$0" "$@" 2>&1', installation.java, ...flags, ...main];
  const shell = startProgram('/bin/sh', { name: 'zkCli', args });
  shell.write(`${COMMANDS.join('\n')}\n`);
  await shell.exited;
  const lines = shell.output
    .replaceAll(server.connectString, 'SERVER')
    .replaceAll(/0x[0-9a-f]+/g, 'ID')
    .replaceAll(/(ctime|mtime) = .*/g, '$1')
    // Sets of names come in the order of a hash table.
    .replaceAll(/^(?:digest|ip): .*\n(?:digest|ip): .*$/gm, (lines) => lines.split('\n').sort().join('\n'))
    .replaceAll(/\[([^\]\n]*)\]/g, (_, list: string) => `[${list.split(', ').sort().join(', ')}]`)
    .split('\n')
    .filter((line) => line !== '' && line !== 'WATCHER::');
  const isEvent = (line: string): boolean => line.startsWith('WatchedEvent');
  return { answers: lines.filter((line) => !isEvent(line)).join('\n'), events: lines.filter(isEvent) };
}

it('is a ZooKeeper to its own shell: every command answers as at the real server', async () => {
  await using real = await startRealServer();
  await using embedded = await startTestZookeeper();
  const [theirs, ours] = await Promise.all([session(real), session(embedded)]);
  expect(ours).toEqual(theirs);
  expect(ours.answers).toContain('Created /a/es-0000000001');
  expect(ours.events.length).toBeGreaterThan(4);
});
