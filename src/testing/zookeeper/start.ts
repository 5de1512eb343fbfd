import { messageOf } from '../../zookeeper/support/errors.js';
import { FileStorage } from './server/file-storage.js';
import { LocalZookeeper } from './local.js';
import type { ServerSettings } from './server/server.js';
import { RemoteZookeeper } from './remote.js';
import { oneOf, TestZookeeperError, type TestZookeeper, type TestZookeeperOptions } from './test-zookeeper.js';

/** ZooKeeper's own limit (`jute.maxbuffer`, 3.8). */
const MAX_FRAME_BYTES = 0xfffff;

/**
 * Starts a ZooKeeper for tests and development, in this process or a child of it, and resolves when it serves: no Java,
 * no rights, no container. Speaks ZooKeeper's client protocol to any client. Not for production (see `TestZookeeper`).
 * `await using` it, or `close()` it.
 *
 * Rejects with a `TestZookeeperError` for options that cannot be, or a port or directory that is taken.
 */
export async function startTestZookeeper(options: TestZookeeperOptions = {}): Promise<TestZookeeper> {
  if (options.childProcess === true) return RemoteZookeeper.start(options);
  if (options.directory === '') throw new TestZookeeperError('startTestZookeeper({ directory: "" }): a path, or leave it out.');
  const zookeeper = new LocalZookeeper(
    settingsOf(options),
    options.directory === undefined ? undefined : new FileStorage(options.directory),
  );
  try {
    await zookeeper.start();
  } catch (cause) {
    const where = `${options.host ?? '127.0.0.1'}:${options.port ?? 0}`;
    throw new TestZookeeperError(`It cannot serve on ${where}: ${messageOf(cause)}`, { cause });
  }
  return zookeeper;
}

/** The options with their defaults. Throws `TestZookeeperError`. */
export function settingsOf(options: TestZookeeperOptions): ServerSettings {
  // Node would listen on all addresses.
  if (options.host === '') throw new TestZookeeperError('startTestZookeeper({ host: "" }): an address, or leave it out.');
  oneOf('startTestZookeeper({ time })', options.time ?? 'real', ['real', 'manual']);
  const tickTimeMs = whole('tickTimeMs', options.tickTimeMs ?? 100, 1, 60_000);
  const minSessionTimeoutMs = whole('minSessionTimeoutMs', options.minSessionTimeoutMs ?? 2 * tickTimeMs, 1, 600_000);
  return {
    host: options.host ?? '127.0.0.1',
    port: whole('port', options.port ?? 0, 0, 65_535),
    ...{ tickTimeMs, minSessionTimeoutMs },
    maxSessionTimeoutMs: whole(
      'maxSessionTimeoutMs',
      options.maxSessionTimeoutMs ?? Math.max(60_000, minSessionTimeoutMs),
      minSessionTimeoutMs,
      86_400_000,
    ),
    maxFrameBytes: whole('maxFrameBytes', options.maxFrameBytes ?? MAX_FRAME_BYTES, 1_024, 1 << 30),
    maxConnections: whole('maxConnections', options.maxConnections ?? 10_000, 1, 100_000),
    containerCheckMs: whole('containerCheckMs', options.containerCheckMs ?? 60_000, 1, 86_400_000),
    manualTime: options.time === 'manual',
    log: options.log ?? ((): void => undefined),
  };
}

function whole(name: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new TestZookeeperError(`startTestZookeeper({ ${name}: ${value} }): a whole number from ${min} to ${max}.`);
}
