import { connectedWithin } from '../../session/connected.js';
import type { Session, Sessions } from '../../session/session.js';
import type { LockParts } from './contender-node.js';
import type { LockMode } from './contenders.js';
import { LockBusyError } from './errors.js';
import type { HeldLock } from './held-lock.js';
import { Holds } from './holds.js';
import { inspectLock, inspectSemaphore } from './inspect.js';
import { checkWait, placeOf, type LockName, type LockPlace, type LockView, type LockWait, type SemaphoreView } from './lock.js';
import { LockCampaign } from './lock-campaign.js';
import { LockHandle } from './lock-handle.js';
import type { LockSource } from './lock-source.js';
import { requestRevocation } from './revocation.js';
import { semaphorePlace, type SemaphorePlace, type SemaphoreSource, type WantedPermits } from './semaphore.js';
import { SemaphoreCampaign, type HeldPermits } from './semaphore-campaign.js';
import { CONSEQUENCE, Waiting, type Waited } from './waiting.js';

export interface EnsembleLocksOptions extends LockParts {
  readonly sessions: Sessions;
  readonly rootPath: string;
}

/** Locks of an ensemble, in the layout of Curator. */
export class EnsembleLocks implements LockSource, SemaphoreSource {
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
    return inspectLock(await this.session(), this.placeOf(name));
  }

  async requestRevocation(name: LockName): Promise<number> {
    return requestRevocation(await this.session(), this.placeOf(name));
  }

  semaphorePlaceOf(name: LockName): SemaphorePlace {
    return semaphorePlace(name, this.options.rootPath);
  }

  async acquirePermits(place: SemaphorePlace, wanted: WantedPermits, wait: LockWait): Promise<readonly LockHandle[]> {
    checkWait(wait);
    const { hold, holder } = await this.permitsWithin(place, wanted, wait);
    if (hold === undefined) throw new LockBusyError(place.name, 0, holder);
    return hold.holds.map((one) => new LockHandle(one));
  }

  async tryAcquirePermits(place: SemaphorePlace, wanted: WantedPermits): Promise<readonly LockHandle[] | undefined> {
    const { hold } = await this.permitsWithin(place, wanted, { waitMs: 0 });
    return hold?.holds.map((one) => new LockHandle(one));
  }

  async inspectSemaphore(place: SemaphorePlace): Promise<SemaphoreView> {
    return inspectSemaphore(await this.session(), place);
  }

  private session(): Promise<Session> {
    const { sessions, clock } = this.options;
    return connectedWithin(sessions, clock, { timeoutMs: 0, consequence: CONSEQUENCE });
  }

  private permitsWithin(place: SemaphorePlace, wanted: WantedPermits, wait: LockWait): Promise<Waited<HeldPermits>> {
    return this.waiting.within(place.line, wait, (session, waiting) =>
      new SemaphoreCampaign(session, place, wanted, waiting, this.holds, this.options).run(),
    );
  }

  private within(place: LockPlace, mode: LockMode, wait: LockWait): Promise<Waited<HeldLock>> {
    return this.waiting.within(place, wait, (session, waiting) => new LockCampaign(session, waiting, mode, this.holds, this.options).run());
  }
}
