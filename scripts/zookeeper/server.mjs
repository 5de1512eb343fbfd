import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { once } from 'node:events';
import { spawnGuarded, temporaryDirectory, undoAtEnd } from '../support/guard.mjs';
import { reservePorts } from '../support/ports.mjs';
import { spawnSync } from 'node:child_process';
import { provisionZooKeeper } from './install.mjs';

/**
 * @typedef {object} ServerOptions
 * @property {import('./install.mjs').Installation} [installation] default: whatever `provisionZooKeeper()` finds
 * @property {number} [tickTimeMs] ZooKeeper's unit of time; sessions last between 2 and 20 of them. Default 500
 * @property {Record<string, string | number | boolean | null>} [cfg] more lines of zoo.cfg;
 * null takes a default one out
 * @property {readonly string[]} [jvm] more flags for the JVM
 * @property {readonly string[]} [classPath] put in front of the installation's
 * @property {Record<string, string>} [env] more environment
 * @property {string} [directory] where data and log go; kept at the end. Default: a temporary one, removed at the end
 * @property {number} [startTimeoutMs] how long to wait until it serves. Default 180 000
 * @property {string} [host] address it listens on. Default 127.0.0.1
 * @property {number} [port] default: a free one
 * @property {string} [netns] network namespace it runs in
 */

/**
 * @internal
 * @typedef {object} MemberOptions what only a member of an ensemble has
 * @property {number} id
 * @property {Record<string, string>} peers the `server.N` lines
 */

