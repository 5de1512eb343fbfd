import { randomUUID } from 'node:crypto';
import { systemClock, type Clock } from '../support/clock.js';
import { ClusterCronError, messageOf } from '../support/errors.js';
import { harmless, type Observer } from '../support/observer.js';
import type { Member } from '../recipes/membership/member-codec.js';
import { NO_LAST_WILLS, type LastWills } from '../session/crash-guard/charge.js';
import { NotConnectedError } from '../session/connected.js';
import type { Session, Sessions } from '../session/session.js';
import { Candidate } from './candidate.js';
import type { Election, Elections } from './election/election.js';
import { electionZnodes } from './election/election.znodes.js';
import { LeaseKeeper } from '../session/lease.js';
import { Pruner } from './prune.js';
import { ScopeGuard } from './campaign/scope.js';
import { readClusterMembers, type ClusterMember } from './election/members.js';
import { leaseMsOf } from '../session/lease-length.js';

/** What all elections of a replica have in common. */
export interface ElectionsOptions {
  readonly sessions: Sessions;
  readonly rootPath: string;
  readonly service: string;
  readonly version: string;
  readonly scope: 'version' | 'service';
  /** `host:port`, written into the nodes that this replica wins. */
  readonly address: string;
  /** False: observes, never campaigns. */
  readonly candidate: boolean;
  readonly observer: Observer;
  readonly clock?: Clock;
  /** Where tenures leave the proof of their end, should this process die. Default: nowhere. */
  readonly lastWills?: LastWills;
  /** Random ids; a seam for reproducible searches. */
  readonly newId?: () => string;
  /**
   * How often what former versions have left is looked for, milliseconds. Default `PRUNE_EVERY_MS`; a seam for tests.
   */
  readonly pruneEveryMs?: number;
}

/** However long the rest took: the attempt to close the session gets this. */
const MIN_CLOSE_MS = 500;

const WITHDRAWN = 'this replica shuts down';

/** The withdrawal of this replica: the reason that ends every campaign. */
class WithdrawnError extends ClusterCronError {
  constructor() {
    super('ZK_WITHDRAWN', WITHDRAWN);
  }
}

/** What lives and dies with one session. */
interface Round {
  readonly session: Session;
  readonly keeper: LeaseKeeper;
  readonly scopeGuard: ScopeGuard;
  readonly scopeGuardOver: Promise<void>;
  /** Aborted when nothing is to be removed over this session any more. */
  readonly pruning: AbortController;
  mayCampaign: boolean;
}

class ElectionSet implements Elections {
  private readonly candidates = new Map<string, Candidate>();
  private readonly clock: Clock;
  private readonly observer: Observer;
  private readonly newId: () => string;
  private jobs: readonly string[] = [];
  private round: Round | undefined;
  private phase: 'idle' | 'campaigning' | 'stopped' = 'idle';
  private unsubscribe: () => void = () => undefined;
  private stopping: Promise<'resigned' | 'stuck' | 'abandoned'> | undefined;

  constructor(private readonly options: ElectionsOptions) {
    this.clock = options.clock ?? systemClock;
    this.observer = harmless(options.observer);
    this.newId = options.newId ?? randomUUID;
  }

  election(name?: string): Election {
    const key = name ?? '';
    const known = this.candidates.get(key);
    if (known !== undefined) return known;
    const { options, clock, observer, newId } = this;
    const why = options.candidate ? 'the application has not started yet' : 'this replica is no candidate';
    const heldElsewhere = (): number => [...this.candidates.values()].filter((one) => one !== candidate && one.isHolding).length;
    const { address, lastWills = NO_LAST_WILLS } = options;
    const given = { address, clock, observer, newId, heldElsewhere, lastWills };
    const candidate: Candidate = new Candidate(electionZnodes({ ...options, name }), given, () => this.options.sessions.current(), why);
    this.candidates.set(key, candidate);
    if (this.phase === 'campaigning') this.begin(candidate);
    return candidate;
  }

  get claims(): Elections['claims'] {
    return { kind: 'ensemble', sessions: this.options.sessions };
  }

  async members(name?: string, signal?: AbortSignal): Promise<readonly ClusterMember[]> {
    const { sessions, rootPath, service } = this.options;
    const session = sessions.current();
    if (session === undefined) throw new NotConnectedError(undefined, `the members of "${service}" cannot be read`);
    const root = rootPath === '/' ? '' : rootPath;
    const folders = { members: `${root}/members/${service}`, elections: `${root}/master/services`, service };
    return readClusterMembers(session, folders, electionZnodes({ ...this.options, name }), signal);
  }

