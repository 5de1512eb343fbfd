import type { Declaration, JobControl } from '../record/job-store.js';
import { scheduleInWords } from './in-force.js';

/**
 * Code of one version has one cron expression; a zone that differs comes from the processes. The last one to declare itself decides, and the master declares
 * itself again when it sees that: so both sides come here.
 */
export function zonesDiffer(job: string, { declared }: JobControl, { version, schedule }: Declaration): string | undefined {
  const before = declared.find((each) => each.version === version)?.schedule;
  if (before === undefined || before.cronTime !== schedule?.cronTime || before.timeZone === schedule.timeZone) return undefined;
  return (
    `Job "${job}": another replica of version ${version} has it in the time zone ${before.timeZone}, this one in ${schedule.timeZone}, which is in force now. ` +
    'The zone of a schedule without timeZone is that of the process (TZ). Give the schedule a timeZone, or set the option timeZone of ZookeeperModule.'
  );
}

/** As `scheduleInWords`, and whether it is disabled. */
export function standingInWords(schedule: Declaration['schedule'], disabled: boolean): string {
  return `${scheduleInWords(schedule)}${disabled ? ', disabled' : ''}`;
}
