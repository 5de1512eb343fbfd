import type { Election, Elections } from '../zookeeper/mastership/election/election.js';
import type { ClusterMember } from '../zookeeper/mastership/election/members.js';
import { StandaloneElection } from '../zookeeper/mastership/standalone.js';

/** Who is master when the test starts. */
export interface TestElectionsOptions {
  /** True: this replica, of every election. False: another one. */
  readonly master: boolean;
  /** The address that stands for the other replica. Default `other.test:9090`. */
  readonly otherAddress?: string;
}

/**
 * The elections of an application under test: no ZooKeeper, and the test says who is master. From
 * `ZookeeperTestingModule`: `app.get(TestElections)`. It counts at once, without waiting for the application to have
 * started.
 */
export class TestElections implements Elections {
  /** Nothing is claimed: every fire on the master runs at once. */
  readonly claims = { kind: 'off' } as const;
  private readonly byName = new Map<string | undefined, StandaloneElection>();
  private readonly otherAddress: string;

  constructor(private readonly options: TestElectionsOptions) {
    this.otherAddress = options.otherAddress ?? 'other.test:9090';
  }

  /**
   * Makes this replica master, under a new fencing token, or takes the mastership away at once, as a crash or a
   * partition would.
   */
  setMaster(master: boolean, election?: string): void {
    const found = this.find(election);
    if (master) found.win();
    else if (found.isMaster()) found.lose({ kind: 'standby', master: this.otherAddress, rank: 0 }, 'the test took it away');
  }

  election(name?: string): Election {
    return this.find(name);
  }

  async members(): Promise<readonly ClusterMember[]> {
    const member = { version: '0', candidate: true, since: new Date(0), rank: undefined };
    const holds = [...this.byName.values()].filter((one) => one.isMaster()).map((one) => one.key);
    return [
      { ...member, address: 'this.test:9090', holds: holds.sort(), isThis: true },
      { ...member, address: this.otherAddress, holds: [], isThis: false },
    ];
  }

  async setJobs(): Promise<void> {
    // There is nobody to tell.
  }

  start(): void {
    // Who is master was decided by the test.
  }

  async stop(): Promise<'resigned' | 'stuck'> {
    const ends = await Promise.all([...this.byName.values()].map((election) => election.close('shutdown', 'closed')));
    return ends.includes('stuck') ? 'stuck' : 'resigned';
  }

  private find(name: string | undefined): StandaloneElection {
    const known = this.byName.get(name);
    if (known !== undefined) return known;
    const made = new StandaloneElection(name === undefined ? 'Test:0' : `Test:0:${name}`, { key: 'Test:0', address: 'this.test:9090' });
    if (this.options.master) made.win();
    else made.lose({ kind: 'standby', master: this.otherAddress, rank: 0 }, 'the test says so');
    this.byName.set(name, made);
    return made;
  }
}
