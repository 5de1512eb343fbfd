import type { Declaration, JobControl } from '../record/job-control.js';
import type { JobView } from '../record/job-record.js';
import { scheduleInWords } from './in-force.js';

/**
 * Code of one version has one cron expression; a zone that differs comes from the processes. The last one to declare
 * itself decides, and the master declares itself again when it sees that: so both sides come here. `isInForce`: whether
 * the declaration comes into force; otherwise another schedule stays.
 */
export function zonesDiffer(job: string, { declared }: JobControl, declaration: Declaration, isInForce: boolean): string | undefined {
  const { version, schedule } = declaration;
  const before = declared.find((each) => each.version === version)?.schedule;
  if (before === undefined || before.cronTime !== schedule?.cronTime || before.timeZone === schedule.timeZone) return undefined;
  const what = isInForce ? ', which is in force now' : '; neither is in force while a reschedule is';
  return (
    `Job "${job}": another replica of version ${version} has it in the time zone ${before.timeZone}, this one in ${schedule.timeZone}${what}. ` +
    'The zone of a schedule without timeZone is that of the process (TZ). Give the schedule a timeZone, or set the option timeZone of ZookeeperModule.'
  );
}

/**
 * The code of another version is in force, with the same expression in another time zone: by a change of the code, or
 * because the processes differ.
 */
export function zoneInForceDiffers(
  job: string,
  { record }: JobView,
  { inForce }: JobControl,
  declaration: Declaration,
): string | undefined {
  const { version, schedule } = declaration;
  const { schedule: stays } = record;
  if (inForce.from === 'control' || inForce.version === version || stays === undefined || schedule === undefined) return undefined;
  if (stays.cronTime !== schedule.cronTime || stays.timeZone === schedule.timeZone) return undefined;
  return (
    `Job "${job}": its schedule is in force in the time zone ${stays.timeZone}, by the code of version ${inForce.version}; this replica, of version ${version}, has it in ` +
    `${schedule.timeZone}. Unless the code was changed so, give the schedule a timeZone, or set the option timeZone of ZookeeperModule.`
  );
}

/** As `scheduleInWords`, and whether it is disabled. */
export function scheduleAndStateInWords(schedule: Declaration['schedule'], disabled: boolean): string {
  return `${scheduleInWords(schedule)}${disabled ? ', disabled' : ''}`;
}
