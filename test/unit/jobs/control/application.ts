import { ClusterJobs } from '../../../../src/zookeeper/api/cluster-jobs.js';
import type { JobIdentity } from '../../../../src/zookeeper/jobs/run/job-identity.js';
import { JobEvents } from '../../../../src/zookeeper/jobs/record/job-events.js';
import type { Elections } from '../../../../src/zookeeper/mastership/election/election.js';
import type { JobStore } from '../../../../src/zookeeper/jobs/persistence/job-store.js';
import type { Observation } from '../../../../src/zookeeper/support/observer.js';
import { declared, HOURLY, KeptStore, member } from './kept-store.js';

type GateOfJobs = ConstructorParameters<typeof ClusterJobs>[3];

/** What `ClusterJobs` needs of an application: its gate takes every job that is added. */
export class Application {
  readonly events = new JobEvents(() => undefined);
  readonly names: string[] = ['report'];
  readonly runs = new Map<string, (given: unknown) => unknown>();
  readonly observed: Observation[] = [];
  /** What the other replicas were told of. */
  told: readonly string[] = [];
  /** How often they were told, and how often the whole list of jobs was gone through. */
  readonly costs = { told: 0, listed: 0 };
  readonly jobs: ClusterJobs;

  constructor(store: JobStore | undefined) {
    const election = { key: 'Accounts:1.0', master: () => Promise.resolve({ address: '10.0.0.1:10', isThis: true }) };
    const gate = {
      list: () => {
        this.costs.listed += 1;
        return this.names.map((name) => ({ identity: { name, kind: 'cron' }, gate: { election } }));
      },
      add: ({ name }: JobIdentity, run: (given: unknown) => unknown) => {
        this.names.push(name);
        this.runs.set(name, run);
      },
      has: (name: string) => this.names.includes(name),
      declared: () => Promise.resolve(),
      catchUp: () => undefined,
      remove: ({ name }: JobIdentity) => void this.names.splice(this.names.indexOf(name), 1),
    } as unknown as GateOfJobs;
    const setJobs = async (names: readonly string[]): Promise<void> => {
      this.told = names;
      this.costs.told += 1;
    };
    const elections = { election: () => election, setJobs } as unknown as Elections;
    const settings = { address: '10.0.0.1:10', version: '1.0', maxClockSkewMs: 30_000 };
    this.jobs = new ClusterJobs(store, this.events, settings, gate, elections, {
      observe: (observation) => void this.observed.push(observation),
    });
  }
}

export function withStore(): { application: Application; store: KeptStore } {
  const store = new KeptStore(Date.now());
  store.put('report', { schedule: { ...HOURLY, sinceMs: undefined } }, { declared: [declared('1.0')] }, 0);
  store.alive = [member('1.0', ['report'])];
  return { application: new Application(store), store };
}
