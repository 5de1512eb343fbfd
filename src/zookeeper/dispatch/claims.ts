import type { RunEntry } from '../jobs/record/job-record.js';
import type { WriteResult } from '../jobs/persistence/job-store.js';
import type { Finished, Plan, Situation } from '../jobs/decide/plan.js';
import type { HeldTenure } from '../mastership/election/held-tenure.js';
import { changeOf, NOT_STARTED, type LoopParts } from './loop-parts.js';
import type { OwnRuns } from './own-runs.js';

/** The claims of one job in this process, from before they are sent until they start or go back. */
export class Claims {
  constructor(
    private readonly parts: Pick<LoopParts, 'store' | 'clock'>,
    private readonly job: string,
    private readonly runs: OwnRuns,
  ) {}

  /**
   * Undefined: there is nothing to write. What is claimed counts as this process's from before it is sent: whoever
   * reads it meanwhile leaves it alone.
   */
  async write(situation: Situation, plan: Plan, tenure: HeldTenure | undefined): Promise<WriteResult | undefined> {
    if (plan.record === undefined && plan.verdicts.length === 0) return undefined;
    if (plan.start !== undefined) this.runs.begin(plan.start, situation.view.czxid);
    try {
      return await this.parts.store.write(this.job, changeOf(situation.view, plan, tenure));
    } catch (thrown) {
      if (plan.start !== undefined) this.giveBack(plan.start);
      throw thrown;
    }
  }

  /** A claim that perhaps stands in the record never starts here: it goes back, for whoever may start it. */
  unmade(result: WriteResult, { reports }: Situation, { start }: Plan): void {
    const isUnsure = result.kind === 'unknown';
    if (isUnsure && start !== undefined) this.giveBack(start);
    else if (start !== undefined) this.runs.cancel(start.claim);
    // A note of a failed run has no name by which a second one could be told from the first.
    if (isUnsure) this.runs.written([], reports);
  }

  giveBack({ claim, attempted = 0 }: RunEntry, outcome: Partial<Finished> = {}): void {
    this.runs.end({ ...NOT_STARTED, attempt: attempted, ...outcome, claim, endedMs: this.parts.clock.wallMs() }, undefined);
  }
}
