import { connectedWithin } from '../../session/connected.js';
import type { Sessions } from '../../session/session.js';
import type { LockParts } from './contender-node.js';
import type { LockMode } from './contenders.js';
import { LockBusyError } from './errors.js';
import type { HeldLock } from './held-lock.js';
import { Holds } from './holds.js';
import { inspectLock } from './inspect.js';
import { checkWait, placeOf, type LockName, type LockPlace, type LockView, type LockWait } from './lock.js';
import { LockCampaign } from './lock-campaign.js';
import { LockHandle } from './lock-handle.js';
import type { LockSource } from './lock-source.js';
import { CONSEQUENCE, Waiting, type Waited } from './waiting.js';

export interface EnsembleLocksOptions extends LockParts {
  readonly sessions: Sessions;
  readonly rootPath: string;
}

/** Locks of an ensemble, in the layout of Curator. */
export class EnsembleLocks implements LockSource {
  private readonly holds: Holds;
  private readonly waiting: Waiting;

  constructor(private readonly options: EnsembleLocksOptions) {
    this.holds = new Holds(options);
    this.waiting = new Waiting(options.sessions, options.clock);
  }

  placeOf(name: LockName): LockPlace {
    return placeOf(name, this.options.rootPath);
  }

  async acquire(name: LockName, wait: LockWait, mode: LockMode = 'mutex'): Promise<LockHandle> {
    checkWait(wait);
    const place = this.placeOf(name);
    const { hold, holder } = await this.within(place, mode, wait);
    if (hold === undefined) throw new LockBusyError(place.name, 0, holder);
    return new LockHandle(hold);
  }

  async tryAcquire(name: LockName, mode: LockMode = 'mutex'): Promise<LockHandle | undefined> {
    const { hold } = await this.within(this.placeOf(name), mode, { waitMs: 0 });
    return hold && new LockHandle(hold);
  }

  async inspect(name: LockName): Promise<LockView> {
    const { sessions, clock } = this.options;
    const session = await connectedWithin(sessions, clock, { timeoutMs: 0, consequence: CONSEQUENCE });
    return inspectLock(session, this.placeOf(name));
  }

  private within(place: LockPlace, mode: LockMode, wait: LockWait): Promise<Waited<HeldLock>> {
    return this.waiting.within(place, wait, (session, waiting) => new LockCampaign(session, waiting, mode, this.holds, this.options).run());
  }
}
