import { HookStoppedError } from '../jobs/run/errors.js';
import { RunSignal } from '../support/run-signal.js';
import type { Election } from '../mastership/election/election.js';
import type { HeldTenure } from '../mastership/election/held-tenure.js';
import { MastershipLostError } from '../mastership/election/errors.js';
import type { Clock } from '../support/clock.js';
import { messageOf, stackOf } from '../support/errors.js';
import type { Observer } from '../support/observer.js';
import { endedByAbort, isThenable } from './outcome.js';
import type { InProgress, Work } from './in-progress.js';

/**
 * Called when this replica becomes master, with a signal that aborts when that is over, in doubt,
 * or about to be given up.
 */
export interface ElectedHook {
  /** `Class.method`. */
  readonly what: string;
  readonly run: (signal: AbortSignal) => unknown;
}

/** Called when the mastership is over or in doubt, or about to be given up. */
export interface LostHook {
  /** `Class.method`. */
  readonly what: string;
  readonly run: () => unknown;
}

/**
 * One provider's hooks for one election. Its elected hooks wait for its own earlier calls, so that a
 * stop and a start never mix.
 */
export interface HookOwner {
  readonly elected: readonly ElectedHook[];
  readonly lost: readonly LostHook[];
}

/** What the hooks were last told. */
type Phase =
  | { readonly kind: 'lost' }
  | { readonly kind: 'elected'; readonly told: Told }
  /** "Elected"; the signals have aborted since, because the node is about to be given up. */
  | { readonly kind: 'closing'; readonly told: Told };

/** One time of telling "elected". */
interface Told {
  readonly tenure: HeldTenure;
  /** Stops listening for the end of the tenure. */
  release: () => void;
}

interface Owner {
  readonly hooks: HookOwner;
  /** Whether its own hooks were last told "elected"; they wait for its earlier calls. */
  isElected: boolean;
  /** Those that its elected hooks were given since. */
  signals: readonly RunSignal[];
  /** Its calls that have not settled yet. */
  busy: number;
  /** What to do when they have. */
  whenFree: (() => void) | undefined;
}

/**
 * Calls the hooks of one election in pairs: elected, lost, elected, lost. Doubt counts as lost, because a successor may
 * be master; a recovery counts as elected. Before a resignation the signals abort first; the lost hooks follow when the
 * runs are over. When the resignation is called off before, they follow at once, and "elected" again, for the providers
 * whose signals have aborted; the others have nothing to hear.
 */
export class MasterHooks {
  private readonly owners: Owner[] = [];
  private phase: Phase = { kind: 'lost' };

  constructor(
    private readonly election: Election,
    /** The tenure under which work may start now. */
    private readonly ask: () => HeldTenure | undefined,
    private readonly inProgress: InProgress,
    private readonly parts: { readonly observer: Observer; readonly clock: Clock },
  ) {
    election.onChange(() => this.look());
  }

  /**
   * Adds a provider's hooks. Before `look` is first called; an elected one that is added later
   * waits for the next election.
   */
  add(hooks: HookOwner): void {
    this.owners.push({ hooks, isElected: false, signals: [], busy: 0, whenFree: undefined });
  }

  /**
   * The node is about to be given up: aborts the signals of the elected hooks. Those that have not been called yet
   * are not called any more.
   */
  closing(why: string): void {
    if (this.phase.kind !== 'elected') return;
    this.phase = { kind: 'closing', told: this.phase.told };
    const error = new HookStoppedError(this.election.key, why);
    for (const owner of this.owners) for (const signal of owner.signals) signal.abort(error);
  }

  /** Calls the lost hooks, if the last call was "elected". Their work is in progress until they settle. */
  lost(why: string): void {
    const was = this.phase;
    if (was.kind === 'lost') return;
    was.told.release();
    this.phase = { kind: 'lost' };
    for (const owner of this.owners) this.stop(owner, was.told.tenure, why);
  }

