import { setTimeout as wait } from 'node:timers/promises';
import { reservePorts } from '../support/ports.mjs';
import { provisionZooKeeper } from './install.mjs';
import { serving, ZooKeeperServer } from './server.mjs';

/**
 * @typedef {import('./server.mjs').ServerOptions & {
 *   hosts?: readonly string[],
 *   peerHosts?: readonly string[],
 *   namespaces?: readonly string[],
 *   memberJvm?: readonly (readonly string[])[],
 * }} EnsembleOptions as a server's; in the order of the members: `hosts`, where clients reach them; `peerHosts`, where
 *   they reach one another (default: the same); `namespaces`, the network namespaces they run in; `memberJvm`, flags
 *   for the JVM of each alone
 */

/** The servers of one ensemble, in the order of their ids (1, 2, …). */
export class Ensemble {
  /** @param {readonly ZooKeeperServer[]} members */
  constructor(members) {
    this.members = members;
  }

  /** All members, as clients name them. */
  get connectString() {
    return this.members.map((member) => member.connectString).join(',');
  }

  /** @param {number} id @returns {ZooKeeperServer} */
  member(id) {
    const member = this.members.find((one) => one.id === id);
    if (member === undefined) throw new Error(`The ensemble has no member ${id}.`);
    return member;
  }

  /**
   * The member that leads now.
   *
   * @param {number} [withinMs]
   * @returns {Promise<ZooKeeperServer>}
   */
  async leader(withinMs = 120_000) {
    const deadline = performance.now() + withinMs;
    for (;;) {
      const modes = await Promise.all(this.members.map((member) => member.mode()));
      const leader = this.members[modes.indexOf('leader')];
      if (leader !== undefined) return leader;
      if (performance.now() > deadline) throw new Error(`No member leads after ${withinMs} ms; they say: ${modes.join(', ')}.`);
      await wait(50);
    }
  }

  /** The members that follow now. */
  async followers() {
    const modes = await Promise.all(this.members.map((member) => member.mode()));
    return this.members.filter((_, index) => modes[index] === 'follower');
  }

  /** Starts those that are down and waits until all serve. */
  async start() {
    for (const member of this.members) member.launch();
    await Promise.all(this.members.map((member) => member.ready()));
  }

  /** Stops all in an orderly way; `start()` brings them back. */
  async stop() {
    await Promise.all(this.members.map((member) => member.stop()));
  }

  /** Kills all at once. */
  async kill() {
    await Promise.all(this.members.map((member) => member.kill()));
  }

  /** Kills all and throws their data away. */
  async wipe() {
    await Promise.all(this.members.map((member) => member.wipe()));
  }

  async dispose() {
    await Promise.all(this.members.map((member) => member.dispose()));
  }

  async [Symbol.asyncDispose]() {
    await this.dispose();
  }
}

/**
 * Starts an ensemble of `size` servers and waits until all serve.
 *
 * @param {number} size
 * @param {EnsembleOptions} [options]
 * @returns {Promise<Ensemble>}
 */
export async function startEnsemble(size, { hosts, peerHosts, namespaces, memberJvm, ...options } = {}) {
  const installation = options.installation ?? (await provisionZooKeeper());
  // In namespaces of their own all members can use the same ports; only loopback is shared.
  const reserved = await reservePorts(size * 3);
  const hostOf = (/** @type {number} */ index) => hosts?.[index] ?? options.host ?? '127.0.0.1';
  /** @type {Record<string, string>} */
  const peers = {};
  for (let index = 0; index < size; index += 1) {
    const host = peerHosts?.[index] ?? hostOf(index);
    const shown = host.includes(':') ? `[${host}]` : host;
    peers[`server.${index + 1}`] = `${shown}:${reserved.ports[index * 3 + 1]}:${reserved.ports[index * 3 + 2]}`;
  }
  const members = Array.from({ length: size }, (_, index) => {
    const netns = namespaces?.[index];
    const jvm = [...(options.jvm ?? []), ...(memberJvm?.[index] ?? [])];
    const own = { ...options, jvm, host: hostOf(index), port: reserved.ports[index * 3] ?? 0, ...(netns === undefined ? {} : { netns }) };
    return new ZooKeeperServer(installation, own, { id: index + 1, peers });
  });
  members[0]?.owns(() => reserved.release());
  const ensemble = new Ensemble(members);
  return serving(ensemble, () => ensemble.start());
}
