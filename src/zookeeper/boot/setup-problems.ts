import type { GatedJob } from '../dispatch/gated-job.js';
import { looksMinified, type ScheduleKind } from '../jobs/run/job-identity.js';
import { nameProblem } from '../support/names.js';
import { classNameOf } from '../decorators/identity.js';
import type { Guarded } from '../decorators/guarded.js';
import type { RegisteredKinds } from './providers.js';
import { scheduleOf } from '../decorators/schedule-metadata.js';

/** A `@MasterOnly` method of one instance, as it was found. */
export interface FoundJob {
  readonly instance: object;
  readonly method: Guarded;
  readonly job: GatedJob;
  /** The provider and its module, for messages. */
  readonly where: string;
}

/** Methods with the name of a job that `ClusterJobs.add` has made before. */
export function addedProblems(found: readonly FoundJob[], jobs: readonly GatedJob[]): string[] {
  const added = new Set(jobs.flatMap(({ identity }) => (identity.kind === 'added' ? [identity.name] : [])));
  return found.flatMap(({ job: { identity }, where }) =>
    identity.kind !== undefined && added.has(identity.name)
      ? [
          `Two jobs have the name ${JSON.stringify(identity.name)}: ${identity.method} (${where}) and one of ClusterJobs.add. Give one another name.`,
        ]
      : [],
  );
}

/** Jobs that could not be told apart, or could not be named. */
export function namingProblems(found: readonly FoundJob[]): string[] {
  const problems: string[] = [];
  const byName = new Map<string, FoundJob>();
  for (const each of found) {
    const { name, method, kind } = each.job.identity;
    const mustBeUnique = kind !== undefined || each.method.options.name !== undefined;
    const problem = classNameOf(each.instance) === '' && name === method ? 'its class has no name' : nameProblem(name);
    if (mustBeUnique && problem !== undefined) {
      problems.push(
        `The job ${JSON.stringify(name)} (${method}, ${each.where}) cannot have this name: ${problem}. Give it another with @MasterOnly({ name }).`,
      );
    }
    const other = byName.get(name);
    if (other === undefined) byName.set(name, each);
    else if (mustBeUnique && !(kind === undefined && other.job.identity.method === method)) {
      problems.push(
        `Two jobs have the name ${JSON.stringify(name)}: ${other.job.identity.method} (${other.where}) and ${method} (${each.where}). ` +
          'Give one another name with @MasterOnly({ name }), or provide the class once.',
      );
    }
  }
  return problems;
}

/** Names that the next build may change, with everything that is kept under them. */
export function minifiedNames(found: readonly FoundJob[]): string[] {
  return found
    .filter(
      ({ job: { identity }, instance }) =>
        identity.kind !== undefined && identity.name === identity.method && looksMinified(classNameOf(instance)),
    )
    .map(({ job }) => job.identity.name);
}

const OPTION: Readonly<Record<ScheduleKind, keyof RegisteredKinds>> = { cron: 'cronJobs', interval: 'intervals', timeout: 'timeouts' };
/** What makes a schedule of each kind, for messages. */
export const DECORATOR: Readonly<Record<ScheduleKind, string>> = { cron: '@Cron', interval: '@Interval', timeout: '@Timeout' };

/** Schedules that ScheduleModule does not register, so that they would never fire anywhere. */
export function unregistered(found: readonly FoundJob[], kinds: RegisteredKinds | undefined): string[] {
  const problems: string[] = [];
  for (const { instance, method, job, where } of found) {
    const { identity } = job;
    // Never so of a method; ScheduleModule has nothing to do with jobs that are added.
    if (identity.kind === 'added') continue;
    const declared = scheduleOf(method.wrapper);
    if (identity.kind === undefined && declared !== undefined) {
      problems.push(
        `${identity.method} (${where}) has ${DECORATOR[declared.kind]}, but ScheduleModule cannot see it: ` +
          (Object.hasOwn(instance, method.key)
            ? 'the instance has a property of that name (bound in the constructor?). Take it away.'
            : `a decorator above, or a proxy, wraps the method without its metadata. Move ${DECORATOR[declared.kind]} and @MasterOnly above that decorator.`),
      );
    } else if (identity.kind !== undefined && kinds === undefined) {
      problems.push(
        `${identity.method} (${where}) has ${DECORATOR[identity.kind]}, but ScheduleModule is missing, so it would never fire. Import ScheduleModule.forRoot() of @nestjs/schedule.`,
      );
    } else if (identity.kind !== undefined && kinds?.[OPTION[identity.kind]] === false) {
      const option = OPTION[identity.kind];
      problems.push(
        `${identity.method} (${where}) has ${DECORATOR[identity.kind]}, but ScheduleModule was imported with ${option}: false, so it would never fire. Set ${option}: true, or candidate: false on replicas that run no jobs.`,
      );
    }
  }
  return problems;
}
