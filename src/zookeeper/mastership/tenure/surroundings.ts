import type { Membership } from '../../recipes/membership/membership.js';
import type { Drain } from '../election/election.js';

/** This replica among the members of its service. */
export interface OwnMember {
  readonly memberName: string;
  readEnsembleTime(): Promise<number>;
  clocks(): ReturnType<Membership['clocks']>;
}

/** What the tenure needs beside the election. */
export interface TenureSurroundings {
  /** Lets the runs finish before the node is given up; undefined while nobody has set it. */
  readonly drain: () => Drain | undefined;
  readonly member: OwnMember;
  /** Identifies this replica in the line of standbys. */
  readonly lineId: string;
}
