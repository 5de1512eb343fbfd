import type { JobIdentity } from '../jobs/run/job-identity.js';
import { rulesOf } from '../jobs/run/job-options.js';
import { parseSchedule, scheduleSpecOf } from '../jobs/schedule/parse.js';
import type { ScheduleSpec } from '../jobs/schedule/schedule.js';
import type { Guarded } from './guarded.js';
import { type CronMetadata, scheduleOf } from './schedule-metadata.js';

/**
 * Who a `@MasterOnly` method is, on this instance. The class is the instance's own, so that an inherited method is one
 * job per subclass; the schedule is that of the method which callers of the instance reach, so that an overriding
 * method decides for itself. `defaultZone`: of a schedule that names none; without it that of the process.
 */
export function identityOf(instance: object, method: Guarded, defaultZone?: string): JobIdentity {
  const schedule = scheduleOf((instance as Record<PropertyKey, unknown>)[method.key]);
  const name = `${classNameOf(instance)}.${String(method.key)}`;
  return {
    name: method.options.name ?? schedule?.name ?? name,
    method: name,
    election: method.options.election,
    kind: schedule?.kind,
    disabled: schedule?.disabled ?? false,
    rules: rulesOf(method.options, schedule?.kind),
    schedule: schedule?.cron && usable(schedule.cron, defaultZone),
  };
}

/**
 * The schedule of `@Cron`, with a zone.
 * @throws {BadScheduleError} when it has no ticks that all replicas would agree on; boot reports it.
 */
export function cronSpecOf({ cronTime, timeZone, utcOffset }: CronMetadata, defaultZone: string | undefined): ScheduleSpec {
  const spec = scheduleSpecOf(cronTime, timeZone, utcOffset, defaultZone);
  parseSchedule(spec);
  return spec;
}

function usable(cron: CronMetadata, defaultZone: string | undefined): ScheduleSpec | undefined {
  try {
    return cronSpecOf(cron, defaultZone);
  } catch {
    return undefined;
  }
}

/** The name of an instance's own class; empty for an anonymous one. */
export function classNameOf(instance: object): string {
  return (instance.constructor as { name?: string } | undefined)?.name ?? '';
}
