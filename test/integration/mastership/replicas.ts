import { expect } from 'vitest';
import type { Election, Elections } from '../../../src/zookeeper/mastership/election/election.js';
import { createElections, type ElectionsOptions } from '../../../src/zookeeper/mastership/elections.js';
import type { Tenure } from '../../../src/zookeeper/mastership/election/mastership.state.js';
import type { Session, Sessions } from '../../../src/zookeeper/session/session.js';
import { createSessions } from '../../../src/zookeeper/session/sessions.js';
import { systemClock, type Clock } from '../../../src/zookeeper/support/clock.js';
import type { Observation } from '../../../src/zookeeper/support/observer.js';
import { eventually, WITHIN_MS } from '../../support/eventually.js';
import { addWitness, dismissWitness, type Witness } from '../../support/evidence.js';

/**
 * Long, so that a machine that is slow and busy neither loses a session nor lets a lease run out while a test looks.
 */
const SESSION_MS = 9_000;

export type ReplicaOptions = Partial<Pick<ElectionsOptions, 'address' | 'candidate' | 'scope' | 'version' | 'rootPath'>> & {
  readonly connectString?: string;
  readonly sessionTimeoutMs?: number;
  readonly clock?: Clock;
};

let lastPort = 9_000;
let lastRoot = 0;

/** One replica as the library has it: its sessions, its elections, and what it told. */
export class Replica {
  readonly address: string;
  readonly observations: Observation[] = [];
  readonly sessions: Sessions;
  readonly elections: Elections;
  #log = '';
  readonly #witness: Witness;

