import { DiscoveryService, ModulesContainer } from '@nestjs/core';
import { SCHEDULE_MODULE_OPTIONS } from '../decorators/schedule-metadata.js';

/** A provider or controller, as Nest's container holds it. */
export interface Provided {
  readonly instance: object;
  /** Its token, and the module that provides it: for messages. */
  readonly where: string;
  /** False: made anew per request or per consumer; `instance` is then only an empty shape of it. */
  readonly isSingleton: boolean;
}

/** Every provider and controller of the application that has an object to show. */
export function providedBy(discovery: DiscoveryService): readonly Provided[] {
  const found: Provided[] = [];
  for (const wrapper of [...discovery.getControllers(), ...discovery.getProviders()]) {
    const instance: unknown = wrapper.instance;
    if (typeof instance !== 'object' || instance === null) continue;
    const token = typeof wrapper.token === 'function' ? wrapper.token.name : String(wrapper.token);
    found.push({
      instance,
      where: `${token} in ${wrapper.host?.name ?? 'an unknown module'}`,
      isSingleton: wrapper.isDependencyTreeStatic() && !wrapper.isTransient,
    });
  }
  return found;
}

/** Which schedules ScheduleModule registers in this application; undefined: the module is missing. */
export interface RegisteredKinds {
  readonly cronJobs: boolean;
  readonly intervals: boolean;
  readonly timeouts: boolean;
}

export function registeredKinds(modules: ModulesContainer): RegisteredKinds | undefined {
  let kinds: RegisteredKinds | undefined;
  for (const module of modules.values()) {
    const options = module.providers.get(SCHEDULE_MODULE_OPTIONS)?.instance as Partial<RegisteredKinds> | undefined;
    if (options === undefined) continue;
    const { cronJobs = true, intervals = true, timeouts = true } = options;
    // Imported twice: what one of them registers is registered.
    kinds = {
      cronJobs: cronJobs || kinds?.cronJobs === true,
      intervals: intervals || kinds?.intervals === true,
      timeouts: timeouts || kinds?.timeouts === true,
    };
  }
  return kinds;
}
