import type { Plan } from '../jobs/decide/plan.js';
import type { Timer } from '../support/clock.js';
import type { Gone } from './gone-replicas.js';
import type { LoopParts } from './loop-parts.js';
import type { Waiter } from './catch-up-limit.js';

/** A job is woken up at least this often, so that a clock that was set, or a machine that slept, is noticed. */
export const MAX_SLEEP_MS = 10_000;

/** Whoever deletes the nodes of a job deletes those below the record first, and the record within this time. */
const DELETING_MS = 5_000;

/** Wakes one job up: at a time, when it is its turn in catching up, or when another replica's run is out of the way. */
export class WakeUps {
  private timer: Timer | undefined;
  private second: Timer | undefined;
  private readonly watches: (() => void)[] = [];

  constructor(
    private readonly parts: Pick<LoopParts, 'store' | 'clock' | 'catchUpLimit'>,
    private readonly waiter: Waiter,
    /** Wakes it up as well; the record has to be read again. */
    private readonly outdated: () => void,
  ) {}

  /** What a plan that was carried out waits for. */
  await(plan: Plan, { waiting, askAgainInMs }: Gone): void {
    const { store, clock, catchUpLimit } = this.parts;
    this.unwatch();
    if (plan.waitsForCatchUp) catchUpLimit.wait(this.waiter);
    else catchUpLimit.leave(this.waiter);
    if (plan.waitsFor.length > 0) {
      const present = plan.waitsFor.filter((member) => !waiting.has(member));
      this.watches.push(store.watchRecord(this.waiter.job, this.outdated));
      if (present.length > 0) this.watches.push(store.watchMembers(present, this.outdated));
    }
    const untilTickMs = plan.wakeAtMs === undefined ? MAX_SLEEP_MS : plan.wakeAtMs - clock.wallMs();
    this.sleep(Math.max(0, Math.min(untilTickMs, askAgainInMs ?? MAX_SLEEP_MS)));
  }

  /** Nothing was decided: waits for this time alone, and in no line. The last call counts. */
  pause(delayMs: number): void {
    this.parts.catchUpLimit.leave(this.waiter);
    this.sleep(delayMs);
  }

  /**
   * What lies below the record has changed or gone: the record is read now, and once more later, when it may be gone as
   * well. Nobody watches the record itself.
   */
  readAgain(): void {
    this.second?.cancel();
    this.second = this.parts.clock.after(DELETING_MS, this.outdated, { keepAlive: false });
    this.outdated();
  }

  private sleep(delayMs: number): void {
    this.timer?.cancel();
    // Keeps the process alive, as the timers of @nestjs/schedule do: without ZooKeeper, and without a
    // server, nothing else does.
    this.timer = this.parts.clock.after(Math.min(delayMs, MAX_SLEEP_MS), this.waiter.wakeUp);
  }

  /** From now on nothing here wakes it up. */
  clear(): void {
    this.timer?.cancel();
    this.second?.cancel();
    this.parts.catchUpLimit.leave(this.waiter);
    this.unwatch();
  }

  private unwatch(): void {
    for (const release of this.watches.splice(0)) release();
  }
}