  constructor(connectString: string, options: ReplicaOptions) {
    this.address = options.address ?? `10.0.0.1:${(lastPort += 1)}`;
    const observer = { observe: (one: Observation): void => this.#observe(one) };
    const { sessionTimeoutMs = SESSION_MS, clock = systemClock } = options;
    this.sessions = createSessions({
      connectString: options.connectString ?? connectString,
      sessionTimeoutMs,
      clock,
      observer,
    });
    this.elections = createElections({
      sessions: this.sessions,
      rootPath: options.rootPath ?? '/soa',
      service: 'Bank',
      version: options.version ?? '1',
      scope: options.scope ?? 'version',
      address: this.address,
      candidate: options.candidate ?? true,
      clock,
      observer,
    });
    this.#witness = { name: `replica-${this.address}`, logText: () => this.#log };
    addWitness(this.#witness);
  }

  get election(): Election {
    return this.elections.election();
  }

  get isMaster(): boolean {
    return this.election.isMaster();
  }

  get session(): Session {
    const session = this.sessions.current();
    if (session === undefined) throw new Error(`${this.address} has no session.`);
    return session;
  }

  start(): void {
    this.election.state();
    this.elections.start();
    this.sessions.start();
  }

  /** What it observed with this event, in order. */
  observed(event: string): Observation[] {
    return this.observations.filter((one) => one.event === event);
  }

  /** What it holds, also in doubt: a slow machine may keep a renewal waiting at any moment. */
  get held(): Tenure | undefined {
    const state = this.election.state();
    return 'tenure' in state ? state.tenure : undefined;
  }

  /** Waits until it stands by, in line. */
  async standsBy(): Promise<this> {
    await eventually(() => expect(this.election.state().kind).toBe('standby'), { what: `${this.address} to stand by` });
    return this;
  }

  /** An orderly end. */
  async stop(limitMs = 10_000): Promise<'resigned' | 'stuck' | 'abandoned'> {
    const how = await this.elections.stop(limitMs);
    dismissWitness(this.#witness);
    return how;
  }

  /** Its session is closed without a resignation, as when its process dies and a watchdog closes the session. */
  async loseSession(): Promise<void> {
    await this.sessions.stop(2_000);
  }

  #observe(one: Observation): void {
    this.observations.push(one);
    const fields = JSON.stringify(one.fields ?? {});
    this.#log += `${performance.now().toFixed(1)} ${one.level} ${one.event} ${one.message} ${fields}\n`;
  }
}

/** A tenure as it was first believed. */
export interface Reigned {
  readonly key: string;
  readonly id: string;
  readonly token: bigint;
  readonly address: string;
}

/**
 * Replicas in this process, watched: at no instant two masters (I1, sampled and at each change), and tokens that grow
 * (I3). A breach fails the test when this is disposed.
 */
export class Replicas {
  readonly all: Replica[] = [];
  readonly reigns: Reigned[] = [];
  readonly breaches: string[] = [];
  readonly #sampler = setInterval(() => this.#sample(), 1);

  /** The tree that these replicas have to themselves. */
  readonly rootPath = `/soa-${(lastRoot += 1)}`;
  readonly node = `${this.rootPath}/master/services/Bank:1`;
  readonly record = `${this.rootPath}/elections/Bank:1`;
  readonly linePath = `${this.record}/line`;

  constructor(readonly connectString: string) {}

  /** Starts one. */
  add(options: ReplicaOptions = {}): Replica {
    const replica = new Replica(this.connectString, { rootPath: this.rootPath, ...options });
    this.all.push(replica);
    this.follow(replica);
    replica.start();
    return replica;
  }

  /** Watches one more election of a replica. */
  follow(replica: Replica, name?: string): Election {
    const election = replica.elections.election(name);
    election.onChange((state) => {
      if (state.kind === 'master') this.#reign({ key: election.key, address: replica.address, ...state.tenure });
      if (name === undefined) this.#sample();
    });
    return election;
  }

  /** Starts one, waits until it is master, then starts two more, which stand in line one after the other. */
  async line(masterOptions: ReplicaOptions = {}, ...others: ReplicaOptions[]): Promise<[Replica, Replica, Replica]> {
    const first = this.add(masterOptions);
    await this.master();
    const second = await this.add(others[0] ?? {}).standsBy();
    const third = await this.add(others[1] ?? {}).standsBy();
    return [first, second, third];
  }

  get masters(): Replica[] {
    return this.all.filter((replica) => replica.isMaster);
  }

  /** Waits for a master, other than `not`. */
  async master(options: { readonly not?: Replica; readonly withinMs?: number } = {}): Promise<Replica> {
    const { not, withinMs = WITHIN_MS } = options;
    return eventually(
      () => {
        const found = this.masters.find((replica) => replica !== not);
        if (found === undefined)
          throw new Error(`none; they are ${this.all.map((one) => `${one.address} ${one.election.state().kind}`).join(', ')}`);
        return found;
      },
      { what: not === undefined ? 'a master' : `a master other than ${not.address}`, withinMs, everyMs: 5 },
    );
  }

  get lastToken(): bigint {
    return this.reigns.at(-1)?.token ?? 0n;
  }

  /** Waits for a tenure after this many. */
  async reignAfter(count: number): Promise<Reigned> {
    return eventually(
      () => {
        const found = this.reigns[count];
        if (found === undefined)
          throw new Error(`none; they are ${this.all.map((one) => `${one.address} ${one.election.state().kind}`).join(', ')}`);
        return found;
      },
      { what: `tenure ${count + 1}`, everyMs: 5 },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.all.map((replica) => replica.stop(3_000)));
    clearInterval(this.#sampler);
    expect(this.breaches).toEqual([]);
  }

  #reign(now: Reigned): void {
    const before = this.reigns.findLast((one) => one.key === now.key);
    if (before?.id === now.id) return;
    if (before !== undefined && now.token <= before.token)
      this.breaches.push(`the token went from ${before.token} to ${now.token} (${before.address} to ${now.address})`);
    this.reigns.push(now);
  }

  #sample(): void {
    const masters = this.masters;
    if (masters.length > 1) this.breaches.push(`masters at once: ${masters.map((one) => one.address).join(', ')}`);
  }
}