/** Small and quick to start; a class-data archive is used where there is one. */
const JVM = ['-Xshare:auto', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-XX:-UsePerfData', '-Xms16m', '-Xmx192m'];

/**
 * A ZooKeeper server: one process that can be stopped, killed, paused, wiped and started again on the same
 * port with the same data.
 */
export class ZooKeeperServer {
  /** @type {import('node:child_process').ChildProcess | undefined} */
  #child;
  #installation;
  #options;
  #member;
  #container = '';
  /** @type {Array<() => void>} */
  #release = [];
  /** @type {Array<() => void>} */
  #beforeDisposal = [];

  /**
   * @param {import('./install.mjs').Installation} installation
   * @param {ServerOptions & { port: number }} options
   * @param {MemberOptions} [member]
   */
  constructor(installation, options, member) {
    this.#installation = installation;
    this.#options = options;
    this.#member = member;
    this.id = member?.id ?? 1;
    this.host = options.host ?? '127.0.0.1';
    this.port = options.port;
    if (options.directory === undefined) {
      const temporary = temporaryDirectory(`zookeeper-${this.id}`);
      this.directory = temporary.path;
      this.#release.push(() => temporary.remove());
    } else {
      this.directory = join(options.directory, String(this.id));
      mkdirSync(this.directory, { recursive: true });
    }
    this.logPath = join(this.directory, 'server.log');
  }

  /** `host:port`, as clients connect to it. */
  get connectString() {
    return `${this.host.includes(':') ? `[${this.host}]` : this.host}:${this.port}`;
  }

  /** The server's process id (with docker: the client's); undefined while it is down. */
  get pid() {
    return this.#child?.pid;
  }

  get isRunning() {
    return this.#child !== undefined;
  }

  /** Starts the process; `ready()` says when it serves. Does nothing when it runs. */
  launch() {
    if (this.#child !== undefined) return;
    this.#writeConfiguration();
    const [command, ...args] = this.#command();
    const log = openSync(this.logPath, 'a');
    const child = spawnGuarded(/** @type {string} */ (command), args, {
      stdio: ['ignore', log, log],
      cwd: this.directory,
      env: { ...process.env, ...this.#options.env },
    });
    closeSync(log);
    this.#child = child;
    child.once('error', (error) => writeFileSync(this.logPath, `${error.stack}\n`, { flag: 'a' }));
    const ended = () => {
      if (this.#child === child) this.#child = undefined;
    };
    child.once('exit', ended).once('error', ended);
  }

  /** Starts it and waits until it serves. */
  async start() {
    this.launch();
    await this.ready();
  }

  /** Waits until the server answers `srvr` as one that serves clients. */
  async ready() {
    const deadline = performance.now() + (this.#options.startTimeoutMs ?? 180_000);
    while ((await this.mode()) === undefined) {
      const why = this.#child === undefined ? 'ended' : performance.now() > deadline ? 'does not serve in time' : undefined;
      if (why !== undefined)
        throw new Error(`ZooKeeper server ${this.id} ${why}. Its log (${this.logPath}):\n${this.logText().slice(-4000)}`);
      await wait(50);
    }
  }

  /**
   * What the server says it is, or undefined when it serves nobody (down, paused, without a quorum).
   *
   * @returns {Promise<'leader' | 'follower' | 'observer' | 'standalone' | 'read-only' | undefined>}
   */
  async mode() {
    const answer = await this.fourLetter('srvr').catch(() => '');
    return /** @type {any} */ (/^Mode: ([\w-]+)/m.exec(answer)?.[1]);
  }

  /**
   * Asks one of ZooKeeper's four-letter words (`srvr`, `ruok`, `cons`, `mntr`, `wchp`, …).
   *
   * @param {string} word
   * @param {number} [timeoutMs]
   * @returns {Promise<string>}
   */
  fourLetter(word, timeoutMs = 2_000) {
    return new Promise((resolve, reject) => {
      let answer = '';
      const socket = connect(this.port, this.host, () => socket.write(word));
      socket.setTimeout(timeoutMs, () =>
        socket.destroy(new Error(`No answer to "${word}" from ${this.connectString} within ${timeoutMs} ms.`)),
      );
      socket.setEncoding('utf8').on('data', (text) => (answer += text));
      socket.once('error', reject).once('close', () => resolve(answer));
    });
  }

  /** All it has logged so far, over all its starts. */
  logText() {
    return existsSync(this.logPath) ? readFileSync(this.logPath, 'utf8') : '';
  }

  /**
   * Sends a signal; with the default (SIGKILL) or SIGTERM it resolves when the process is gone.
   *
   * @param {NodeJS.Signals} [signal]
   */
  async kill(signal = 'SIGKILL') {
    const child = this.#child;
    if (child === undefined) return;
    const ended = signal === 'SIGKILL' || signal === 'SIGTERM' ? once(child, 'exit') : Promise.resolve();
    if (this.#installation.kind === 'docker') spawnSync('docker', ['kill', '--signal', signal, this.#container], { stdio: 'ignore' });
    else child.kill(signal);
    await ended;
  }

  /** Stops it in an orderly way; data and port stay, so that `start()` brings it back. */
  async stop() {
    const gone = this.kill('SIGTERM');
    const timer = setTimeout(() => void this.kill('SIGKILL'), 5_000);
    await gone.finally(() => clearTimeout(timer));
  }

  /** Freezes the process (SIGSTOP): sockets stay open, nothing is answered. */
  async pause() {
    await this.kill('SIGSTOP');
  }

  async resume() {
    await this.kill('SIGCONT');
  }

  /** Kills it and throws its data away; `start()` then brings up an empty one. */
  async wipe() {
    await this.kill();
    rmSync(join(this.directory, 'data'), { recursive: true, force: true });
  }

  /** Ends it for good and removes what it left. */
  async dispose() {
    await this.kill();
    for (const run of this.#beforeDisposal.splice(0)) run();
    for (const release of this.#release.splice(0)) release();
  }

  async [Symbol.asyncDispose]() {
    await this.dispose();
  }

  /** Runs once the process is gone and before its directory goes. @param {() => void} run */
  beforeDisposal(run) {
    this.#beforeDisposal.push(run);
  }

  /** Something that belongs to this server and ends with it. @param {() => void} release */
  owns(release) {
    this.#release.push(release);
  }

  #writeConfiguration() {
    const data = join(this.directory, 'data');
    mkdirSync(data, { recursive: true });
    const ensemble = { initLimit: 20, syncLimit: 10, ...this.#member?.peers };
    const lines = {
      tickTime: this.#options.tickTimeMs ?? 500,
      dataDir: data,
      clientPort: this.port,
      clientPortAddress: this.host,
      '4lw.commands.whitelist': '*',
      'admin.enableServer': false,
      maxClientCnxns: 0,
      ...(this.#member === undefined ? {} : ensemble),
      ...this.#options.cfg,
    };
    const text = Object.entries(lines).flatMap(([key, value]) => (value === null ? [] : [`${key}=${value}\n`]));
    writeFileSync(join(this.directory, 'zoo.cfg'), text.join(''));
    if (this.#member !== undefined) writeFileSync(join(data, 'myid'), `${this.id}\n`);
  }

  /** @returns {string[]} */
  #command() {
    const { classPath = [], jvm = [], netns } = this.#options;
    // No fsync: a killed process loses nothing that way, only a machine that loses its power. The log's
    // files are made small (KiB).
    const flags = [...JVM, '-Dzookeeper.forceSync=no', '-Dzookeeper.preAllocSize=1024', ...jvm];
    const main = ['org.apache.zookeeper.server.quorum.QuorumPeerMain', join(this.directory, 'zoo.cfg')];
    if (this.#installation.kind === 'java') {
      const command = [
        this.#installation.java,
        ...flags,
        '-Dorg.slf4j.simpleLogger.showDateTime=true',
        '-cp',
        [...classPath, ...this.#installation.classPath].join(':'),
        ...main,
      ];
      return netns === undefined ? command : ['ip', 'netns', 'exec', netns, ...command];
    }
    if (netns !== undefined) throw new Error('A server in a network namespace needs a local install; docker has its own networks.');
    this.#container = `cluster-cron-${process.pid}-${this.port}`;
    spawnSync('docker', ['rm', '-f', this.#container], { stdio: 'ignore' });
    this.owns(undoAtEnd(['docker', 'rm', '-f', this.#container]));
    const inside = `exec java ${flags.join(' ')} -cp "/conf:$(echo /apache-zookeeper-*/lib)/*" ${main.join(' ')}`;
    const user = `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`;
    const volume = `${this.directory}:${this.directory}`;
    return [
      'docker',
      'run',
      '--rm',
      '--name',
      this.#container,
      '--network',
      'host',
      '--user',
      user,
      '-v',
      volume,
      '-w',
      this.directory,
      this.#installation.image,
      'sh',
      '-c',
      inside,
    ];
  }
}

/**
 * Starts one server and waits until it serves.
 *
 * @param {ServerOptions} [options]
 * @returns {Promise<ZooKeeperServer>}
 */
export async function startServer(options = {}) {
  const installation = options.installation ?? (await provisionZooKeeper());
  const reserved = options.port === undefined ? await reservePorts(1, options.host) : undefined;
  const server = new ZooKeeperServer(installation, { ...options, port: options.port ?? reserved?.ports[0] ?? 0 });
  if (reserved !== undefined) server.owns(() => reserved.release());
  return serving(server, () => server.start());
}

/**
 * @template {{ dispose(): Promise<void> }} T
 * @param {T} started
 * @param {() => Promise<void>} start
 * @returns {Promise<T>}
 */
export async function serving(started, start) {
  try {
    await start();
    return started;
  } catch (error) {
    await started.dispose();
    throw error;
  }
}
