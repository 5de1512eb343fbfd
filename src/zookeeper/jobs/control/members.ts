import type { MemberView } from '../persistence/job-store.js';
import type { JobControl } from '../record/job-control.js';
import { livingVersions } from './in-force.js';

/** Of each list of jobs that a member tells, made once: the list of all jobs asks about each of them. */
const SETS = new WeakMap<readonly string[], ReadonlySet<string>>();

function setOf(jobs: readonly string[]): ReadonlySet<string> {
  const known = SETS.get(jobs) ?? new Set(jobs);
  SETS.set(jobs, known);
  return known;
}

/** A replica with more jobs than its node can tell of is taken to have this one. */
export function hasJob(member: MemberView, job: string): boolean {
  return !member.name.startsWith('observer~') && (member.jobs === undefined || setOf(member.jobs).has(job));
}

/** Of the living versions that have the job; of all that declared it when none does. */
export function electionsOf({ declared }: JobControl, members: readonly MemberView[], job: string): string[] {
  const living = livingVersions(members.filter((member) => hasJob(member, job)));
  const alive = declared.filter(({ version }) => living.has(version));
  return [...new Set((alive.length === 0 ? declared : alive).map(({ election }) => election))];
}
