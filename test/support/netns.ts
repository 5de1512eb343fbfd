import { spawnSync } from 'node:child_process';
import { undoAtEnd } from '../../scripts/support/guard.mjs';
import { startOfProcess } from '../../scripts/support/process-start.mjs';
import { startEnsemble, type Ensemble, type EnsembleOptions } from './zookeeper.js';

/**
 * What the names of all namespaces made here begin with; the id and the start time of the
 * process that made them follow.
 */
const PREFIX = 'ccron';

/**
 * An ensemble whose members live in network namespaces. Each has two links: one to the test (its client port), and one
 * to a switch that it shares with its peers, and that can be unplugged without anybody being told. Needs root
 * (CAP_NET_ADMIN) and iproute2.
 *
 * Clients of the test reach an isolated member as before.
 */
export class NetworkedEnsemble {
  constructor(
    readonly ensemble: Ensemble,
    readonly network: Network,
  ) {}

  get connectString(): string {
    return this.ensemble.connectString;
  }

  get members(): Ensemble['members'] {
    return this.ensemble.members;
  }

  /** Cuts a member off from its peers, silently, but not from the test. */
  isolate(id: number): void {
    this.network.unplug(id);
  }

  /** Plugs it in again. */
  heal(id: number): void {
    this.network.plug(id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.ensemble.dispose();
    this.network.remove();
  }
}

/** Starts an ensemble in namespaces. `await using` it. */
export async function startNetworkedEnsemble(size = 3, options: EnsembleOptions = {}): Promise<NetworkedEnsemble> {
  requireRoot();
  removeLeftovers();
  const network = new Network(size);
  try {
    const members = Array.from({ length: size }, (_, index) => index + 1);
    const ensemble = await startEnsemble(size, {
      ...options,
      hosts: members.map((id) => network.clientHost(id)),
      peerHosts: members.map((id) => network.peerHost(id)),
      namespaces: members.map((id) => network.namespace(id)),
    });
    return new NetworkedEnsemble(ensemble, network);
  } catch (error) {
    network.remove();
    throw error;
  }
}

/** Namespaces, links and the switch. Nothing of it touches the host's own interfaces, firewall or forwarding. */
export class Network {
  readonly #tag: string;
  readonly #net: number;
  readonly #undo: Array<() => void> = [];

  constructor(readonly size: number) {
    this.#net = freeNet();
    this.#tag = `${PREFIX}-${process.pid}-${startOfProcess(process.pid) ?? ''}-${this.#net}`;
    try {
      this.#build();
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  namespace(id: number): string {
    return `${this.#tag}-m${id}`;
  }

  /** 198.18.0.0/15 is set aside for tests of networks (RFC 2544), so nobody's real network is in the way. */
  clientHost(id: number): string {
    return `198.18.${this.#net}.${id * 4 + 2}`;
  }

  peerHost(id: number): string {
    return `198.19.${this.#net}.${id}`;
  }

  unplug(id: number): void {
    // Not `down`: the members would see their link go, and could tell.
    ip('-n', this.#switch, 'link', 'set', `p${id}`, 'nomaster');
  }

  plug(id: number): void {
    ip('-n', this.#switch, 'link', 'set', `p${id}`, 'master', 'bridge0');
  }

  remove(): void {
    // The kernel takes a namespace apart some time after its name is gone; the links to it are to go now.
    for (let id = 1; id <= this.size; id += 1) spawnSync('ip', ['link', 'del', this.#outside(id)]);
    for (const name of ownNamespaces().filter((one) => one.startsWith(`${this.#tag}-`))) ip('netns', 'del', name);
    for (const release of this.#undo.splice(0)) release();
  }

  get #switch(): string {
    return `${this.#tag}-switch`;
  }

  #outside(id: number): string {
    return `cc${this.#net}m${id}`;
  }

  #build(): void {
    this.#addNamespace(this.#switch);
    ip('-n', this.#switch, 'link', 'add', 'bridge0', 'type', 'bridge');
    ip('-n', this.#switch, 'link', 'set', 'bridge0', 'up');
    for (let id = 1; id <= this.size; id += 1) {
      const inside = this.namespace(id);
      this.#addNamespace(inside);
      ip('-n', inside, 'link', 'set', 'lo', 'up');
      ip('-n', this.#switch, 'link', 'add', `p${id}`, 'type', 'veth', 'peer', 'name', 'peers', 'netns', inside);
      ip('-n', this.#switch, 'link', 'set', `p${id}`, 'master', 'bridge0', 'up');
      ip('-n', inside, 'addr', 'add', `${this.peerHost(id)}/24`, 'dev', 'peers');
      ip('-n', inside, 'link', 'set', 'peers', 'up');
      const outside = this.#outside(id);
      ip('link', 'add', outside, 'type', 'veth', 'peer', 'name', 'clients', 'netns', inside);
      this.#undo.push(undoAtEnd(['ip', 'link', 'del', outside]));
      ip('addr', 'add', `198.18.${this.#net}.${id * 4 + 1}/30`, 'dev', outside);
      ip('link', 'set', outside, 'up');
      ip('-n', inside, 'addr', 'add', `${this.clientHost(id)}/30`, 'dev', 'clients');
      ip('-n', inside, 'link', 'set', 'clients', 'up');
    }
  }

  #addNamespace(name: string): void {
    ip('netns', 'add', name);
    this.#undo.push(undoAtEnd(['ip', 'netns', 'del', name]));
  }
}

function requireRoot(): void {
  if (process.getuid?.() === 0 && spawnSync('ip', ['netns', 'list']).status === 0) return;
  throw new Error('This test makes network namespaces: run it as root (CAP_NET_ADMIN), with iproute2 installed: sudo -E npm test');
}

/** Takes out what runs of ours left that were killed together with their guardian. */
function removeLeftovers(): void {
  for (const name of ownNamespaces()) {
    const [, pid, started] = name.split('-');
    if (startOfProcess(Number(pid)) !== started) spawnSync('ip', ['netns', 'del', name]);
  }
}

function ownNamespaces(): string[] {
  const lines = spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' }).stdout.split('\n');
  return lines.map((line) => line.split(' ')[0] ?? '').filter((name) => name.startsWith(`${PREFIX}-`));
}

/** A third byte of our addresses that no interface of this machine uses. */
function freeNet(): number {
  const used = spawnSync('ip', ['-o', '-4', 'addr'], { encoding: 'utf8' }).stdout;
  for (let tried = 0; tried < 256; tried += 1) {
    const net = (process.pid + tried) % 256;
    if (!used.includes(` 198.18.${net}.`)) return net;
  }
  throw new Error('All of 198.18.0.0/16 is in use.');
}

function ip(...args: string[]): void {
  const result = spawnSync('ip', args, { encoding: 'utf8' });
  if (result.status !== 0) throw new Error(`ip ${args.join(' ')}: ${result.stderr.trim() || String(result.error)}`);
}
