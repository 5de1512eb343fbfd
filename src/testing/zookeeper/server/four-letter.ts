import type { Client, Core } from './core.js';

/** What the four-letter words are answered from. */
export interface Status {
  readonly core: Core;
  readonly host: string;
  readonly port: number;
  readonly directory: string | undefined;
  readonly tickTimeMs: number;
  readonly minSessionTimeoutMs: number;
  readonly maxSessionTimeoutMs: number;
  readonly received: number;
  readonly sent: number;
  /** `address:port`, and the session if it has one. */
  readonly connections: ReadonlyArray<{ readonly name: string; readonly sessionId: bigint | undefined; readonly timeoutMs: number }>;
}

/** What a client of ZooKeeper must not take for the real one. */
export const VERSION = '3.8.0-nestjs-cluster-cron-test-server';

const WORDS = {
  ruok: () => 'imok',
  isro: () => 'rw',
  srvr: (status) => `${about(status)}Node count: ${status.core.tree.size}\n`,
  stat: (status) =>
    `Zookeeper version: ${VERSION}\nClients:\n${status.connections.map(({ name }) => ` /${name}[1]()\n`).join('')}\n` +
    `${counts(status)}Node count: ${status.core.tree.size}\n`,
  cons: (status) => `${status.connections.map(connectionLine).join('')}\n`,
  dump: (status) => dump(status),
  wchs: ({ core }) => `Total watches:${core.watches.count()}\n`,
  wchp: ({ core }) => [...core.watches.all()].map(([path, by]) => `${path}\n${[...by].map(watcher).join('')}`).join(''),
  conf: (status) =>
    [
      `clientPort=${status.port}`,
      `dataDir=${status.directory ?? ''}`,
      `dataLogDir=${status.directory ?? ''}`,
      `tickTime=${status.tickTimeMs}`,
      'maxClientCnxns=0',
      `minSessionTimeout=${status.minSessionTimeoutMs}`,
      `maxSessionTimeout=${status.maxSessionTimeoutMs}`,
      `clientPortAddress=${status.host}`,
      'serverId=0\n',
    ].join('\n'),
  envi: () => `Environment:\nzookeeper.version=${VERSION}\nnode.version=${process.version}\n`,
  mntr: (status) =>
    Object.entries(figures(status))
      .map(([name, value]) => `zk_${name}\t${value}\n`)
      .join(''),
} as const satisfies Record<string, (status: Status) => string>;

/** The words that are known. Anything else at the start of a connection is taken for the length of a frame. */
export const FOUR_LETTERS: ReadonlySet<string> = new Set(Object.keys(WORDS));

export function answerFourLetters(word: string, status: Status): string {
  return (WORDS as Record<string, (status: Status) => string>)[word]?.(status) ?? '';
}

function watcher({ session }: Client): string {
  return `\t0x${session.id.toString(16)}\n`;
}

function about(status: Status): string {
  return `Zookeeper version: ${VERSION}\n${counts(status)}`;
}

function counts({ core, received, sent, connections }: Status): string {
  const zxid = `0x${core.tree.zxid.toString(16)}`;
  return (
    `Latency min/avg/max: 0/0.0/0\nReceived: ${received}\nSent: ${sent}\nConnections: ${connections.length}\nOutstanding: 0\n` +
    `Zxid: ${zxid}\nMode: standalone\n`
  );
}

function connectionLine({ name, sessionId, timeoutMs }: Status['connections'][number]): string {
  return ` /${name}[1](${sessionId === undefined ? '' : `sid=0x${sessionId.toString(16)},to=${timeoutMs}`})\n`;
}

function dump({ core }: Status): string {
  const owners = core.tree.owners();
  const lines = owners.map(
    (owner) =>
      `0x${owner.toString(16)}:\n${core.tree
        .ownedBy(owner)
        .map((path) => `\t${path}\n`)
        .join('')}`,
  );
  return `SessionTracker dump:\nSessions (${core.sessions.size})\nephemeral nodes dump:\nSessions with Ephemerals (${owners.length}):\n${lines.join('')}`;
}

function figures({ core, received, sent, connections }: Status): Record<string, string | number> {
  return {
    version: VERSION,
    server_state: 'standalone',
    packets_received: received,
    packets_sent: sent,
    num_alive_connections: connections.length,
    outstanding_requests: 0,
    znode_count: core.tree.size,
    watch_count: core.watches.count(),
    ephemerals_count: core.tree.owners().reduce((count, owner) => count + core.tree.ownedBy(owner).length, 0),
    global_sessions: core.sessions.size,
  };
}
