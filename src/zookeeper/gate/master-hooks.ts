import { HookStoppedError } from '../jobs/errors.js';
import { RunSignal } from '../jobs/run-signal.js';
import type { Election, HeldTenure } from '../mastership/election.js';
import { MastershipLostError } from '../mastership/errors.js';
import type { Clock } from '../support/clock.js';
import { messageOf, stackOf } from '../support/errors.js';
import type { Observer } from '../support/observer.js';
import { endedByAbort, isThenable } from './outcome.js';
import type { InProgress, Work } from './in-progress.js';

/** Called when this replica becomes master, with a signal that aborts when that is over, in doubt, or about to be given up. */
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

/** One provider's hooks for one election. Its elected hooks wait for its own earlier calls, so that a stop and a start never mix. */
export interface HookOwner {
  readonly elected: readonly ElectedHook[];
  readonly lost: readonly LostHook[];
}

/** Whether the hooks were last told "elected" or "lost". */
type Phase = { readonly kind: 'lost' } | { readonly kind: 'elected'; readonly tenure: HeldTenure; readonly signals: RunSignal[] };

interface Owner {
  readonly hooks: HookOwner;
  /** Its calls that have not settled yet. */
  busy: number;
  /** What to do when they have. */
  whenFree: (() => void) | undefined;
}

/**
 * Calls the hooks of one election in pairs: elected, lost, elected, lost. Doubt counts as lost, because a successor may be master;
 * a recovery counts as elected. Before a resignation the signals abort first; the lost hooks follow when the runs are over.
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

  /** Adds a provider's hooks. Before `look` is first called; an elected one that is added later waits for the next election. */
  add(hooks: HookOwner): void {
    this.owners.push({ hooks, busy: 0, whenFree: undefined });
  }

  /** The node is about to be given up: aborts the signals of the elected hooks. */
  closing(why: string): void {
    if (this.phase.kind === 'elected') for (const signal of this.phase.signals) signal.abort(new HookStoppedError(this.election.key, why));
  }

  /** Calls the lost hooks, if the last call was "elected". Their work is in progress until they settle. */
  lost(why: string): void {
    const was = this.phase;
    if (was.kind === 'lost') return;
    this.phase = { kind: 'lost' };
    for (const signal of was.signals) signal.abort(new MastershipLostError(this.election.key, was.tenure.token, why));
    for (const owner of this.owners) {
      owner.whenFree = undefined;
      for (const hook of owner.hooks.lost) this.call(owner, hook.what, () => undefined, hook.run);
    }
  }

  /** Calls the hooks for what has changed since they were last told. */
  look(): void {
    if (this.phase.kind === 'elected' && !this.phase.tenure.isValid()) this.lost('the lease is over');
    const tenure = this.ask();
    if (this.phase.kind === 'elected' || tenure === undefined) return;
    const phase: Phase = { kind: 'elected', tenure, signals: [] };
    this.phase = phase;
    tenure.onInvalid((why) => {
      if (this.phase === phase) this.lost(why);
    });
    for (const owner of this.owners) if (this.phase === phase) this.start(owner, phase);
  }

  private start(owner: Owner, phase: Phase & { kind: 'elected' }): void {
    if (owner.busy > 0 && owner.hooks.elected.length > 0) {
      owner.whenFree = () => this.start(owner, phase);
      const what = owner.hooks.elected.map((hook) => hook.what).join(', ');
      this.tell('warn', 'hook.waiting', `${what} waits until the earlier hooks of the same provider have settled.`, { hook: what });
      return;
    }
    for (const hook of owner.hooks.elected) {
      if (this.phase !== phase) return;
      const signal = new RunSignal(phase.tenure, (why) => new MastershipLostError(this.election.key, phase.tenure.token, why));
      phase.signals.push(signal);
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
    const work: Work = { what, startedMs: this.parts.clock.nowMs(), abort };
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
