import { setTimeout as wait } from 'node:timers/promises';
import { startAdmin, type Admin } from '../support/admin.js';
import { eventually, within } from '../support/eventually.js';
import { JobFleet, type JobReplica, type JobSpec } from '../support/job-replica/job-replica.js';
import { MemberLinks } from '../support/job-replica/links.js';
import { runsOf, toldIn } from '../support/job-replica/runs.js';
import { Ledger } from '../support/job-replica/verdicts.js';
import type { Chance } from '../support/random.js';
import type { Ensemble } from '../support/zookeeper.js';

/** The shortest session timeout, by which the faults are measured. */
export const T_MS = 3_000;
/** How far a replica's wall clock may be off, either way. */
const SKEW_MS = 3_000;
const VERSIONS = ['v1', 'v1', 'v1', 'v2', 'v2'] as const;
/** Of each replica: a successor may have another one than the master that it follows, longer or shorter. */
const SESSIONS_MS = [T_MS, 3 * T_MS, 2 * T_MS, 3 * T_MS, T_MS] as const;

/** How often a run of the job "beside" that was cut short is started again. */
export const RERUNS = 2;

const JOBS: readonly JobSpec[] = [
  { name: 'latest', cronTime: '* * * * * *', ms: 250, options: { misfire: 'run-latest' } },
  { name: 'each', cronTime: '* * * * * *', ms: 100, options: { misfire: 'run-all', overlap: 'queue-latest' } },
  { name: 'beside', cronTime: '* * * * * *', ms: 1_500, options: { overlap: 'allow', onInterrupted: { rerun: RERUNS } } },
];

/** A job that only the replicas of one version have: whoever is master of that version and does nothing is seen by its ticks. */
function jobOf(version: string): JobSpec {
  return { name: `only-${version}`, cronTime: '* * * * * *', ms: 50, options: { misfire: 'run-latest' } };
}

/** What the replicas that follow each other in one place have in common. */
interface Place {
  readonly version: string;
  /** How far the wall clock is off. */
  readonly skewMs: number;
  readonly sessionTimeoutMs: number;
}

/** Where one replica after the other runs: a version, a clock that is off, and links of its own. */
class Seat implements AsyncDisposable {
  private constructor(
    readonly place: Place,
    readonly links: MemberLinks,
    private readonly fleet: JobFleet,
    public replica: JobReplica,
  ) {}

  static async at(fleet: JobFleet, ensemble: Ensemble, place: Place): Promise<Seat> {
    const links = await MemberLinks.to(ensemble.members);
    return new Seat(place, links, fleet, await start(fleet, links, place));
  }

  async restart(): Promise<void> {
    this.replica = await start(this.fleet, this.links, this.place);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.links[Symbol.asyncDispose]();
  }
}

function start(fleet: JobFleet, links: MemberLinks, { version, skewMs, sessionTimeoutMs }: Place): Promise<JobReplica> {
  const { connectString } = links;
  return fleet.add({ version, connectString, clock: [{ atMs: 0, skewMs }], jobs: [...JOBS, jobOf(version)], module: { sessionTimeoutMs } });
}

/** Five replicas of two versions, one who only looks, an ensemble, and all that can go wrong with them. */
export class Fire implements AsyncDisposable {
  readonly log: string[] = [];
  /** What is known of the verdicts of each job. */
  readonly ledgers = new Map([...JOBS, ...[...new Set(VERSIONS)].map(jobOf)].map(({ name }) => [name, new Ledger(1_000)]));
  readonly fleet: JobFleet;
  private readonly seats: Seat[] = [];
  private observer: JobReplica | undefined;
  private latestMs = 0;

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
      const places = VERSIONS.map((version, index) => {
        const skewMs = Math.round(chance.below(2 * SKEW_MS) - SKEW_MS);
        return { version, skewMs, sessionTimeoutMs: SESSIONS_MS[index] ?? T_MS };
      });
      const seats = places.map((place) => Seat.at(fire.fleet, ensemble, place));
      fire.seats.push(...(await Promise.all(seats)));
      fire.observer = await fire.fleet.add({ name: 'observer', module: { sessionTimeoutMs: 3 * T_MS, candidate: false } });
      await fire.observer.connected();
      await fire.settled();
      return fire;
    } catch (error) {
      await fire[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * All faults, for so long, or longer on a slow machine, until there were some masters; the verdicts are read every few seconds, since only
   * the last hundred are kept.
   */
  async burn(ms: number): Promise<void> {
    const untilMs = performance.now() + ms;
    this.latestMs = untilMs + 300_000;
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
    for (const version of new Set(VERSIONS)) await this.fleet.master(() => this.living().filter((one) => one.version === version), 300_000);
    const sinceMs = Date.now() + SKEW_MS;
    const look = async (): Promise<void> => {
      await this.read();
      for (const [job, ledger] of this.ledgers) {
        const newest = ledger.ticks.get(ledger.lastMs);
        if (ledger.lastMs < sinceMs || newest?.outcome !== 'ran')
          throw new Error(`the newest verdict of "${job}" is ${JSON.stringify(newest)}`);
        const gaps = this.withoutVerdict(job, ledger);
        if (gaps.length > 0) throw new Error(`${gaps.length} ticks of "${job}" have none: ${gaps.slice(0, 5).join(', ')} ...`);
      }
    };
    await eventually(look, { what: 'a verdict for every tick, up to now', everyMs: 500, withinMs: 300_000 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.fleet[Symbol.asyncDispose]();
    await Promise.all(this.seats.map((seat) => seat[Symbol.asyncDispose]()));
    await this.admin[Symbol.asyncDispose]();
  }

  private living(): JobReplica[] {
    return this.seats.map((seat) => seat.replica).filter((one) => one.lives);
  }

  /** Ticks that have none, neither read nor told on any replica: a list may have gone on by more than it keeps before it could be read again. */
  private withoutVerdict(job: string, ledger: Ledger): string[] {
    const gaps = ledger.gaps();
    if (gaps.length === 0) return gaps;
    const told = new Ledger(1_000);
    for (const { verdict } of toldIn(this.fleet)) if (verdict['job'] === job) told.add([verdict]);
    return gaps.filter((tick) => !told.ticks.has(Date.parse(tick)));
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
    while (performance.now() < untilMs || !this.hasShownEnough()) {
      this.note(await this.chance.one(strikes)());
      await wait(this.chance.below(restMs));
    }
  }

  private hasShownEnough(): boolean {
    return performance.now() > this.latestMs || new Set(runsOf(this.fleet).map((run) => run.token)).size > 2;
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
    async () => {
      const node = this.node();
      return this.operator(`edit ${node}, and take it back`, () => this.editAndTakeBack(node));
    },
  ];

  /** An operator changes his mind: at once, during the drain, or when it may be too late; sometimes after a second thought. */
  private async editAndTakeBack(node: string): Promise<void> {
    const before = await this.admin.read(node);
    if (before === undefined) return;
    const edits = 1 + Math.floor(this.chance.below(2));
    for (let edit = 0; edit < edits; edit += 1) {
      await this.admin.set(node, this.chance.one(this.seats).replica.address);
      await wait(this.chance.below(T_MS / 2));
    }
    await this.admin.set(node, before);
  }

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
