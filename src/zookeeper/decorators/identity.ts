import type { JobIdentity } from '../jobs/job-identity.js';
import type { Guarded } from './guarded.js';
import { scheduleOf } from './schedule-metadata.js';

/**
 * Who a `@MasterOnly` method is, on this instance. The class is the instance's own, so that an inherited method is one job per subclass; the
 * schedule is that of the method which callers of the instance reach, so that an overriding method decides for itself.
 */
export function identityOf(instance: object, method: Guarded): JobIdentity {
  const schedule = scheduleOf((instance as Record<PropertyKey, unknown>)[method.key]);
  const name = `${classNameOf(instance)}.${String(method.key)}`;
  return {
    name: method.options.name ?? schedule?.name ?? name,
    method: name,
    election: method.options.election,
    schedule: schedule?.kind,
    disabled: schedule?.disabled ?? false,
  };
}

/** The name of an instance's own class; empty for an anonymous one. */
export function classNameOf(instance: object): string {
  return (instance.constructor as { name?: string } | undefined)?.name ?? '';
}
