import { randomUUID } from 'node:crypto';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory, undoAtEnd } from '../support/guard.mjs';
import { reservePorts } from '../support/ports.mjs';
import { startEnsemble } from '../zookeeper/ensemble.mjs';
import { Replica } from './replica.mjs';

/** What the replicas ask ZooKeeper for. Shorter than the default, so that the demo is short. */
export const SESSION_TIMEOUT_MS = 4_000;

/** An ensemble, and the replicas of the service that use it. */
export class Cluster {
  /** @type {Replica[]} */
  replicas = [];
  /** @type {Array<() => Promise<void> | void>} */
  #undo = [];
  #env = /** @type {Record<string, string>} */ ({});
  connectString = '';

  /** @param {(replica: Replica, line: Record<string, any>) => void} onLine */
  constructor(onLine) {
    this.onLine = onLine;
  }

  /**
   * Starts three servers, or one inside Node (`DEMO_ZOOKEEPER=embedded`), or uses those that ZOOKEEPER_CONNECT names,
   * below a node that is removed at the end.
   */
  async startEnsemble() {
    const given = process.env.ZOOKEEPER_CONNECT;
    if (given) {
      this.connectString = given;
      const root = `/cluster-cron-demo-${randomUUID()}`;
      const command = [process.execPath, fileURLToPath(new URL('remove-tree.mjs', import.meta.url)), given, root];
      const release = undoAtEnd(command);
      this.#undo.push(async () => {
        const [code] = await once(spawn(command[0] ?? '', command.slice(1), { stdio: ['ignore', 'ignore', 'inherit'] }), 'exit');
        if (code === 0) release();
      });
      this.#env = { ZOOKEEPER_ROOT: root };
      return;
    }
    if (process.env.DEMO_ZOOKEEPER === 'embedded') {
      /** @type {typeof import('../../src/testing.js')} */
      const { startTestZookeeper } = createRequire(import.meta.url)('../../dist/testing.js');
      const server = await startTestZookeeper({ childProcess: true, tickTimeMs: 500 });
      this.#undo.push(() => server.close());
      this.connectString = server.connectString;
      return;
    }
    const ensemble = await startEnsemble(3);
    this.#undo.push(() => ensemble.dispose());
    this.connectString = ensemble.connectString;
  }

  /** @param {string} name @returns {Promise<Replica>} the process, which need not serve yet */
  async startReplica(name) {
    const reserved = await reservePorts(2);
    const directory = temporaryDirectory(`replica-${name}`);
    this.#undo.push(
      () => reserved.release(),
      () => directory.remove(),
    );
    const [httpPort = 0, servicePort = 0] = reserved.ports;
    const env = { ...this.#env, ZOOKEEPER_CONNECT: this.connectString, ZOOKEEPER_SESSION_TIMEOUT_MS: String(SESSION_TIMEOUT_MS) };
    const replica = new Replica({ name, httpPort, servicePort, directory: directory.path, env }, this.onLine);
    this.replicas.push(replica);
    return replica;
  }

  /** Kills what still runs, and takes everything away. */
  async dispose() {
    for (const replica of this.replicas) if (replica.exit === undefined) replica.kill('SIGKILL');
    await Promise.all(this.replicas.map((replica) => replica.closed));
    // The last thing made goes first.
    for (const undo of this.#undo.splice(0).reverse()) await undo();
  }
}
