import { randomUUID } from 'node:crypto';
import { messageOf } from '../support/errors.js';
import { type Clock, systemClock } from '../support/clock.js';
import { Listeners } from '../support/listeners.js';
import { type Observer, silentObserver } from '../support/observer.js';
import type { Drain, Election, Elections } from './election/election.js';
import { TenureHandle, type HeldTenure } from './election/held-tenure.js';
import { NotMasterError, RunIgnoresAbortError, UnknownReplicaError } from './election/errors.js';
import type { Mastership } from './election/mastership.state.js';
import type { ClusterMember } from './election/members.js';
import { Span } from './election/span.js';

/** What the elections of a process without ZooKeeper need. */
export interface StandaloneParts {
  /** The service's own key, e.g. `AccountService:1.0.0`; named elections append `:<name>`. */
  readonly key: string;
  /** Shown as the master's address. */
  readonly address: string;
  /** Shown as this process's. */
  readonly version?: string;
  /** False: every election only observes. Default true. */
  readonly candidate?: boolean;
  readonly clock?: Clock;
  readonly observer?: Observer;
}

/**
 * Elections without ZooKeeper: from `start` to `stop` this process is master of everything. For development, and the
 * ground that the testing kit stands on. Tokens grow from tenure to tenure of this process, and across restarts as
 * long as the wall clock does.
 */
export class StandaloneElections implements Elections {
  private readonly byName = new Map<string, StandaloneElection>();
  readonly claims = { kind: 'process' } as const;
  private started = false;
  private readonly since: Date;

  constructor(private readonly parts: StandaloneParts) {
    this.since = new Date((parts.clock ?? systemClock).wallMs());
  }

  election(name?: string): StandaloneElection {
    const found = this.byName.get(name ?? '');
    if (found !== undefined) return found;
    const key = name === undefined ? this.parts.key : `${this.parts.key}:${name}`;
    const made = new StandaloneElection(key, this.parts);
    this.byName.set(name ?? '', made);
    if (this.started) made.win();
    return made;
  }

  async members(): Promise<readonly ClusterMember[]> {
    const { address, version = '', candidate = true } = this.parts;
    const holds = [...this.byName.values()].filter((one) => one.isMaster()).map((one) => one.key);
    return [{ address, version, candidate, since: this.since, holds: holds.sort(), rank: undefined, isThis: true }];
  }

  /** There is nobody to tell. */
  async setJobs(): Promise<void> {}

  start(): void {
    if (this.parts.candidate === false) return;
    this.started = true;
    for (const election of this.byName.values()) election.win();
  }

  async stop(_limitMs: number): Promise<'resigned' | 'stuck' | 'abandoned'> {
    this.started = false;
    const ends = await Promise.all([...this.byName.values()].map((election) => election.close('shutdown', 'closed')));
    return ends.includes('stuck') ? 'stuck' : 'resigned';
  }
}

/** One election whose outcome is decided in this process. */
export class StandaloneElection implements Election {
  readonly path: string;
  private now: Mastership = { kind: 'observing', why: 'not started yet', master: undefined };
  /** The tenure in force, and the time for which it holds. */
  private held: { readonly tenure: HeldTenure; readonly span: Span } | undefined;
  private drain: Drain = async () => 'drained';
  private leaving: Promise<'resigned' | 'stuck'> | undefined;
  private closed = false;
  private readonly changed: Listeners<[Mastership]>;
  private readonly clock: Clock;
  private readonly listenerFailed: (thrown: unknown) => void;

  constructor(
    readonly key: string,
    private readonly parts: StandaloneParts,
  ) {
    this.path = `standalone:${key}`;
    this.clock = parts.clock ?? systemClock;
    const observer = parts.observer ?? silentObserver;
    this.listenerFailed = (thrown) =>
      observer.observe({ level: 'error', event: 'listener.failed', message: `A listener of election ${key} threw: ${messageOf(thrown)}.` });
    this.changed = new Listeners(this.listenerFailed);
  }

  state(): Mastership {
    return this.now;
  }

