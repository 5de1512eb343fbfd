import { EnsembleLocks } from '../../../../src/zookeeper/recipes/locks/ensemble-locks.js';
import type { Lock, LockName, ReadWriteLock, Semaphore } from '../../../../src/zookeeper/recipes/locks/lock.js';
import { readWriteOf } from '../../../../src/zookeeper/recipes/locks/lock-source.js';
import { semaphoreOf } from '../../../../src/zookeeper/recipes/locks/semaphore.js';
import { Sightings } from '../../../../src/zookeeper/recipes/locks/sightings.js';
import { systemClock } from '../../../../src/zookeeper/support/clock.js';
import type { Observation } from '../../../../src/zookeeper/support/observer.js';
import { createSessions, type SessionsOptions } from '../../../../src/zookeeper/session/sessions.js';
import type { Session, Sessions } from '../../../../src/zookeeper/session/session.js';
import { connectedWithin } from '../../../../src/zookeeper/session/connected.js';
import { WITHIN_MS } from '../../../support/eventually.js';
import { startProxy, type FaultProxy, type Frame, type OpName, type ProxyTarget } from '../../../support/proxy.js';
import { credentialsIn, type Credentials } from '../../../support/replica/proxied.js';

/** One process's locks, as a replica has them: a session of its own, and what it has said. */
export class Holder implements AsyncDisposable {
  readonly observations: Observation[] = [];
  readonly sessions: Sessions;
  readonly locks: EnsembleLocks;

  constructor(
    connectString: string,
    readonly address: string,
    options: Partial<SessionsOptions> & { readonly rootPath?: string } = {},
  ) {
    const { rootPath = '/soa', ...ofSession } = options;
    const clock = options.clock ?? systemClock;
    const observer = { observe: (observation: Observation) => void this.observations.push(observation) };
    this.sessions = createSessions({ connectString, sessionTimeoutMs: 10_000, clock, observer, ...ofSession });
    this.locks = new EnsembleLocks({ sessions: this.sessions, rootPath, address, clock, observer, sightings: new Sightings(clock) });
  }

  static async start(...args: ConstructorParameters<typeof Holder>): Promise<Holder> {
    const holder = new Holder(...args);
    holder.sessions.start();
    await holder.session();
    return holder;
  }

  readWrite(name: LockName): ReadWriteLock {
    return readWriteOf(this.locks, name);
  }

  semaphore(name: LockName, permits: number): Semaphore {
    return semaphoreOf(this.locks, name, permits);
  }

  session(): Promise<Session> {
    return connectedWithin(this.sessions, systemClock, { timeoutMs: WITHIN_MS });
  }

  said(event: string): readonly Observation[] {
    return this.observations.filter((one) => one.event === event);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sessions.stop(2_000);
  }
}

type Given = ConstructorParameters<typeof Holder>[2];

/** A holder behind a link of its own, which can be broken. */
export class LinkedHolder extends Holder {
  private lastCredentials: Credentials | undefined;

  private constructor(
    readonly link: FaultProxy,
    address: string,
    options: Given,
  ) {
    super(link.connectString, address, options);
    link.onFrame((frame) => {
      this.lastCredentials = credentialsIn(frame) ?? this.lastCredentials;
      return 'pass';
    });
  }

  static async connect(server: ProxyTarget, address: string, options: Given = {}): Promise<LinkedHolder> {
    const holder = new LinkedHolder(await startProxy(server), address, options);
    holder.sessions.start();
    await holder.session();
    return holder;
  }

  /** Of the session that it was given last. */
  get credentials(): Credentials {
    if (this.lastCredentials === undefined) throw new Error(`${this.address} has no session yet.`);
    return this.lastCredentials;
  }

  /**
   * Swallows the reply to the next request that has this text in it, and resets the connection. Resolves once it has
   * happened.
   */
  loseReplyTo(text: string): Promise<void> {
    return new Promise((resolve) => {
      let asked: Frame | undefined;
      const remove = this.link.onFrame((frame) => {
        if (asked === undefined && isRequest(frame, text)) asked = frame;
        if (asked === undefined || frame.kind !== 'reply' || frame.connection !== asked.connection || frame.xid !== asked.xid)
          return 'pass';
        remove();
        resolve();
        return 'reset';
      });
    });
  }

  /** Holds back the next request that has this text in it. */
  holdRequest(text: string, op?: OpName): ReturnType<FaultProxy['hold']> {
    return this.link.hold((frame) => isRequest(frame, text) && (op === undefined || frame.op === op));
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
    await this.link[Symbol.asyncDispose]();
  }
}

function isRequest(frame: Frame, text: string): boolean {
  return frame.kind === 'request' && frame.bytes.includes(text);
}

/** Whoever takes a lock writes this into its record, and whoever gives it up. */
export const CLAIM = '"state":"held"';
export const RELEASE = '"state":"released"';
/** The same for whoever reads, as long as others do. */
export const SHARED = '"state":"shared"';

/**
 * Whether it is held, or was lost by its lease alone, as happens to who does not run for longer than that on a machine
 * with much else to do. Whatever else takes a lock from its holder is no such accident.
 */
export function isHeldOrLapsed({ held, signal }: Pick<Lock, 'held' | 'signal'>): boolean {
  return held || (signal.aborted && /longer than the lease|further than its lease/u.test((signal.reason as Error).message));
}

/**
 * Resolves when a renewal was acknowledged and nothing passes any more: a lease begins with it. Or when the lock is
 * lost already, which nobody renews then.
 */
export async function renewed({ link }: LinkedHolder, { signal }: Pick<Lock, 'signal'>): Promise<void> {
  await new Promise<void>((resolve) => {
    const end = (): void => resolve(link.hole());
    const remove = link.onFrame((frame) => {
      if (frame.kind !== 'reply' || frame.op !== 'multi') return 'pass';
      remove();
      setImmediate(end);
      return 'pass';
    });
    if (signal.aborted) end();
    signal.addEventListener('abort', end, { once: true });
  });
}
