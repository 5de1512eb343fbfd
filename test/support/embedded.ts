import { connect } from 'node:net';
import { startTestZookeeper } from '../../src/testing/zookeeper/start.js';
import type { TestZookeeper } from '../../src/testing/zookeeper/test-zookeeper.js';
import type { ServerOptions, ZooKeeperServer } from '../../scripts/zookeeper/server.mjs';

/** Whether the tests' servers are test ZooKeepers, where one can stand in: `CLUSTER_CRON_ZOOKEEPER=embedded`. */
export const usesEmbedded = process.env['CLUSTER_CRON_ZOOKEEPER'] === 'embedded';

/** What only a real server can be started with. */
export function needsRealServer(options: ServerOptions = {}): boolean {
  const { cfg = {}, jvm, netns, classPath, env, installation, directory } = options;
  const hasMore = Object.keys(cfg).some((line) => line !== 'maxSessionTimeout');
  return hasMore || [jvm, netns, classPath, env, installation, directory].some((option) => option !== undefined);
}

/** The test ZooKeeper with the face of a server process. */
export async function startEmbedded(options: ServerOptions = {}): Promise<ZooKeeperServer> {
  const lines: string[] = [];
  const tickTimeMs = options.tickTimeMs ?? 500;
  const server = await startTestZookeeper({
    ...{ tickTimeMs, maxSessionTimeoutMs: Number(options.cfg?.['maxSessionTimeout'] ?? 20 * tickTimeMs), log: (line) => lines.push(line) },
    ...(options.host === undefined ? {} : { host: options.host }),
    ...(options.port === undefined ? {} : { port: options.port }),
  });
  return new EmbeddedProcess(server, lines) as unknown as ZooKeeperServer;
}

type Face = Omit<ZooKeeperServer, 'member' | 'launch' | 'ready'>;

class EmbeddedProcess implements Face {
  readonly id = 1;
  readonly directory = '';
  readonly logPath = '';
  readonly pid = process.pid;
  readonly host: string;
  readonly port: number;
  isRunning = true;
  private readonly beforeEnd: Array<() => void> = [];

  constructor(
    private readonly server: TestZookeeper,
    private readonly lines: readonly string[],
  ) {
    this.host = server.host;
    this.port = server.port;
  }

  get connectString(): string {
    return this.server.connectString;
  }

  async start(): Promise<void> {
    await this.server.start();
    this.isRunning = true;
  }

  async mode(): Promise<'standalone' | undefined> {
    const answer = await this.fourLetter('srvr').catch(() => '');
    return /^Mode: standalone/m.test(answer) ? 'standalone' : undefined;
  }

  fourLetter(word: string, timeoutMs = 2_000): Promise<string> {
    return new Promise((resolve, reject) => {
      let answer = '';
      const socket = connect(this.port, this.host, () => socket.write(word));
      socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`No answer to "${word}" within ${timeoutMs} ms.`)));
      socket.setEncoding('utf8').on('data', (text) => (answer += text));
      socket.once('error', reject).once('close', () => resolve(answer));
    });
  }

  logText(): string {
    return this.lines.join('\n');
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (signal === 'SIGSTOP') return this.server.pause();
    if (signal === 'SIGCONT') return this.server.resume();
    await this.server.stop();
    this.isRunning = false;
  }

  stop(): Promise<void> {
    return this.kill();
  }

  pause(): Promise<void> {
    return this.server.pause();
  }

  resume(): Promise<void> {
    return this.server.resume();
  }

  async wipe(): Promise<void> {
    await this.server.restart({ keep: 'nothing' });
    await this.kill();
  }

  async dispose(): Promise<void> {
    await this.server.close();
    for (const run of this.beforeEnd.splice(0)) run();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  beforeDisposal(run: () => void): void {
    this.beforeEnd.push(run);
  }

  owns(release: () => void): void {
    this.beforeEnd.push(release);
  }
}