  /** Calls the hooks for what has changed since they were last told. */
  look(): void {
    if (this.phase.kind !== 'lost' && !this.phase.told.tenure.isValid()) this.lost('the lease is over');
    const was = this.phase;
    const tenure = this.ask();
    if (was.kind === 'elected' || tenure === undefined) return;
    const told: Told = { tenure, release: () => undefined };
    this.phase = { kind: 'elected', told };
    if (was.kind === 'closing') {
      was.told.release();
      for (const owner of this.owners) if (owner.signals.length > 0) this.stop(owner, was.told.tenure, 'what has stopped begins anew');
    }
    told.release = tenure.onInvalid((why) => {
      if (this.isTold(told)) this.lost(why);
    });
    for (const owner of this.owners) if (!owner.isElected && this.isElected(told)) this.start(owner, told);
  }

  private isTold(told: Told): boolean {
    return this.phase.kind !== 'lost' && this.phase.told === told;
  }

  private isElected(told: Told): boolean {
    return this.phase.kind === 'elected' && this.phase.told === told;
  }

  /** Tells a provider "lost", if it was told "elected". */
  private stop(owner: Owner, tenure: HeldTenure, why: string): void {
    owner.whenFree = undefined;
    if (!owner.isElected) return;
    owner.isElected = false;
    const { signals } = owner;
    owner.signals = [];
    for (const signal of signals) {
      signal.abort(new MastershipLostError(this.election.key, tenure.token, why));
      signal.release();
    }
    for (const hook of owner.hooks.lost) this.call(owner, hook.what, () => undefined, hook.run);
  }

  /** Tells a provider "elected", as soon as its earlier calls have settled. */
  private start(owner: Owner, told: Told): void {
    if (!this.isElected(told)) return;
    if (owner.busy > 0 && owner.hooks.elected.length > 0) {
      owner.whenFree = () => this.start(owner, told);
      const what = owner.hooks.elected.map((hook) => hook.what).join(', ');
      this.tell('warn', 'hook.waiting', `${what} waits until the earlier hooks of the same provider have settled.`, { hook: what });
      return;
    }
    owner.isElected = true;
    for (const hook of owner.hooks.elected) {
      if (!this.isElected(told)) return;
      const signal = new RunSignal(told.tenure, (why) => new MastershipLostError(this.election.key, told.tenure.token, why));
      owner.signals = [...owner.signals, signal];
      this.call(
        owner,
        hook.what,
        (reason) => signal.abort(reason),
        () => hook.run(signal.signal),
        signal.signal,
      );
    }
  }

  /** Calls a hook; what it throws is reported and stops nothing. */
  private call(owner: Owner, what: string, abort: (reason: Error) => void, run: () => unknown, signal?: AbortSignal): void {
    const work: Work = { what, startedMs: this.parts.clock.monotonicMs(), abort };
    this.inProgress.add(work);
    owner.busy += 1;
    const settled = (): void => {
      owner.busy -= 1;
      this.inProgress.delete(work);
      const { whenFree } = owner;
      if (owner.busy > 0 || whenFree === undefined) return;
      owner.whenFree = undefined;
      whenFree();
    };
    const failed = (thrown: unknown): void => {
      if (signal === undefined || !endedByAbort(thrown, signal)) this.report(what, thrown);
    };
    try {
      const result = run();
      if (isThenable(result)) return void Promise.resolve(result).then(undefined, failed).then(settled);
    } catch (thrown) {
      failed(thrown);
    }
    settled();
  }

  private report(what: string, thrown: unknown): void {
    this.tell('error', 'hook.failed', `${what} threw: ${messageOf(thrown)}. The election and the other hooks go on.`, {
      hook: what,
      stack: stackOf(thrown),
    });
  }

  private tell(level: 'warn' | 'error', event: string, message: string, fields: Readonly<Record<string, string | undefined>>): void {
    this.parts.observer.observe({ level, event, message, fields: { election: this.election.key, ...fields } });
  }
}
