// The process of a test ZooKeeper that was started with `childProcess: true`: takes orders from the one that
// started it, and ends with it.
import { messageOf } from '../../zookeeper/support/errors.js';
import type { FromChild, ToChild } from './remote.js';
import { startTestZookeeper } from './start.js';
import { TestZookeeperError, type TestZookeeper } from './test-zookeeper.js';

let zookeeper: TestZookeeper | undefined;

function tell(message: FromChild): void {
  // Where nobody listens any more, `disconnect` comes next.
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}

/** Without the code, which the other side puts in front again. */
function textOf(thrown: unknown): string {
  const text = messageOf(thrown);
  return thrown instanceof TestZookeeperError ? text.slice(text.indexOf(': ') + 2) : text;
}

async function take(message: ToChild): Promise<void> {
  if (message.kind === 'start') {
    try {
      zookeeper = await startTestZookeeper({ ...message.options, childProcess: false, log: (line) => tell({ kind: 'log', line }) });
      const { host, port, connectString } = zookeeper;
      tell({ kind: 'started', host, port, connectString });
    } catch (thrown) {
      tell({ kind: 'failed', message: textOf(thrown) });
    }
    return;
  }
  const { id, order, args } = message;
  try {
    if (zookeeper === undefined) throw new TestZookeeperError('It has not been started.');
    const value = await Reflect.apply(zookeeper[order] as (...given: readonly unknown[]) => Promise<unknown>, zookeeper, args);
    tell({ kind: 'done', id, value });
  } catch (thrown) {
    tell({ kind: 'refused', id, message: textOf(thrown) });
  }
}

process.on('message', (message: ToChild) => void take(message));
process.on('disconnect', () => process.exit(0));
// Ctrl-C reaches the whole group: the one that started this decides when it ends.
process.on('SIGINT', () => undefined);
