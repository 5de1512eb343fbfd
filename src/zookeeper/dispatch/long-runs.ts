import type { HeldRun } from '../jobs/record/job-record.js';
import type { JobIdentity } from '../jobs/run/job-identity.js';
import { hasDueSince, LONG_RUN_MS, longRuns } from '../jobs/record/long-run.js';
import type { Plan, Situation } from '../jobs/decide/plan.js';
import type { LoopParts } from './loop-parts.js';
import { reportLongRun } from './tick-reports.js';

/** Tells of each run of one job, here or elsewhere, that goes on and on while ticks are due: once. */
export class LongRuns {
  private told: ReadonlySet<string> = new Set();

  constructor(
    private readonly parts: Pick<LoopParts, 'store' | 'observer' | 'address'>,
    private readonly job: string,
  ) {}

  /** After a plan was carried out. With a time limit, the limit tells of it. */
  look(plan: Plan, { view, rules, schedule, wallMs, tenure }: Situation): void {
    const long = longRuns(plan.record ?? view.record, wallMs);
    const isSkipped = plan.verdicts.some(({ reason }) => reason === 'overlap');
    const found = long.filter(
      (entry) => rules.timeoutMs === undefined && (isSkipped || (rules.overlap !== 'allow' && hasDueSince(schedule, entry, wallMs))),
    );
    for (const entry of found) if (!this.told.has(entry.claim)) this.tell(entry, tenure?.member === entry.holder.member, wallMs);
    this.told = new Set(
      long.map(({ claim }) => claim).filter((claim) => this.told.has(claim) || found.some((each) => each.claim === claim)),
    );
  }

  private tell(entry: HeldRun, isHere: boolean, wallMs: number): void {
    const { store, observer, address } = this.parts;
    const tell = (where: string): void => reportLongRun(observer, this.job, entry, where, wallMs);
    if (isHere) return tell(address);
    const unknown = 'another replica';
    void store.members().then(
      (members) => tell(members.find(({ name }) => name === entry.holder.member)?.address ?? unknown),
      () => tell(unknown),
    );
  }
}

/** The runs of one job without claims that go on here. */
export class LocalRuns {
  private readonly going = new Set<{ readonly startedMs: number; readonly token: bigint; told: boolean }>();

  constructor(
    private readonly parts: Pick<LoopParts, 'clock' | 'observer' | 'address'>,
    private readonly job: JobIdentity,
  ) {}

  get size(): number {
    return this.going.size;
  }

  /** One begins; the function returned is to be called when it ends. */
  enter(token: bigint): () => void {
    const run = { startedMs: this.parts.clock.wallMs(), token, told: false };
    this.going.add(run);
    return () => void this.going.delete(run);
  }

  /**
   * Another one does not start for the sake of these: tells of each that goes on and on, once. With a time
   * limit, the limit tells of it.
   */
  lookAtLong(): void {
    const { clock, observer, address } = this.parts;
    const wallMs = clock.wallMs();
    for (const run of this.going) {
      if (run.told || wallMs - run.startedMs < LONG_RUN_MS || this.job.rules.timeoutMs !== undefined) continue;
      run.told = true;
      reportLongRun(observer, this.job.name, { ...run, tick: undefined, trigger: undefined }, address, wallMs);
    }
  }
}
