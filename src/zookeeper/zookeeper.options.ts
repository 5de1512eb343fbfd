import { networkInterfaces } from 'node:os';
import type { RunLogging } from './execution/run-log.js';
import type { ConnectionOptions } from 'node:tls';
import { ClusterCronError } from './support/errors.js';
import { problemsOf } from './zookeeper.options.check.js';

/** Credentials and rights, for ensembles that are shared. */
export interface ZookeeperAuthOptions {
  /** The only one there is: a user and a password, of which ZooKeeper keeps a digest. */
  readonly scheme: 'digest';
  /**
   * `user:password`, one or more. To change a password, list both for as long as old and new replicas run side by side.
   */
  readonly credentials: readonly string[];
  /** Who may read the nodes made here. Default `'everyone'`. */
  readonly readableBy?: 'everyone' | 'creator' | undefined;
  /**
   * Who may create and delete below the nodes that services share (ZooKeeper gives the right to delete a node to
   * whoever holds its parent). `'shared'`: everybody; `'creator'`: only these credentials, so each service needs its
   * own `rootPath` or chroot. Default `'shared'`.
   */
  readonly parents?: 'shared' | 'creator' | undefined;
}

/** What `ZookeeperModule.forRoot` takes. All durations are milliseconds. */
export interface ZookeeperModuleOptions {
  /** `host:port[,host:port...][/chroot]`; IPv6 addresses in brackets. Required unless `standalone`. */
  readonly connectString?: string | undefined;
  /** With `version` it names the election: `<service>:<version>`. */
  readonly service: string;
  /** The version of the code: replicas with the same one are alike. */
  readonly version: string;
  /**
   * `host:port` of this replica, written into the master's node. Default: the first address that other hosts can reach,
   * and `PORT` (none: port 0). IPv4 comes first, then global IPv6 in brackets; without either it is 127.0.0.1, the same
   * on every host, which a line in the log warns of.
   */
  readonly address?: string | undefined;
  /**
   * `'version'`: each version elects its own master. `'service'`: one master across all versions. Default `'version'`.
   */
  readonly electionScope?: 'version' | 'service' | undefined;
  /** False: observes and never becomes master (web pods, scripts, migrations). Default true. */
  readonly candidate?: boolean | undefined;
  /**
   * Requested, 1 000 to 600 000; the server's answer counts. The lease is a third of that, at most 5 000. Default 10
   * 000.
   */
  readonly sessionTimeoutMs?: number | undefined;
  /** Below it live all nodes. Default `/soa`. */
  readonly rootPath?: string | undefined;
  /** Default: none, so everybody may change every node. */
  readonly auth?: ZookeeperAuthOptions | undefined;
  /** For the ensemble's secure port. */
  readonly tls?: ConnectionOptions | undefined;
  /**
   * How long a shutdown, or a hand-over, waits for runs before it aborts them. Up to a day; default 15 000. The pod's
   * grace period must be at least its preStop hook + this + 5 s.
   */
  readonly drainTimeoutMs?: number | undefined;
  /**
   * A replica whose wall clock is further off ZooKeeper's than this, ahead or behind, decides about no tick and hands
   * its masterships over; unless more of the other hosts agree with it than with ZooKeeper. At least 1 000. Default 30
   * 000.
   */
  readonly maxClockSkewMs?: number | undefined;
  /**
   * Whose starts and successes of runs are logged at LOG: `'all'`, `'seldom'` (of jobs that have not run here for ten
   * minutes), `'none'`; the others at DEBUG. Failures are logged in any case. Default `'seldom'`.
   */
  readonly logRuns?: RunLogging | undefined;
  /**
   * The zone of schedules that name none, an IANA name or an offset as `UTC+05:30`, for claimed ticks. Default: that of
   * the process, which should then be the same on all replicas: they have one schedule in common.
   */
  readonly timeZone?: string | undefined;
  /**
   * A small child process that ends this one's session as soon as it has died, and proves its end, so that the next
   * master need not wait for the session timeout. Where the system has no process that inherits children (Windows) it
   * never acts. Default false.
   */
  readonly crashGuard?: boolean | undefined;
  /** No ZooKeeper: this process is master of everything. For development. Default false. */
  readonly standalone?: boolean | undefined;
  /** With NODE_ENV=production, `standalone` is refused without this. Default false. */
  readonly allowStandaloneInProduction?: boolean | undefined;
}

