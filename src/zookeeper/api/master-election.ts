import { Inject, Injectable } from '@nestjs/common';
import { Observable } from 'rxjs';
import type { Election, Elections } from '../mastership/election/election.js';
import { electionNameProblem } from '../support/names.js';
import type { Mastership, Tenure } from '../mastership/election/mastership.state.js';
import type { ClusterMember } from '../mastership/election/members.js';
import { ClusterCronError, jsonFacts } from '../support/errors.js';
import { ELECTIONS } from '../decorators/inject.js';

/**
 * Who is master, for applications. Every method takes the name of an election; without one it means the
 * service's own. An election that nobody has named yet comes into being when it is first named here, and this
 * replica takes part in it.
 */
@Injectable()
export class MasterElection {
  private readonly byName = new Map<string | undefined, Election>();

  constructor(@Inject(ELECTIONS) private readonly elections: Elections) {}

  /**
   * True if and only if this replica is master at this instant (also while it drains). No I/O;
   * safe to ask at every moment.
   * @throws {ClusterCronError} `ZK_BAD_ELECTION_NAME` for a name that cannot be used, as every method here.
   */
  isMaster(election?: string): boolean {
    return (this.byName.get(election) ?? this.find(election)).isMaster();
  }

  /**
   * The state of the election as this replica knows it, as one value. No I/O. Can be sent as JSON in every state:
   * `JSON.stringify` writes the tenure's token and czxid, which are bigints, as text.
   */
  mastership(election?: string): Mastership {
    return presentable(this.find(election).state());
  }

  /** The state and every change of it; a subscriber gets the present one at once. Never errs, never completes. */
  mastership$(election?: string): Observable<Mastership> {
    const found = this.find(election);
    return new Observable((subscriber) => {
      const unsubscribe = found.onChange((state) => subscriber.next(presentable(state)));
      subscriber.next(presentable(found.state()));
      return unsubscribe;
    });
  }

  /**
   * Asks the ensemble which replicas of the service live, the oldest first: address, version, what each holds, its rank
   * in the line of the election. Some reads for each replica: for people, not for a loop. Without ZooKeeper
   * (`standalone`, testing kit): this process.
   * @throws {NotConnectedError} while there is no session.
   * @throws {ZooKeeperError} when the connection is lost meanwhile. The reason of `signal`,
   * which gives up the question.
   */
  async members(election?: string, options: { readonly signal?: AbortSignal } = {}): Promise<readonly ClusterMember[]> {
    this.find(election);
    return this.elections.members(election, options.signal);
  }

  /**
   * Asks the ensemble who is master: its `host:port`, and whether it is this replica. Undefined: nobody at this moment.
   * Old as soon as it is read; whether this replica may act is asked with `isMaster`.
   * @throws {NotConnectedError} while there is no session.
   * @throws {ZooKeeperError} when the connection is lost meanwhile. The reason of `signal`,
   * which gives up the question.
   */
  async master(
    election?: string,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<{ readonly address: string; readonly isThis: boolean } | undefined> {
    return this.find(election).master(options.signal);
  }

  /**
   * Drains, gives the mastership up and stands in line again. Resolves when it is given up: at the latest some seconds
   * after `drainTimeoutMs`, as long as ZooKeeper can be reached.
   * @throws {NotMasterError} elsewhere than on the master.
   * @throws {RunIgnoresAbortError} when a run goes on after its abort; this replica is then still master.
   * @throws the reason of `signal`, which stops waiting: the mastership is given up all the same.
   */
  async resign(election?: string, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    return this.find(election).resign(options.signal);
  }

  /**
   * Names the replica with this address, exactly as it advertises it, as the next master. Resolves when that is
   * written; the present master then drains (aborts its runs after `drainTimeoutMs`) and hands over. From any replica;
   * does nothing where that replica is master already.
   * @throws {UnknownReplicaError} when no replica of that address stands in line; it lists those that do.
   * @throws {NotConnectedError} while there is no session.
   * @throws {ZooKeeperError} when the connection is lost meanwhile, or somebody else was first (`reason`
   * `bad-version`), or nobody is master (`no-node`).
   * @throws the reason of `signal`, which stops waiting: what was sent may still be carried out.
   */
  async transferTo(address: string, election?: string, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    return this.find(election).transferTo(address, options.signal);
  }

  private find(name: string | undefined): Election {
    const known = this.byName.get(name);
    if (known !== undefined) return known;
    const problem = name === undefined ? undefined : electionNameProblem(name);
    if (problem !== undefined)
      throw new ClusterCronError('ZK_BAD_ELECTION_NAME', `The election name ${JSON.stringify(name)} cannot be used: ${problem}.`);
    const found = this.elections.election(name);
    this.byName.set(name, found);
    return found;
  }
}

/** A state for applications: its tenure has what `Tenure` says and nothing else, and can be written as JSON. */
function presentable(state: Mastership): Mastership {
  return 'tenure' in state ? { ...state, tenure: new PublicTenure(state.tenure) } : state;
}

class PublicTenure implements Tenure {
  readonly id: string;
  readonly token: bigint;
  readonly czxid: bigint;

  constructor({ id, token, czxid }: Tenure) {
    this.id = id;
    this.token = token;
    this.czxid = czxid;
  }

  toJSON(): Readonly<Record<string, unknown>> {
    return jsonFacts(this);
  }
}
