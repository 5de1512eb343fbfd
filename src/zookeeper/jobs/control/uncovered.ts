import type { MemberView } from '../persistence/job-store.js';
import type { JobControl } from '../record/job-control.js';
import { electionsOf, hasJob } from './members.js';

/** A master that does not have a job, which so waits for another one. */
export interface Uncovered {
  readonly master: MemberView;
  /** The replicas that have the job. */
  readonly holders: readonly MemberView[];
}

/**
 * `host:port` of the master of an election; undefined when there is none; `'unknown'` where this replica cannot ask.
 */
export type MasterOf = (election: string) => Promise<string | undefined>;

/**
 * The present master that does not have the job, although other replicas do: it was added on some replicas only, or
 * (`electionScope: 'service'`) only a newer version has it. Undefined when a master has it, when there is none, and
 * when it is not known who is.
 */
export async function uncovered(
  job: string,
  { control, members, masterOf }: { readonly control: JobControl; readonly members: readonly MemberView[]; readonly masterOf: MasterOf },
): Promise<Uncovered | undefined> {
  const holders = members.filter((member) => hasJob(member, job));
  if (holders.length === 0) return undefined;
  const elections = electionsOf(control, members, job);
  let lacking: MemberView | undefined;
  for (const address of await Promise.all(elections.map(masterOf))) {
    if (address === 'unknown') return undefined;
    if (address === undefined) continue;
    // Replicas may share an address: during a deploy, say.
    const there = members.filter((member) => member.address === address && !member.name.startsWith('observer~'));
    if (there.length === 0 || there.some((member) => hasJob(member, job))) return undefined;
    lacking ??= there[0];
  }
  return lacking && { master: lacking, holders };
}

/** As a sentence, for a list or an answer to why. */
export function uncoveredInWords(job: string, { master, holders }: Uncovered): string {
  return (
    `The present master, ${master.address} (version ${master.version}), does not have job "${job}" in its code; it is left for a master that has: ` +
    `${addressesOf(holders)}. Add it on every replica, or finish the deploy.`
  );
}

export function addressesOf(members: readonly MemberView[]): string {
  return members.length === 0 ? 'none' : members.map(({ address, version }) => `${address} (${version})`).join(', ');
}