  isMaster(): boolean {
    return this.now.kind === 'master' || this.now.kind === 'draining';
  }

  tenure(): HeldTenure | undefined {
    return this.now.kind === 'master' ? this.held?.tenure : undefined;
  }

  onChange(listener: (state: Mastership) => void): () => void {
    return this.changed.add(listener);
  }

  setDrain(drain: Drain): void {
    this.drain = drain;
  }

  async master(): Promise<{ readonly address: string; readonly isThis: boolean } | undefined> {
    if (this.isMaster()) return { address: this.parts.address, isThis: true };
    return this.now.kind === 'standby' ? { address: this.now.master, isThis: false } : undefined;
  }

  async resign(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.now.kind !== 'master')
      throw new NotMasterError(
        this.key,
        this.now.kind === 'standby' ? this.now.master : undefined,
        `it is ${this.now.kind}, so there is nothing to resign`,
      );
    const end = await this.giveUp('resigned by call', 'resigned by call');
    if (end === 'stuck') throw new RunIgnoresAbortError(this.key);
    if (!this.closed) this.win();
  }

  async transferTo(address: string): Promise<void> {
    throw new UnknownReplicaError(this.key, address, []);
  }

  /** Becomes master under a new tenure, unless it is master already. */
  win(): void {
    if (this.isMaster()) return;
    const token = nextToken(this.clock.wallMs());
    const span = new Span(this.listenerFailed);
    const tenure = new TenureHandle({ id: randomUUID(), token, czxid: 0n }, span, undefined);
    this.held = { tenure, span };
    this.become({
      kind: 'master',
      tenure,
      lease: { sentAtMs: this.clock.monotonicMs(), sentWallMs: this.clock.wallMs(), lengthMs: FOR_EVER_MS },
    });
  }

  /** Stops being master at once, as if another replica had taken over: no drain. */
  lose(next: Mastership, why: string): void {
    const held = this.held;
    this.held = undefined;
    this.become(next);
    held?.span.end(why);
  }

  /**
   * Drains and stops being master. `'stuck'`: still master, because a run ignored its abort. Asked again
   * meanwhile, there is one drain.
   */
  giveUp(why: string, next: string): Promise<'resigned' | 'stuck'> {
    this.leaving ??= this.leave(why, next).finally(() => (this.leaving = undefined));
    return this.leaving;
  }

  /** For good. */
  close(why: string, next: string): Promise<'resigned' | 'stuck'> {
    this.closed = true;
    return this.giveUp(why, next);
  }

  private async leave(why: string, next: string): Promise<'resigned' | 'stuck'> {
    const { now, held } = this;
    const calledOff = new AbortController();
    if (now.kind === 'master' && held !== undefined) {
      this.become({ kind: 'draining', tenure: now.tenure, lease: now.lease, why });
      // Lost meanwhile: what is left of the drain must stop nothing of the next tenure.
      const unsubscribe = held.tenure.onInvalid(() => calledOff.abort());
      const end = await this.drain(held.tenure, why, calledOff.signal).finally(unsubscribe);
      if (calledOff.signal.aborted) return 'resigned';
      if (end !== 'drained') {
        // The same tenure, held anew after a drain that was of no use.
        this.held = { tenure: new TenureHandle(held.tenure, held.span, undefined), span: held.span };
        this.become({ kind: 'master', tenure: now.tenure, lease: now.lease });
        return 'stuck';
      }
    }
    this.lose({ kind: 'observing', why: next, master: undefined }, why);
    return 'resigned';
  }

  private become(state: Mastership): void {
    this.now = state;
    this.changed.tell(state);
  }
}

/** No clock reaches it; unlike infinity it is a number in JSON, too. */
const FOR_EVER_MS = Number.MAX_SAFE_INTEGER;

let lastToken = 0n;

/** Above every token of this process, and of earlier ones as long as the wall clock was not set back. */
function nextToken(wallMs: number): bigint {
  const fromClock = BigInt(Math.floor(wallMs));
  lastToken = fromClock > lastToken ? fromClock : lastToken + 1n;
  return lastToken;
}