/** The options of the module are not usable. The message lists every problem; never a secret. */
export class ZookeeperOptionsError extends ClusterCronError {
  constructor(readonly problems: readonly string[]) {
    super(
      'ZK_BAD_OPTIONS',
      `ZookeeperModule has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`} in its options:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`,
    );
  }
}

/** `ZookeeperAuthOptions` with defaults. */
export interface ZookeeperAuth {
  readonly scheme: 'digest';
  readonly credentials: readonly string[];
  readonly readableBy: 'everyone' | 'creator';
  readonly parents: 'shared' | 'creator';
}

/** The options with defaults. Printing or serializing it shows no credentials and no keys. */
export class ZookeeperSettings {
  readonly connectString: string | undefined;
  readonly service: string;
  readonly version: string;
  readonly address: string;
  /** False: no address was given, and none was found that other hosts can reach. */
  readonly isAddressReachable: boolean;
  readonly electionScope: 'version' | 'service';
  readonly candidate: boolean;
  readonly sessionTimeoutMs: number;
  readonly rootPath: string;
  readonly drainTimeoutMs: number;
  readonly maxClockSkewMs: number;
  readonly logRuns: RunLogging;
  readonly timeZone: string | undefined;
  readonly crashGuard: boolean;
  readonly standalone: boolean;
  readonly #auth: ZookeeperAuth | undefined;
  readonly #tls: ConnectionOptions | undefined;

  constructor(options: ZookeeperModuleOptions, environment: NodeJS.ProcessEnv) {
    this.connectString = options.connectString;
    this.service = options.service;
    this.version = options.version;
    this.address = options.address ?? `${reachableHost() ?? LOOPBACK}:${portOf(environment)}`;
    this.isAddressReachable = options.address !== undefined || !this.address.startsWith(`${LOOPBACK}:`);
    this.electionScope = options.electionScope ?? 'version';
    this.candidate = options.candidate ?? true;
    this.sessionTimeoutMs = options.sessionTimeoutMs ?? 10_000;
    this.rootPath = options.rootPath ?? '/soa';
    this.drainTimeoutMs = options.drainTimeoutMs ?? 15_000;
    this.maxClockSkewMs = options.maxClockSkewMs ?? 30_000;
    this.logRuns = options.logRuns ?? 'seldom';
    this.timeZone = options.timeZone;
    this.crashGuard = options.crashGuard ?? false;
    this.standalone = options.standalone ?? false;
    const { auth } = options;
    this.#auth = auth && { ...auth, readableBy: auth.readableBy ?? 'everyone', parents: auth.parents ?? 'shared' };
    this.#tls = options.tls;
  }

  get auth(): ZookeeperAuth | undefined {
    return this.#auth;
  }

  get tls(): ConnectionOptions | undefined {
    return this.#tls;
  }
}

/**
 * Checks the options and fills in the defaults.
 * @throws {ZookeeperOptionsError} that lists every problem: what was expected, what was received and what to do.
 */
export function resolveOptions(options: unknown, environment: NodeJS.ProcessEnv = process.env): ZookeeperSettings {
  const problems = problemsOf(options, environment['NODE_ENV'] === 'production');
  if (problems.length > 0) throw new ZookeeperOptionsError(problems);
  return new ZookeeperSettings(options as ZookeeperModuleOptions, environment);
}

const LOOPBACK = '127.0.0.1';

/**
 * The first address under which other hosts can reach this one: IPv4, else IPv6 of global scope, in brackets; undefined
 * when there is none.
 */
export function reachableHost(interfaces: ReturnType<typeof networkInterfaces> = networkInterfaces()): string | undefined {
  const external = Object.values(interfaces).flatMap((list) => (list ?? []).filter(({ internal }) => !internal));
  const ipv4 = external.find(({ family }) => family === 'IPv4')?.address;
  if (ipv4 !== undefined) return ipv4;
  const ipv6 = external.filter(({ family }) => family === 'IPv6').map(({ address }) => address);
  // fe80::/10 means something on its own link alone. fc00::/7 (unique local) is routed within a site, and comes after
  // what is routed everywhere.
  const routed = ipv6.filter((address) => !/^fe[89ab]/iu.test(address));
  const chosen = routed.find((address) => !/^f[cd]/iu.test(address)) ?? routed[0];
  return chosen && `[${chosen}]`;
}

function portOf(environment: NodeJS.ProcessEnv): number {
  const port = /^\d{1,5}$/u.test(environment['PORT'] ?? '') ? Number(environment['PORT']) : 0;
  return port <= 65_535 ? port : 0;
}
