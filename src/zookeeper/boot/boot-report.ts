import type { Observer } from '../support/observer.js';
import { guarded } from '../decorators/guarded.js';
import { hookNames } from './hook-explorer.js';
import { classNameOf } from '../decorators/identity.js';
import type { Provided } from './providers.js';
import { scheduleOf } from '../decorators/schedule-metadata.js';
import { minifiedNames, type FoundJob } from './setup-problems.js';

export interface BootParts {
  readonly found: readonly FoundJob[];
  readonly provided: readonly Provided[];
  /** Whether each version of the service elects a master of its own. */
  readonly hasVersions: boolean;
  readonly observer: Observer;
}

/** What this application has: what runs on the master, what runs on every replica, and what may surprise. */
export function reportBoot({ found, provided, hasVersions, observer }: BootParts): void {
  const tell = (level: 'info' | 'warn', event: string, message: string, fields: Readonly<Record<string, string | number>>): void =>
    observer.observe({ level, event, message, fields });
  const names = found.map(
    ({ job: { identity } }) =>
      `${identity.name} (${[identity.kind ?? 'called', identity.disabled ? 'disabled' : ''].filter(Boolean).join(', ')})`,
  );
  const everywhere = ungated(provided);
  const gated = names.length === 0 ? 'No @MasterOnly methods were found.' : `@MasterOnly: ${names.join('; ')}.`;
  const rest = everywhere.length === 0 ? '' : ` On every replica, without @MasterOnly: ${everywhere.join('; ')}.`;
  tell('info', 'jobs.found', `${gated}${rest}`, { count: names.length, everywhere: everywhere.length });
  for (const name of minifiedNames(found)) {
    const message = `The job name ${JSON.stringify(name)} looks minified and may change with the next build. Name it with @MasterOnly({ name }).`;
    tell('warn', 'job.minified', message, { job: name });
  }
  const twice = hasVersions ? inBothVersions(found, provided) : [];
  if (twice.length > 0) {
    const message =
      `During a rolling deploy each version has a master of its own, and both run ${twice.join('; ')}. Ticks of @Cron run once all the same. ` +
      "With electionScope: 'service' there is one master across all versions.";
    tell('info', 'boot.version-scope', message, { count: twice.length });
  }
  tellOfIgnoredDelays(found, tell);
}

/** Scheduled methods that run wherever they are. */
function ungated(provided: readonly Provided[]): string[] {
  const names = new Set<string>();
  for (const { instance, isSingleton } of provided) {
    if (!isSingleton) continue;
    const gated = new Set([...guarded.of(instance)].map(({ key }) => key));
    for (const [key, method] of methodsOf(instance)) {
      const schedule = gated.has(key) ? undefined : scheduleOf(method);
      if (schedule !== undefined && !schedule.disabled) names.add(`${classNameOf(instance)}.${String(key)} (${schedule.kind})`);
    }
  }
  return [...names];
}

/** The methods of its classes, the most derived first; no getter is called. */
function* methodsOf(instance: object): Generator<readonly [PropertyKey, unknown]> {
  const seen = new Set<PropertyKey>();
  let prototype = Object.getPrototypeOf(instance) as object | null;
  for (; prototype !== null && prototype !== Object.prototype; prototype = Object.getPrototypeOf(prototype) as object | null) {
    for (const key of Reflect.ownKeys(prototype)) {
      if (seen.has(key)) continue;
      seen.add(key);
      yield [key, Object.getOwnPropertyDescriptor(prototype, key)?.value];
    }
  }
}

/** What no record in ZooKeeper keeps from running under two masters of two versions. */
function inBothVersions(found: readonly FoundJob[], provided: readonly Provided[]): string[] {
  const jobs = found.filter(
    ({ job: { identity } }) => identity.kind !== undefined && !identity.disabled && identity.rules.claim === 'none',
  );
  const hooks = provided.filter(({ isSingleton }) => isSingleton).flatMap(({ instance }) => hookNames(instance));
  return [...new Set([...jobs.map(({ job }) => `${job.identity.name} (${job.identity.kind})`), ...hooks.map((name) => `${name} (hook)`)])];
}

function tellOfIgnoredDelays(
  found: readonly FoundJob[],
  tell: (level: 'warn', event: string, message: string, fields: Readonly<Record<string, string | number>>) => void,
): void {
  for (const { instance, method, job } of found) {
    const { cron } = scheduleOf((instance as Record<PropertyKey, unknown>)[method.key]) ?? {};
    const { name, rules } = job.identity;
    if (cron === undefined || typeof cron.initialDelayMs !== 'number' || cron.initialDelayMs === 0 || rules.claim === 'none') continue;
    tell(
      'warn',
      'job.initial-delay',
      `initialDelay of @Cron has no effect on "${name}": with claims every tick counts, and the first may run as soon as this replica is master. Wait in the method, or set claim: 'none'.`,
      { job: name, initialDelayMs: cron.initialDelayMs },
    );
  }
}
