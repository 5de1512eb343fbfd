import { keptSchedule, type KeptSchedule } from '../jobs/schedule/kept.js';
import { isSameSchedule, type Schedule, type ScheduleSpec } from '../jobs/schedule/schedule.js';
import type { Observer } from '../support/observer.js';
import { reportUnusable } from './tick-reports.js';

/** The schedule in force of one job, read once for as long as it is in force. */
export class KnownSchedule {
  private known: { readonly spec: ScheduleSpec; readonly kept: KeptSchedule } | undefined;

  constructor(
    private readonly job: string,
    private readonly observer: Observer,
  ) {}

  /** Undefined where there is none, and where this replica cannot use it, which is told once. */
  of(spec: ScheduleSpec | undefined): Schedule | undefined {
    if (spec === undefined) return undefined;
    if (this.known === undefined || !isSameSchedule(this.known.spec, spec)) {
      this.known = { spec, kept: keptSchedule(spec) };
      const { problem } = this.known.kept;
      if (problem !== undefined) reportUnusable(this.observer, this.job, problem);
    }
    return this.known.kept.schedule;
  }
}
