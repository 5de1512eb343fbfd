import { setTimeout as wait } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { startAdmin, type Admin } from '../../support/admin.js';
import { tokens, violations } from '../../support/replica/audit.js';
import { ProxiedFleet } from '../../support/replica/proxied.js';
import { Chance, seedFrom } from '../../support/random.js';
import type { Phase, Replica } from '../../support/replica/replica.js';
import { startEnsemble, type Ensemble } from '../../support/zookeeper.js';
import { T_MS } from './outcome.js';

const LIVING = 4;
/** `STORM_SECONDS` makes it last longer, `STORM_SEED` makes it choose as an earlier one did. */
const SECONDS = Number(process.env['STORM_SECONDS'] ?? 20);
const SEED = seedFrom('STORM_SEED');
const NODE = '/soa/master/services/bank:v1';

class Storm {
  readonly log: string[] = [];
  private readonly chance = new Chance(SEED);
  private addresses = 0;
  private readonly latestMs = performance.now() + (SECONDS + 300) * 1_000;

  constructor(
    private readonly ensemble: Ensemble,
    private readonly proxied: ProxiedFleet,
    private readonly admin: Admin,
  ) {}

  async begin(): Promise<void> {
    for (let count = 0; count < LIVING; count += 1) await this.add();
    await this.proxied.fleet.master();
  }

  async add(address?: string): Promise<void> {
    this.addresses += 1;
    await this.proxied.add(this.chance.one(this.ensemble.members), { address: address ?? `10.0.0.${this.addresses}:9090` });
  }

  /**
   * One fault after the other falls on this kind of target until the time is over, with rests between;
   * several of these run at once.
   */
  async rage(untilMs: number, strikes: readonly (() => Promise<string>)[], restMs: number): Promise<void> {
    while (performance.now() < untilMs || !this.hasShownEnough()) {
      this.log.push(`${Math.round(performance.now())} ${await this.chance.one(strikes)()}`);
      await wait(this.chance.below(restMs));
    }
  }

  private readonly pause = () => this.during('pause', (replica) => (replica.process.pause(), () => replica.process.resume()));
  private readonly hole = () => this.during('hole', (replica) => this.holed(replica));

  /** An operator's blow while its victim cannot hear of it. */
  private readonly blowBehindHole = () =>
    this.during('blow behind a hole', (replica) => {
      const heal = this.holed(replica);
      void this.operator(this.chance.one([() => this.admin.delete(NODE), () => this.admin.wipe('/soa'), () => this.endSession(replica)]));
      return heal;
    });

  readonly onReplicas = [
    this.pause,
    this.pause,
    async () => {
      const replica = this.target();
      const phase = this.chance.one<Phase>(['timer', 'immediate', 'io', 'zookeeper']);
      await replica.block(this.chance.below(4 * T_MS), phase).catch(() => undefined);
      return `stall ${replica.process.name} ${phase}`;
    },
    async () => {
      const replica = this.target();
      await replica.process.kill();
      await this.add(this.chance.below(1) < 0.5 ? replica.address : undefined);
      return `kill ${replica.process.name}`;
    },
    async () => {
      const replica = this.target();
      const outcome = await replica.ask('resign').then(String, (error: Error) => error.message);
      return `resign ${replica.process.name}: ${outcome}`;
    },
  ];

  readonly onLinks = [
    this.hole,
    this.blowBehindHole,
    this.blowBehindHole,
    async () => {
      const replica = this.target();
      this.proxied.link(replica).resetAll();
      return `reset ${replica.process.name}`;
    },
    () =>
      this.during('latency', (replica) => {
        const link = this.proxied.link(replica);
        link.latencyMs = this.chance.below(300);
        return () => (link.latencyMs = 0);
      }),
  ];

  readonly onServers = [
    async () => {
      const member = this.chance.one(this.ensemble.members);
      await member.pause();
      await wait(this.chance.below(1.5 * T_MS));
      await member.resume();
      return `server ${member.id} pause`;
    },
    async () => {
      const member = this.chance.one(this.ensemble.members);
      await member.kill();
      await wait(this.chance.below(T_MS));
      await member.start();
      return `server ${member.id} kill`;
    },
    async () => `delete: ${await this.operator(() => this.admin.delete(NODE))}`,
    async () => `wipe: ${await this.operator(() => this.admin.wipe('/soa'))}`,
    async () => `edit: ${await this.operator(() => this.admin.set(NODE, this.target().address))}`,
    async () => `persistent: ${await this.operator(() => this.admin.create(NODE, 'nobody'))}`,
  ];

  /** There were enough masters: the slower the machine is, the longer this takes. */
  private hasShownEnough(): boolean {
    return performance.now() > this.latestMs || tokens(this.proxied.fleet).length > 2;
  }

  /** An operator may fail for many reasons; what counts is what it does to the others. */
  private operator(act: () => Promise<unknown>): Promise<string> {
    return act().then(String, (error: Error) => error.message);
  }

  private async endSession(replica: Replica): Promise<void> {
    const { sessionId, password } = this.proxied.credentials(replica);
    await this.admin.endSession(sessionId, password);
  }

  private holed(replica: Replica): () => void {
    const link = this.proxied.link(replica);
    link.hole(this.chance.one([undefined, 'to-server', 'to-client'] as const));
    return () => link.pass();
  }

  private async during(what: string, begin: (replica: Replica) => () => void): Promise<string> {
    const replica = this.target();
    const end = begin(replica);
    const lengthMs = this.chance.below(4 * T_MS);
    await wait(lengthMs);
    end();
    return `${what} ${replica.process.name} ${Math.round(lengthMs)} ms`;
  }

  /** Most of what falls on replicas falls on a master. */
  private target(): Replica {
    const living = this.proxied.fleet.replicas.filter((one) => one.process.exit === undefined);
    const masters = living.filter((one) => one.isMaster());
    return this.chance.one(this.chance.below(1) < 0.8 && masters.length > 0 ? masters : living);
  }
}

it(
  `never has two masters in a storm of all faults at once, and heals after it (seed ${SEED})`,
  { timeout: SECONDS * 1_000 + 900_000 },
  async () => {
    await using ensemble = await startEnsemble(3);
    await using proxied = new ProxiedFleet({ sessionTimeoutMs: T_MS, elections: [null, 'audit'] });
    await using admin = await startAdmin(ensemble.connectString);
    const storm = new Storm(ensemble, proxied, admin);
    await storm.begin();
    const untilMs = performance.now() + SECONDS * 1_000;
    await Promise.all([
      storm.rage(untilMs, storm.onReplicas, T_MS),
      storm.rage(untilMs, storm.onLinks, T_MS),
      storm.rage(untilMs, storm.onServers, 5 * T_MS),
    ]);
    const found = violations(proxied.fleet);
    expect(found, storm.log.join('\n')).toEqual([]);
    await proxied.fleet.master();
    await proxied.fleet.master({ election: 1 });
    expect(violations(proxied.fleet), storm.log.join('\n')).toEqual([]);
    expect(tokens(proxied.fleet).length).toBeGreaterThan(2);
  },
);
