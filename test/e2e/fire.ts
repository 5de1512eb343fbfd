import { setTimeout as wait } from 'node:timers/promises';
import { startAdmin, type Admin } from '../support/admin.js';
import { eventually, within } from '../support/eventually.js';
import { JobFleet, type JobReplica, type JobSpec } from '../support/job-replica/job-replica.js';
import { MemberLinks } from '../support/job-replica/links.js';
import { runsOf, starved, toldIn, type Run } from '../support/job-replica/runs.js';
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

/** The version that has a job disabled which an older one runs. It comes and goes, the older one with it. */
export const NEWER = 'v3';
const OLDER = 'v2';

/** How often a run that was cut short is started again, where it is at all. */
export const RERUNS = 2;

/**
 * A master that is able to work begins each of its jobs within so long. Late runs begin four in five seconds, which
 * makes 15 s for all of them; a run of another version's master is taken over 22 s after its end, and its session lasts
 * up to 9 s. A master that gives up needs up to 12 s, in which nothing starts.
 */
const STARVED_MS = 90_000;

const JOBS: readonly JobSpec[] = [
  { name: 'latest', cronTime: '* * * * * *', ms: 250, options: { misfire: 'run-latest' } },
  { name: 'each', cronTime: '* * * * * *', ms: 100, options: { misfire: 'run-all', overlap: 'queue-latest' } },
  { name: 'beside', cronTime: '* * * * * *', ms: 1_500, options: { overlap: 'allow', onInterrupted: { rerun: RERUNS } } },
];

const SELDOM = '*/5 * * * * *';

/** How far the ticks of a job are apart. */
function periodMs(job: string): number {
  return ALL_JOBS.find(({ name }) => name === job)?.cronTime === SELDOM ? 5_000 : 1_000;
}

/** Disabled by the newer version. Its runs are longer than a drain, so that a deploy cuts them short. */
const HALTED: JobSpec = { name: 'halted', cronTime: '* * * * * *', ms: 7_000, options: { onInterrupted: { rerun: RERUNS } } };

/**
 * Jobs that only the replicas of one version have. Those that hang come first, and more of them without a limit of time
 * than may catch up at once: late at each election, they must not keep the others from starting. Whoever is master of
 * that version and does nothing is seen by the ticks of those.
 */
function jobsOfOne(version: string): readonly JobSpec[] {
  const job = (name: string, spec: Partial<JobSpec>): JobSpec => ({ name: `${name}-${version}`, cronTime: '* * * * * *', ...spec });
  // Not due every second: at an election there is then no tick on time, so that a late one is made up for.
  const hang = { body: 'hang', cronTime: SELDOM } as const;
  const rerun = { onInterrupted: { rerun: RERUNS } };
  return [
    job('hangs', hang),
    job('hangs-again', { ...hang, options: rerun }),
    job('deaf', { ...hang, deafMs: 4_000 }),
    job('deaf-again', { ...hang, deafMs: 1_500, options: rerun }),
    job('hangs-limited', { ...hang, options: { timeoutMs: 2_000 } }),
    job('deaf-limited', { ...hang, deafMs: 4_000, options: { timeoutMs: 1_000 } }),
    job('all', { ms: 50, options: { misfire: 'run-all' } }),
    job('only', { ms: 50, options: { misfire: 'run-latest' } }),
  ];
}

/** All that the replicas of a version have. */
function jobsOf(version: string): readonly JobSpec[] {
  if (version === NEWER) return [...JOBS, { ...HALTED, disabled: true }];
  return [...jobsOfOne(version), ...JOBS, ...(version === OLDER ? [HALTED] : [])];
}

/** Each job once. */
const ALL_JOBS = [...JOBS, HALTED, ...[...new Set<string>(VERSIONS)].flatMap(jobsOfOne)];

/** Within this a tick has its verdict, on a slow machine, also when its run is cut short and repeated. */
const DECIDED_WITHIN_MS = 120_000;

/** Whose runs may be started again. */
export const RERUN_JOBS = ALL_JOBS.filter(({ options }) => options?.['onInterrupted'] !== undefined).map(({ name }) => name);
/** Whose runs that make up for the past hang. */
export const HANGING_JOBS = ALL_JOBS.filter(({ body }) => body === 'hang').map(({ name }) => name);
/** Whose newest tick has run when all is well: the others' runs are longer than the time between two ticks. */
const PROMPT_JOBS = new Set(ALL_JOBS.filter(({ name, body }) => body === undefined && name !== HALTED.name).map(({ name }) => name));

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
  return fleet.add({ version, connectString, clock: [{ atMs: 0, skewMs }], jobs: jobsOf(version), module: { sessionTimeoutMs } });
}

/**
 * Five replicas of two versions, one of a third that comes and goes, one who only looks, an ensemble, and all
 * that can go wrong with them.
 */
