import { Choices } from '../race/model/choices.js';
import { SimSessions } from '../race/model/client-sessions.js';
import { Ensemble } from '../race/model/ensemble.js';
import { SimProcess, TRUE_TIME } from '../race/model/process.js';
import { World } from '../race/model/world.js';
import type { Client, Subject } from './subject.js';

const SESSION_TIMEOUT_MS = 10_000;

/** The model as the contract's subject: one member, as the real server of the suite is one. */
export class ModelSubject implements Subject {
  private readonly world: World;
  private readonly ensemble: Ensemble;
  private clients = 0;

  constructor(seed: number) {
    this.world = new World(new Choices(seed));
    this.ensemble = new Ensemble(this.world, { members: 1, tickTimeMs: 500 });
  }

  async open(): Promise<Client> {
    const process = new SimProcess(`client ${(this.clients += 1)}`, this.world, TRUE_TIME);
    const sessions = new SimSessions(process, this.ensemble, SESSION_TIMEOUT_MS);
    return new Promise((resolve) => {
      sessions.onSession((session) => resolve(new ModelClient(this.ensemble, sessions, session.id)));
      sessions.start();
    });
  }

  async createContainer(path: string): Promise<void> {
    if (!this.ensemble.operate([{ kind: 'create', path, data: Buffer.alloc(0), mode: 'container' }]).ok)
      throw new Error(`cannot make ${path}`);
    // Members learn of it later than the leader.
    await this.pass(2_000);
  }

  async run(test: () => Promise<void>): Promise<void> {
    let over = false;
    const running = test().finally(() => (over = true));
    running.catch(() => undefined);
    while (!over) {
      this.world.touch();
      if (!(await this.world.step()) && !over) throw new Error(`Nothing is left to happen, yet the test waits.\n${this.world.history()}`);
    }
    await running;
  }

  async close(): Promise<void> {
    await Promise.resolve();
  }

  private pass(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.world.in(delayMs, resolve));
  }
}

class ModelClient implements Client {
  constructor(
    private readonly ensemble: Ensemble,
    private readonly sessions: SimSessions,
    private readonly id: bigint,
    readonly session = sessions.current()!,
  ) {}

  cut(): Promise<void> {
    this.sessions.reachable = false;
    return this.detached(() => this.sessions.connection?.cut({ upLost: true }));
  }

  mend(): Promise<void> {
    this.sessions.reachable = true;
    return new Promise((resolve) => {
      const forget = this.session.onAttached(() => {
        forget();
        resolve();
      });
    });
  }

  async loseAnswerTo(write: () => Promise<unknown>): Promise<unknown> {
    this.sessions.reachable = false;
    let written: Promise<unknown> | undefined;
    await this.detached(() => {
      written = write();
      written.catch(() => undefined);
      this.sessions.connection?.cut({ upLost: false });
    });
    // The member passes it on although nobody waits for the answer.
    await new Promise<void>((resolve) => void this.ensemble.world.in(3_000, resolve));
    return written;
  }

  async kill(): Promise<void> {
    this.ensemble.endSession(this.id, 'killed by the test');
    await new Promise<void>((resolve) => void this.ensemble.world.in(2_000, resolve));
  }

  close(): Promise<'closed' | 'abandoned'> {
    return this.sessions.stop(10_000);
  }

  private detached(fault: () => void): Promise<void> {
    return new Promise((resolve) => {
      const forget = this.session.onDetached(() => {
        forget();
        resolve();
      });
      fault();
    });
  }
}
