import type { Dispatcher } from '../dispatch/dispatcher.js';
import type { ControlParts } from '../jobs/control/amend.js';
import { NoJobStoreError } from '../jobs/control/errors.js';
import { tellOrder } from '../jobs/control/history-words.js';
import type { WaitOptions } from '../jobs/control/command-options.js';
import { reach } from '../jobs/control/reach.js';
import type { JobStore } from '../jobs/persistence/job-store.js';
import { unlessAborted } from '../support/abort.js';
import { systemClock } from '../support/clock.js';
import type { Observer } from '../support/observer.js';

const DEFAULT_WAIT_MS = 10_000;
const DEFAULT_READY_MS = 30_000;

/** What `ClusterJobs` asks and commands: once ZooKeeper can be reached, and until the caller gives it up. */
export class Requests {
  constructor(
    private readonly store: JobStore | undefined,
    private readonly gate: Dispatcher,
    private readonly address: string,
    private readonly observer: Observer,
  ) {}

  /** @throws {NoJobStoreError} where nothing is kept. */
  storeFor(method: string): JobStore {
    if (this.store === undefined) throw new NoJobStoreError(method);
    return this.store;
  }

  partsFor(method: string, signal?: AbortSignal): ControlParts {
    return this.parts(this.storeFor(method), signal);
  }

  /** Until the cluster knows the jobs of this replica; where nothing is kept: at once. */
  async ready(options?: WaitOptions): Promise<void> {
    const { store } = this;
    if (store === undefined) return options?.signal?.throwIfAborted();
    await reach(this.parts(store), undefined, waiting(options, DEFAULT_READY_MS), () => Promise.resolve());
  }

  /** Changes something. */
  command<T>(method: string, job: string, options: WaitOptions | undefined, work: (parts: ControlParts) => Promise<T>): Promise<T> {
    const parts = this.partsFor(method, options?.signal);
    return reach(parts, job, waiting(options), () => unlessAborted(work(parts), options?.signal));
  }

  /**
   * Asks for something. `job`: where the answer depends on whether the cluster knows the job, which this replica
   * may be about to declare.
   */
  ask<T>(method: string, options: WaitOptions | undefined, work: (store: JobStore) => Promise<T>, job?: string): Promise<T> {
    const { store, clock, declared } = this.partsFor(method);
    const parts = { store, clock, ...(job !== undefined && { declared }) };
    return reach(parts, job, waiting(options), () => unlessAborted(work(store), options?.signal));
  }

  private parts(store: JobStore, signal?: AbortSignal): ControlParts {
    const { address } = this;
    const changed: ControlParts['changed'] = (job, { change, by }) => tellOrder(this.observer, job, change, by);
    const declared: ControlParts['declared'] = (job, wait) => this.gate.declared(job, wait);
    return { store, clock: systemClock, address, changed, declared, signal };
  }
}

function waiting(options: WaitOptions = {}, defaultMs = DEFAULT_WAIT_MS): Parameters<typeof reach>[2] {
  return { timeoutMs: options.timeoutMs ?? defaultMs, signal: options.signal };
}
