import type { Draft, Claimant } from './draft.js';
import { hasRoomForRun } from '../record/room.js';

/**
 * Starts, refuses or keeps waiting what `ClusterJobs.trigger` has asked for, oldest first. Also
 * while the job is paused.
 */
export function startTriggers(draft: Draft, claimant: Claimant): void {
  const { overlap } = draft.situation.rules;
  for (const trigger of draft.record.triggers) {
    if (!draft.isFree && overlap === 'skip') {
      draft.refuse(trigger, 'overlap');
      continue;
    }
    if (!draft.isFree && overlap === 'queue-latest') return;
    const entry = draft.newEntry(claimant, { trigger }, 'trigger');
    if (!hasRoomForRun(draft.record, entry) || !draft.mayStart()) return;
    draft.claim(entry);
  }
}
