import { expect } from 'vitest';
import { createSessions, type SessionsOptions } from '../../../src/zookeeper/session/sessions.js';
import type { Session, Sessions, SessionState } from '../../../src/zookeeper/session/session.js';
import { systemClock } from '../../../src/zookeeper/support/clock.js';
import type { Observation } from '../../../src/zookeeper/support/observer.js';
import { eventually, WITHIN_MS } from '../../support/eventually.js';

/** A supervisor that remembers its sessions, its states and what it said. `await using` it. */
export class ObservedSessions implements AsyncDisposable {
  readonly sessions: Session[] = [];
  readonly states: SessionState[] = [];
  readonly observations: Observation[] = [];
  readonly supervisor: Sessions;

  constructor(connectString: string, options: Partial<SessionsOptions> = {}) {
    this.supervisor = createSessions({
      connectString,
      // The longest that the test servers grant: a slow machine is not to lose it.
      sessionTimeoutMs: 10_000,
      clock: systemClock,
      observer: { observe: (observation) => this.observations.push(observation) },
      ...options,
    });
    this.supervisor.onSession((session) => this.sessions.push(session));
    this.supervisor.onState((state) => this.states.push(state));
  }

  static async start(connectString: string, options?: Partial<SessionsOptions>): Promise<ObservedSessions> {
    const observed = new ObservedSessions(connectString, options);
    observed.supervisor.start();
    await observed.session(1);
    return observed;
  }

  /** The `number`th session, once it is there. */
  async session(number: number, withinMs = WITHIN_MS): Promise<Session> {
    return await eventually(
      () => {
        const session = this.sessions[number - 1];
        expect(session, JSON.stringify(this.observations.slice(-3))).toBeDefined();
        return session as Session;
      },
      { what: `session ${number}`, withinMs },
    );
  }

  async toSay(event: string, withinMs = WITHIN_MS): Promise<Observation> {
    return await eventually(
      () => {
        expect(this.said).toContain(event);
        return this.observations.find((observation) => observation.event === event) as Observation;
      },
      { what: `"${event}"`, withinMs },
    );
  }

  get said(): readonly string[] {
    return this.observations.map(({ event }) => event);
  }

  get kinds(): readonly string[] {
    return this.states.map(({ kind }) => kind).filter((kind, index, all) => kind !== all[index - 1]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.supervisor.stop(2000);
  }
}