  async setJobs(names: readonly string[]): Promise<void> {
    this.jobs = [...names];
    const { round } = this;
    await round?.scopeGuard.update(this.member(round.keeper.lengthMs)).catch((thrown: unknown) => {
      this.observer.observe({
        level: 'debug',
        event: 'membership.not-told',
        message: `The other replicas could not be told of the jobs here: ${messageOf(thrown)} They are told with the next session.`,
      });
    });
  }

  start(): void {
    if (this.phase !== 'idle') return;
    this.phase = 'campaigning';
    if (this.options.candidate) for (const candidate of this.candidates.values()) candidate.waitFor('waits for a ZooKeeper session');
    this.unsubscribe = this.options.sessions.onSession((session) => this.onSession(session));
  }

  stop(limitMs: number): Promise<'resigned' | 'stuck' | 'abandoned'> {
    this.stopping ??= this.stopOnce(limitMs);
    return this.stopping;
  }

  private member(leaseMs: number): Member {
    const { address, version, scope, candidate } = this.options;
    return { address, version, scope, candidate, leaseMs, jobs: this.jobs };
  }

  private async stopOnce(limitMs: number): Promise<'resigned' | 'stuck' | 'abandoned'> {
    this.phase = 'stopped';
    this.unsubscribe();
    const startedMs = this.clock.monotonicMs();
    const closings = [...this.candidates.values()].map((candidate) => candidate.close(WITHDRAWN, new WithdrawnError()));
    const outcome = await this.withinLimit(Promise.all(closings), limitMs);
    // A run that goes on: its node and the session are left to end with the process.
    if (outcome === 'late' ? this.isDraining() : outcome.includes('stuck')) return 'stuck';
    const ending = this.endRound(new WithdrawnError());
    // Late: campaigns may be waiting for replies that only the end of the session will answer.
    if (outcome !== 'late') await ending;
    const closed = await this.options.sessions.stop(Math.max(MIN_CLOSE_MS, limitMs - (this.clock.monotonicMs() - startedMs)));
    await ending;
    return outcome === 'late' || closed === 'abandoned' ? 'abandoned' : 'resigned';
  }

  private onSession(session: Session): void {
    const { options, clock, observer } = this;
    const lengthMs = leaseMsOf(session.timeoutMs);
    const checkedPath = options.rootPath === '' ? '/' : options.rootPath;
    const keeper = new LeaseKeeper(session, clock, checkedPath, lengthMs);
    const { rootPath, service } = options;
    const member = this.member(lengthMs);
    const scopeGuard = new ScopeGuard({ session, clock, observer, rootPath, service, member, id: this.newId() });
    const scopeGuardOver = scopeGuard.run(() => {
      round.mayCampaign = true;
      for (const one of this.candidates.values()) this.begin(one);
    });
    const pruning = new AbortController();
    const pruner = new Pruner({ session, clock, observer, rootPath, service, version: options.version });
    void pruner.run(pruning.signal, () => [...this.candidates.values()].some((one) => one.isMaster()), options.pruneEveryMs);
    const round: Round = { session, keeper, scopeGuard, scopeGuardOver, pruning, mayCampaign: false };
    this.round = round;
    for (const one of this.candidates.values()) this.begin(one);
    const onEnded = (): void => {
      if (this.round === round) void this.endRound(session.ended.reason as Error);
    };
    if (session.ended.aborted) onEnded();
    else session.ended.addEventListener('abort', onEnded, { once: true });
  }

  private begin(candidate: Candidate): void {
    if (this.phase !== 'campaigning') return;
    if (!this.options.candidate) {
      if (this.round !== undefined) candidate.follow(this.round.session);
      return;
    }
    if (this.round?.mayCampaign === true) candidate.campaign(this.round.session, this.round.keeper, this.round.scopeGuard);
    else candidate.waitFor(this.round === undefined ? 'waits for a ZooKeeper session' : 'waits for its turn');
  }

  private async endRound(reason: Error): Promise<void> {
    const { round } = this;
    if (round === undefined) return;
    this.round = undefined;
    round.pruning.abort(reason);
    round.scopeGuard.close(reason);
    round.keeper.close();
    await Promise.all([...this.candidates.values()].map((candidate) => candidate.sessionEnded(reason)));
    await round.scopeGuardOver;
  }

  private isDraining(): boolean {
    return [...this.candidates.values()].some((candidate) => candidate.state().kind === 'draining');
  }

  private withinLimit<T>(work: Promise<T>, limitMs: number): Promise<T | 'late'> {
    return new Promise((resolve, reject) => {
      const timer = this.clock.after(limitMs, () => resolve('late'));
      work.then(resolve, reject).finally(() => timer.cancel());
    });
  }
}

/**
 * The elections of one replica over one supervised session: any number of them share the session, its connection and
 * one renewal per period. Nothing is campaigned for before `start`.
 */
export function createElections(options: ElectionsOptions): Elections {
  return new ElectionSet(options);
}
