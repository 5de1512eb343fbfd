import type { JobRecord } from './job-record.js';
import type { TriggerNode } from './job-store.js';

/**
 * Whether nothing will ever change this trigger any more: by its node it waits or runs, but the record, which decides about that, does not name it. So it is
 * when somebody has edited the record, or put an older one in its place. Both must be as they were at one instant (`JobStore.loadStanding`).
 */
export function isForgotten({ triggers, running }: JobRecord, { id, state }: Pick<TriggerNode, 'id' | 'state'>): boolean {
  const isOpen = state === 'waiting' || state === 'started';
  return isOpen && !triggers.includes(id) && !running.some(({ trigger }) => trigger === id);
}
