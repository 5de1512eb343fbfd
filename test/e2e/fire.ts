import { setTimeout as wait } from 'node:timers/promises';
import { startAdmin, type Admin } from '../support/admin.js';
import { eventually, within } from '../support/eventually.js';
import { JobFleet, type JobReplica, type JobSpec } from '../support/job-replica/job-replica.js';
import { MemberLinks } from '../support/job-replica/links.js';
import { Ledger } from '../support/job-replica/verdicts.js';
import type { Chance } from '../support/random.js';
import type { Ensemble } from '../support/zookeeper.js';

/** The session timeout of the replicas. */
export const T_MS = 3_000;
/** How far a replica's wall clock may be off, either way. */
const SKEW_MS = 3_000;
const VERSIONS = ['v1', 'v1', 'v1', 'v2', 'v2'] as const;

/** How often a run of the job "beside" that was cut short is started again. */
export const RERUNS = 2;

const JOBS: readonly JobSpec[] = [
  { name: 'latest', cronTime: '* * * * * *', ms: 250, options: { misfire: 'run-latest' } },
  { name: 'each', cronTime: '* * * * * *', ms: 100, options: { misfire: 'run-all', overlap: 'queue-latest' } },
  { name: 'beside', cronTime: '* * * * * *', ms: 1_500, options: { overlap: 'allow', onInterrupted: { rerun: RERUNS } } },
];

/** Where one replica after the other runs: a version, a clock that is off, and links of its own. */
class Seat implements AsyncDisposable {
  private constructor(
    readonly version: string,
    readonly skewMs: number,
    readonly links: MemberLinks,
    private readonly fleet: JobFleet,
    public replica: JobReplica,
  ) {}

  static async at(fleet: JobFleet, ensemble: Ensemble, version: string, skewMs: number): Promise<Seat> {
    const links = await MemberLinks.to(ensemble.members);
    return new Seat(version, skewMs, links, fleet, await start(fleet, links, version, skewMs));
  }

  async restart(): Promise<void> {
    this.replica = await start(this.fleet, this.links, this.version, this.skewMs);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.links[Symbol.asyncDispose]();
  }
}

function start(fleet: JobFleet, links: MemberLinks, version: string, skewMs: number): Promise<JobReplica> {
  return fleet.add({ version, connectString: links.connectString, clock: [{ atMs: 0, skewMs }] });
}

/** Five replicas of two versions, one who only looks, an ensemble, and all that can go wrong with them. */
export class Fire implements AsyncDisposable {
  readonly log: string[] = [];
  /** What is known of the verdicts of each job. */
  readonly ledgers = new Map(JOBS.map(({ name }) => [name, new Ledger(1_000)]));
  readonly fleet: JobFleet;
  private readonly seats: Seat[] = [];
  private observer: JobReplica | undefined;

  private constructor(
    private readonly ensemble: Ensemble,
    private readonly admin: Admin,
    private readonly chance: Chance,
  ) {
    const module = { sessionTimeoutMs: T_MS };
    this.fleet = new JobFleet({ connectString: ensemble.connectString, jobs: JOBS, module });
  }

