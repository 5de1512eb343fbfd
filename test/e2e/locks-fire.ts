import { setTimeout as wait } from 'node:timers/promises';
import { startAdmin, type Admin } from '../support/admin.js';
import { eventually } from '../support/eventually.js';
import { MemberLinks } from '../support/job-replica/links.js';
import { startLockHolder, type Asked, type LockHolder } from '../support/lock-holder/lock-holder.js';
import type { Chance } from '../support/random.js';
import type { Ensemble } from '../support/zookeeper.js';

/** The shortest session timeout, by which the faults are measured. */
const T_MS = 3_000;
/** Of each process: who comes after a holder may have another one, longer or shorter. */
const SESSIONS_MS = [T_MS, 3 * T_MS, 2 * T_MS, 3 * T_MS, T_MS] as const;

/** A process that takes the lock again and again, and its way to the servers. */
class Seat implements AsyncDisposable {
  private starts = 0;

  private constructor(
    private readonly links: MemberLinks,
    private readonly options: FireOptions,
    private readonly index: number,
    private readonly all: LockHolder[],
    public holder: LockHolder,
  ) {}

  static async at(ensemble: Ensemble, options: FireOptions, index: number, all: LockHolder[]): Promise<Seat> {
    const links = await MemberLinks.to(ensemble.members);
    const seat = new Seat(links, options, index, all, undefined as never);
    await seat.start();
    return seat;
  }

  /** A process that is started while no server can be reached has no session yet: it takes the lock when it has. */
  async start(): Promise<void> {
    const { connectString } = this.links;
    this.starts += 1;
    const address = `holder-${this.index}:${this.starts}`;
    this.holder = await startLockHolder({ connectString, address, sessionTimeoutMs: SESSIONS_MS[this.index] ?? T_MS });
    this.all.push(this.holder);
    this.holder.loop(this.options.name, this.options.asked);
  }

  hole(): () => void {
    return this.links.hole();
  }

  cut(): () => void {
    return this.links.cut();
  }

  get credentials(): MemberLinks['credentials'] {
    return this.links.credentials;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.holder[Symbol.asyncDispose]();
    await this.links[Symbol.asyncDispose]();
  }
}

export interface FireOptions {
  readonly name: string;
  /** Below these paths stand those who wait, and those who hold it. */
  readonly paths: readonly string[];
  /** What each turn takes one of. */
  readonly asked: readonly Asked[];
}

/** Five processes that take one lock again and again, an ensemble, and all that can go wrong with them. */
export class LocksFire implements AsyncDisposable {
  readonly log: string[] = [];
  /** Every process that ever lived. */
  readonly holders: LockHolder[] = [];
  private readonly seats: Seat[] = [];

  private constructor(
    private readonly ensemble: Ensemble,
    private readonly admin: Admin,
    private readonly chance: Chance,
    private readonly options: FireOptions,
  ) {}

  static async lay(ensemble: Ensemble, chance: Chance, options: FireOptions): Promise<LocksFire> {
    const fire = new LocksFire(ensemble, await startAdmin(ensemble.connectString), chance, options);
    try {
      fire.seats.push(...(await Promise.all(SESSIONS_MS.map((_, index) => Seat.at(ensemble, options, index, fire.holders)))));
      await fire.goesOn();
      return fire;
    } catch (error) {
      await fire[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** All faults, for so long, and until at least so many turns were made. */
  async burn(ms: number): Promise<void> {
    const untilMs = performance.now() + ms;
    await Promise.all([this.rage(untilMs, this.onHolders, 2 * T_MS), this.rage(untilMs, this.onServers, 3 * T_MS)]);
  }

  /** Every living process gets the lock again: nobody is left out, and nobody is in the way. */
  async goesOn(): Promise<void> {
    await this.ensemble.start();
    const turns = (): number[] => this.seats.map(({ holder }) => holder.turnsMade);
    const before = turns();
    const look = (): void => {
      const stuck = turns().flatMap((made, index) => (made > (before[index] ?? 0) ? [] : [this.seats[index]?.holder.address]));
      if (stuck.length > 0) throw new Error(`without a turn: ${stuck.join(', ')}`);
    };
    await eventually(look, { what: 'a turn of each', everyMs: 100, withinMs: 300_000 });
  }

  /** Ends all of them in good order, and waits until nothing of them is left. */
  async putOut(): Promise<void> {
    await Promise.all(this.seats.map(({ holder }) => holder.stop()));
    const left = async (): Promise<void> => {
      const nodes = (await Promise.all(this.options.paths.map((path) => this.admin.children(path)))).flat();
      if (nodes.length > 0) throw new Error(`left over: ${nodes.join(', ')}`);
    };
    await eventually(left, { what: 'an empty line', everyMs: 200 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.seats.map((seat) => seat[Symbol.asyncDispose]()));
    await this.admin[Symbol.asyncDispose]();
  }

  private async rage(untilMs: number, strikes: readonly (() => Promise<string>)[], restMs: number): Promise<void> {
    while (performance.now() < untilMs) {
      const what = await this.chance.one(strikes)();
      this.log.push(`${Math.round(performance.now())} ${what}`);
      await wait(this.chance.below(restMs));
    }
  }

  private readonly onHolders = [
    async () => {
      const seat = this.chance.one(this.seats);
      const { address } = seat.holder;
      await seat.holder.process.kill('SIGKILL');
      await seat.start();
      return `killed ${address}, now ${seat.holder.address}`;
    },
    async () => {
      const { holder } = this.chance.one(this.seats);
      const ms = this.chance.below(2.5 * T_MS);
      holder.process.pause();
      await wait(ms);
      holder.process.resume();
      return `froze ${holder.address} for ${Math.round(ms)} ms`;
    },
    () => this.during('half-open', (seat) => seat.hole()),
    () => this.during('cut', (seat) => seat.cut()),
    async () => {
      const { credentials, holder } = this.chance.one(this.seats);
      if (credentials === undefined) return 'no session to end';
      return this.operator(`end the session of ${holder.address}`, () =>
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
      const member = this.chance.one(this.ensemble.members);
      await member.kill();
      await wait(this.chance.below(T_MS));
      await member.start();
      return `server ${member.id} killed`;
    },
    async () => {
      const path = this.chance.one(this.options.paths);
      return this.operator(`delete a node below ${path}`, async () => {
        const node = this.chance.one(await this.admin.children(path));
        if (node !== undefined) await this.admin.delete(`${path}/${node}`);
      });
    },
  ];

  private async during(what: string, begin: (seat: Seat) => () => void): Promise<string> {
    const seat = this.chance.one(this.seats);
    const ms = this.chance.below(2 * T_MS);
    const end = begin(seat);
    await wait(ms);
    end();
    return `${what} ${seat.holder.address} for ${Math.round(ms)} ms`;
  }

  /** An operator may fail for many reasons; what counts is what it does to the others. */
  private operator(what: string, act: () => Promise<unknown>): Promise<string> {
    return act().then(
      () => what,
      (error: Error) => `${what}: ${error.message}`,
    );
  }
}