export class Fire implements AsyncDisposable {
  readonly log: string[] = [];
  /** What is known of the verdicts of each job. */
  readonly ledgers = new Map(ALL_JOBS.map(({ name }) => [name, new Ledger(periodMs(name))]));
  /** What the job that is disabled now and then has been since: `true` for disabled. */
  private readonly halts = new Set<boolean>();
  readonly fleet: JobFleet;
  private readonly seats: Seat[] = [];
  private observer: JobReplica | undefined;
  /** Where the newer version comes and goes. */
  private newer: Seat | undefined;
  private deploys = 0;
  /** One after the other: what ends or starts replicas, or needs one to live. */
  private onOne: Promise<unknown> = Promise.resolve();
  private latestMs = 0;

  private constructor(
    private readonly ensemble: Ensemble,
    private readonly admin: Admin,
    private readonly chance: Chance,
  ) {
    const module = { sessionTimeoutMs: T_MS };
    this.fleet = new JobFleet({ connectString: ensemble.connectString, jobs: [], module });
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
   * All faults, for so long, or longer on a slow machine, until there were some masters; the verdicts are read every
   * few seconds, since only the last hundred are kept.
   */
  async burn(ms: number): Promise<void> {
    const untilMs = performance.now() + ms;
    this.latestMs = untilMs + 300_000;
    await Promise.all([
      this.rage(
        untilMs,
        this.onReplicas.map((strike) => () => this.alone(strike)),
        2 * T_MS,
      ),
      this.rage(untilMs, [() => this.deploy()], 3 * T_MS),
      this.rage(untilMs, this.onLinks, 2 * T_MS),
      this.rage(untilMs, this.onServers, 3 * T_MS),
      this.readVerdicts(untilMs),
    ]);
  }

  /**
   * Waits until both versions have a master, each job has decided about a tick that was not due before (the prompt
   * ones: has run it), and no tick before has been without a verdict at that time. Each job by itself: on a slow
   * machine there may be no moment at which all of them are up to date.
   */
  async settled(): Promise<void> {
    await this.ensemble.start();
    for (const version of new Set(VERSIONS)) await this.fleet.master(() => this.living().filter((one) => one.version === version), 300_000);
    const sinceMs = Date.now() + SKEW_MS;
    const waiting = new Set(this.ledgers.keys());
    const look = async (): Promise<void> => {
      await this.read();
      const problems: string[] = [];
      for (const job of waiting) {
        const problem = this.unsettled(job, sinceMs);
        if (problem === undefined) waiting.delete(job);
        else problems.push(problem);
      }
      if (problems.length > 0) throw new Error(problems.join('; '));
    };
    await eventually(look, { what: 'a verdict for every tick, up to now', everyMs: 500, withinMs: 300_000 });
  }

  private unsettled(job: string, sinceMs: number): string | undefined {
    const ledger = this.ledgers.get(job) ?? new Ledger(periodMs(job));
    const newest = JSON.stringify(ledger.ticks.get(ledger.lastMs));
    if (!(ledger.lastMs >= sinceMs)) return `the newest verdict of "${job}" is of ${ledger.lastMs}, ${newest}`;
    const hasRun = [...ledger.ticks].some(([tickMs, { outcome }]) => tickMs >= sinceMs && outcome === 'ran');
    if (PROMPT_JOBS.has(job) && !hasRun) return `no tick of "${job}" has run; the newest verdict is ${newest}`;
    // What was cut short and waits for its turn to run again has none yet.
    const gaps = this.withoutVerdict(job, ledger).filter((tick) => Date.parse(tick) < Date.now() - DECIDED_WITHIN_MS);
    return gaps.length === 0 ? undefined : `${gaps.length} ticks of "${job}" have none: ${gaps.slice(0, 5).join(', ')} ...`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.fleet[Symbol.asyncDispose]();
    await Promise.all([...this.seats, ...(this.newer === undefined ? [] : [this.newer])].map((seat) => seat[Symbol.asyncDispose]()));
    await this.admin[Symbol.asyncDispose]();
  }

  private living(): JobReplica[] {
    return this.seats.map((seat) => seat.replica).filter((one) => one.lives);
  }

  /** Whether the newer version has ever disabled the job, and the older one enabled it again. */
  get hasHalted(): boolean {
    return this.halts.size === 2;
  }

  /** What was left lying by a master. */
  starved(): string[] {
    const enabled = (version: string): string[] =>
      jobsOf(version)
        .filter(({ disabled }) => disabled !== true)
        .map(({ name }) => name);
    return starved(this.fleet, enabled, STARVED_MS);
  }

  /**
   * Ticks that have none, neither read nor told on any replica: a list may have gone on by more than it keeps before it
   * could be read again. A run that goes on has none yet. A job that a newer version has disabled is not left out: the
   * older version runs it beside, and tells what it has missed when it is back.
   */
  private withoutVerdict(job: string, ledger: Ledger): string[] {
    const isGoingOn = ({ replica, endedUs }: Run): boolean => replica.lives && endedUs === undefined;
    const missing = ledger.gaps();
    if (missing.length === 0) return missing;
    const going = new Set(runsOf(this.fleet).flatMap((run) => (run.job === job && isGoingOn(run) ? [run.tickMs] : [])));
    // The runs that make up for the past hang until something aborts them; a tick that waits for its rerun behind
    // one of them waits as long.
    if (going.size > 0 && HANGING_JOBS.includes(job) && RERUN_JOBS.includes(job)) return [];
    const gaps = missing.filter((tick) => !going.has(Date.parse(tick)));
    const told = new Ledger(periodMs(job));
    for (const { verdict } of toldIn(this.fleet)) if (verdict['job'] === job) told.add([verdict]);
    return gaps.filter((tick) => !told.ticks.has(Date.parse(tick)));
  }

  private async read(): Promise<void> {
    for (const [job, ledger] of this.ledgers) ledger.add(await this.observer?.jobs('verdicts', job));
    const history = (await this.observer?.jobs('history', HALTED.name)) as readonly { readonly change: string }[];
    for (const { change } of history) this.halts.add(change.split(', before ')[0]?.endsWith(', disabled') === true);
  }

  private async readVerdicts(untilMs: number): Promise<void> {
    while (performance.now() < untilMs || !this.hasShownEnough()) {
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
    if (performance.now() > this.latestMs) return true;
    const runs = runsOf(this.fleet);
    const hasMadeUp = runs.some(({ job, cause }) => cause === 'misfire' && HANGING_JOBS.includes(job));
    return this.deploys > 0 && this.hasHalted && hasMadeUp && new Set(runs.map((run) => run.token)).size > 2;
  }

  /** Waits until nothing else falls on replicas, and keeps it so. */
  private alone<T>(act: () => Promise<T>): Promise<T> {
    const result = this.onOne.then(act);
    this.onOne = result.catch(() => undefined);
    return result;
  }

  /**
   * The newer version comes, and goes again, so that the older one is back. In between no replica of the older one may
   * live, for long enough that the newer one decides about a run that it has cut short.
   */
  private async deploy(): Promise<string> {
    const older = this.seats.filter(({ place }) => place.version === OLDER);
    const isCanary = this.deploys > 0 && this.chance.below(1) < 0.3;
    const signal = this.chance.one(['SIGTERM', 'SIGKILL'] as const);
    const come = async (): Promise<void> => {
      const place: Place = { version: NEWER, skewMs: Math.round(this.chance.below(2 * SKEW_MS) - SKEW_MS), sessionTimeoutMs: T_MS };
      if (this.newer === undefined) this.newer = await Seat.at(this.fleet, this.ensemble, place);
      else await this.newer.restart();
    };
    const leave = async (): Promise<void> => {
      if (isCanary) return;
      await within(Promise.all(older.map(({ replica }) => replica.process.kill(signal))), `${OLDER} to end`);
    };
    await this.alone(() => this.inAnyOrder(come, leave));
    // A run of another election's master that was killed is taken over when its session has ended, and 22 s later.
    await wait((signal === 'SIGKILL' ? 32_000 : 2 * T_MS) + this.chance.below(4 * T_MS));
    // The first time in good order, so that it is certain that the older version's schedule is in force again.
    const isFirst = this.deploys === 0;
    const goes = isFirst ? 'SIGTERM' : this.chance.one(['SIGTERM', 'SIGKILL'] as const);
    await this.alone(() =>
      this.inAnyOrder(
        async () => void (await within(Promise.resolve(this.newer?.replica.process.kill(goes)), `${NEWER} to end`)),
        async () => void (isCanary || (await Promise.all(older.map((seat) => seat.restart())))),
      ),
    );
    this.deploys += 1;
    return `${NEWER} came${isCanary ? ' beside' : ` for`} ${OLDER} (${signal}), and went (${goes})`;
  }

  private async inAnyOrder(...steps: readonly (() => Promise<void>)[]): Promise<void> {
    const ordered = this.deploys === 0 || this.chance.below(1) < 0.5 ? steps : steps.toReversed();
    for (const step of ordered) await step();
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

  /**
   * An operator changes his mind: at once, during the drain, or when it may be too late;
   * sometimes after a second thought.
   */
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
    return `/soa/master/services/bank:${this.chance.one([...VERSIONS, NEWER])}`;
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
    const living = [...this.seats, ...(this.newer === undefined ? [] : [this.newer])].filter(({ replica }) => replica.lives);
    const masters = living.filter((seat) => seat.replica.state === 'master');
    return this.chance.one(this.chance.below(1) < 0.7 && masters.length > 0 ? masters : living);
  }
}