  static async lay(ensemble: Ensemble, chance: Chance): Promise<Fire> {
    const fire = new Fire(ensemble, await startAdmin(ensemble.connectString), chance);
    try {
      const skews = VERSIONS.map(() => Math.round(chance.below(2 * SKEW_MS) - SKEW_MS));
      const seats = VERSIONS.map((version, index) => Seat.at(fire.fleet, ensemble, version, skews[index] ?? 0));
      fire.seats.push(...(await Promise.all(seats)));
      fire.observer = await fire.fleet.add({ name: 'observer', module: { sessionTimeoutMs: T_MS, candidate: false } });
      await fire.observer.connected();
      await fire.settled();
      return fire;
    } catch (error) {
      await fire[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** All faults, for so long; the verdicts are read every few seconds, since only the last hundred are kept. */
  async burn(ms: number): Promise<void> {
    const untilMs = performance.now() + ms;
    await Promise.all([
      this.rage(untilMs, this.onReplicas, 2 * T_MS),
      this.rage(untilMs, this.onLinks, 2 * T_MS),
      this.rage(untilMs, this.onServers, 3 * T_MS),
      this.readVerdicts(untilMs),
    ]);
  }

  /** Waits until both versions have a master, and a tick has run that was not due before. */
  async settled(): Promise<void> {
    await this.ensemble.start();
    for (const version of new Set(VERSIONS)) await this.fleet.master(() => this.living().filter((one) => one.version === version));
    const sinceMs = Date.now() + SKEW_MS;
    const look = async (): Promise<void> => {
      await this.read();
      for (const [job, ledger] of this.ledgers) {
        const newest = ledger.ticks.get(ledger.lastMs);
        if (ledger.lastMs < sinceMs || newest?.outcome !== 'ran')
          throw new Error(`the newest verdict of "${job}" is ${JSON.stringify(newest)}`);
        const gaps = ledger.gaps();
        if (gaps.length > 0) throw new Error(`${gaps.length} ticks of "${job}" have none: ${gaps.slice(0, 5).join(', ')} ...`);
      }
    };
    await eventually(look, { what: 'a verdict for every tick, up to now', everyMs: 500 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.fleet[Symbol.asyncDispose]();
    await Promise.all(this.seats.map((seat) => seat[Symbol.asyncDispose]()));
    await this.admin[Symbol.asyncDispose]();
  }

  private living(): JobReplica[] {
    return this.seats.map((seat) => seat.replica).filter((one) => one.lives);
  }

  private async read(): Promise<void> {
    for (const [job, ledger] of this.ledgers) ledger.add(await this.observer?.jobs('verdicts', job));
  }

  private async readVerdicts(untilMs: number): Promise<void> {
    while (performance.now() < untilMs) {
      await this.read().catch((error: Error) => this.note(`verdicts: ${error.message}`));
      await wait(2_000);
    }
  }

  private async rage(untilMs: number, strikes: readonly (() => Promise<string>)[], restMs: number): Promise<void> {
    while (performance.now() < untilMs) {
      this.note(await this.chance.one(strikes)());
      await wait(this.chance.below(restMs));
    }
  }

  private note(what: string): void {
    this.log.push(`${Math.round(performance.now())} ${what}`);
  }

  private readonly onReplicas = [
    async () => {
      const seat = this.target();
      await seat.replica.process.kill();
      await seat.restart();
      return `killed, now ${seat.replica.name}`;
    },
    async () => {
      const seat = this.target();
      const { code } = await within(seat.replica.process.kill('SIGTERM'), `${seat.replica.name} to end`);
      await seat.restart();
      return `ended with ${code}, now ${seat.replica.name}`;
    },
    async () => {
      const { replica } = this.target();
      const ms = T_MS + this.chance.below(1.5 * T_MS);
      replica.process.pause();
      await wait(ms);
      replica.process.resume();
      return `froze ${replica.name} for ${Math.round(ms)} ms`;
    },
    async () => {
      const { replica } = this.target();
      const ms = this.chance.below(2 * T_MS);
      await replica.stall(ms);
      return `stalled ${replica.name} for ${Math.round(ms)} ms`;
    },
  ];

  private readonly onLinks = [
    () => this.during('half-open', (seat) => seat.links.hole()),
    () => this.during('cut', (seat) => seat.links.cut()),
    async () => {
      const seat = this.target();
      const { credentials } = seat.links;
      if (credentials === undefined) return 'no session to end';
      return this.operator(`end the session of ${seat.replica.name}`, () =>
        this.admin.endSession(credentials.sessionId, credentials.password),
      );
    },
  ];

  private readonly onServers = [
    async () => {
      const member = this.chance.one(this.ensemble.members);
      await member.pause();
      await wait(this.chance.below(1.5 * T_MS));
      await member.resume();
      return `server ${member.id} paused`;
    },
    async () => {
      const member = this.chance.below(2) < 1 ? await this.ensemble.leader() : this.chance.one(this.ensemble.members);
      await member.kill();
      await wait(this.chance.below(T_MS));
      await member.start();
      return `server ${member.id} killed`;
    },
    async () => {
      const node = this.node();
      return this.operator(`delete ${node}`, () => this.admin.delete(node));
    },
    async () => {
      const node = this.node();
      return this.operator(`edit ${node}`, () => this.admin.set(node, this.target().replica.address));
    },
  ];

  private node(): string {
    return `/soa/master/services/bank:${this.chance.one(VERSIONS)}`;
  }

  private async during(what: string, begin: (seat: Seat) => () => void): Promise<string> {
    const seat = this.target();
    const ms = this.chance.below(2 * T_MS);
    const end = begin(seat);
    await wait(ms);
    end();
    return `${what} ${seat.replica.name} for ${Math.round(ms)} ms`;
  }

  /** An operator may fail for many reasons; what counts is what it does to the others. */
  private operator(what: string, act: () => Promise<unknown>): Promise<string> {
    return act().then(
      () => what,
      (error: Error) => `${what}: ${error.message}`,
    );
  }

  /** Most of what falls on replicas falls on a master. */
  private target(): Seat {
    const masters = this.seats.filter((seat) => seat.replica.state === 'master');
    return this.chance.one(this.chance.below(1) < 0.7 && masters.length > 0 ? masters : this.seats);
  }
}
