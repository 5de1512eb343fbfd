import type { Election } from '../mastership/election/election.js';
import { NotMasterError } from '../mastership/election/errors.js';
import { knownMaster, type Mastership } from '../mastership/election/mastership.state.js';

/**
 * A timer of one's own (`SchedulerRegistry.addCronJob`) fires on every replica, and meets this error on all but one.
 */
const FOR_TIMERS = '; for a schedule made at run time use ClusterJobs.add, which starts nothing here';

/**
 * The error for `what`, which runs only on the master, as the election is at this moment. `isPlain`: a method without a
 * schedule, which a timer may call.
 */
export function refusal(what: string, election: Election, isPlain = false): NotMasterError {
  const state = election.state();
  return new NotMasterError(election.key, knownMaster(state), `"${what}" runs only there; ${inWords(state)}${isPlain ? FOR_TIMERS : ''}`);
}

function inWords(state: Mastership): string {
  switch (state.kind) {
    case 'standby':
      return 'this replica stands by';
    case 'observing':
      return `this replica only observes: ${state.why}`;
    case 'electing':
      return `the election is going on: ${state.why}`;
    case 'waiting':
      return `this replica was elected and waits until its predecessor is over: ${state.why}`;
    case 'doubtful':
      return 'the lease of this replica has run out without a renewal';
    case 'draining':
      return `this replica hands over: ${state.why}`;
    case 'master':
      return 'this replica is shutting down, or has become master just now';
  }
}
