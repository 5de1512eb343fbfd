import { tokens, violations } from '../../support/replica/audit.js';
import type { Fleet, Replica } from '../../support/replica/replica.js';

/** The session timeout of most scenarios: short, so that they are. The servers grant five times of it. */
export const T_MS = 2_000;

/** What a scenario shows. */
export interface Outcome {
  /** In words; empty when the promise held. */
  readonly violations: readonly string[];
  /** Under which tokens there were masters, smallest first. */
  readonly tokens: readonly bigint[];
}

/** What all scenarios can be given: where they find the library under test, if it is not the project's own. */
export interface Subject {
  readonly dist?: string | undefined;
}

export function outcomeOf(fleet: Fleet): Outcome {
  return { violations: violations(fleet), tokens: tokens(fleet) };
}

/** The server that the replica's session is, or was last, attached to, as `host:port`. */
export function serverOf(replica: Replica): string {
  const last = replica.messages.findLast((one) => one['event'] === 'session.attached' || one['event'] === 'session.reattached');
  return String((last?.['fields'] as { server?: string } | undefined)?.server);
}
