import type { MemberView, RecordStore, MemberDirectory } from '../persistence/job-store.js';
import { JobInUseError } from './errors.js';
import { hasJob } from './members.js';
import { unknownJob } from './amend.js';

/** Who removes a job. */
export interface Remover {
  /** It was added at run time on this replica, and has been taken out here. */
  readonly isAdded: boolean;
  /** This replica has it in its code. */
  readonly isOwn: boolean;
  readonly address: string;
  readonly version: string;
}

/**
 * Removes the record of a job, and everything below it, when no living replica has the job. One that others still
 * have stays: in silence when it was added here (the last replica removes it; the answer is false), else with an
 * error. The member node of this replica may still tell of the job, where that could not be told; it does not
 * count. A replica that has taken the job out has told so before it asks here, so of several that do at once the
 * last one finds no other.
 * @throws {JobInUseError} {UnknownJobError}
 */
export async function removeRecord(
  store: RecordStore & MemberDirectory,
  job: string,
  { isAdded, isOwn, address, version }: Remover,
): Promise<boolean> {
  if (isOwn) throw new JobInUseError(job, [`${address} (${version}, this replica)`], 'code');
  const holders = (await store.members('latest')).filter((member) => hasJob(member, job));
  const self = isAdded ? holders.find((member) => member.address === address && member.version === version) : undefined;
  const others = holders.filter((member) => member !== self);
  if (others.length > 0) {
    if (isAdded) return false;
    throw new JobInUseError(
      job,
      others.map((member) => `${member.address} (${member.version})`),
      await howOn(store, job, others),
    );
  }
  const { kind } = await store.load(job);
  if (kind === 'missing') {
    if (isAdded) return false;
    throw await unknownJob(store, job);
  }
  await store.remove(job);
  return true;
}

/** How these replicas have the job: in their code, as far as one of their versions says so, or added at run time. */
async function howOn(store: RecordStore, job: string, holders: readonly MemberView[]): Promise<'code' | 'added' | 'unknown'> {
  const loaded = await store.loadControl(job);
  const versions = new Set(holders.map(({ version }) => version));
  const declared = loaded?.control.declared.filter(({ version }) => versions.has(version)) ?? [];
  if (declared.length === 0) return 'unknown';
  return declared.every(({ kind }) => kind === 'added') ? 'added' : 'code';
}
