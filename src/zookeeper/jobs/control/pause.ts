import * as changes from '../record/changes.js';
import { changeInWords, lastOf, type AuditEntry, type JobControl } from '../record/job-control.js';
import { parseSchedule } from '../schedule/parse.js';
import { carryOut, type ControlParts } from './amend.js';
import { ticksOf } from './in-force.js';

/**
 * Stops a job from starting by its schedule, on every replica, until it is resumed. False: it was paused already,
 * and nothing was changed.
 */
export function pause(parts: ControlParts, job: string, by?: string): Promise<boolean> {
  return carryOut(parts, job, by, ({ view, ensembleMs }) => {
    const record = changes.pause(view.record, ensembleMs);
    return record && { record, done: changeInWords('paused') };
  });
}

/**
 * Lets a paused job start again. The ticks that fell due meanwhile get the verdict skipped (paused), those that were
 * due before and that nobody had run are missed. False: it was not paused.
 * @throws {BadScheduleError} where this replica cannot use the schedule in force: resume it on one that
 * can, or after a reschedule.
 */
export function resume(parts: ControlParts, job: string, by?: string): Promise<boolean> {
  return carryOut(parts, job, by, ({ view, control, ensembleMs, living }) => {
    const { record } = view;
    if (record.pausedMs === undefined) return undefined;
    // The ticks of the pause get their verdicts here; who cannot name them must not pass them over.
    if (record.schedule !== undefined) parseSchedule(record.schedule);
    const changed = changes.resume(view, ticksOf(record, control, living), ensembleMs, parts.address);
    return changed && { ...changed, done: changeInWords('resumed') };
  });
}

/**
 * The command by which the job is paused, going by the history alone; undefined where that tells of none, or
 * that it was resumed since.
 */
export function pauseInForce(control: JobControl): AuditEntry | undefined {
  const latest = lastOf(control, 'paused', 'resumed');
  return latest?.kind === 'paused' ? latest : undefined;
}

/** Who ordered the present pause, as far as it is still known. */
export function pausedBy(control: JobControl): AuditEntry | undefined {
  return lastOf(control, 'paused');
}
