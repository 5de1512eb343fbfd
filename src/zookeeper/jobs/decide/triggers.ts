import type { Draft, Office } from './draft.js';
import { hasRoomForRun } from '../record/room.js';

/** Starts, refuses or keeps waiting what `ClusterJobs.trigger` has asked for, oldest first. Also while the job is paused. */
export function startTriggers(draft: Draft, office: Office): void {
  const { overlap } = draft.situation.rules;
  for (const trigger of draft.record.triggers) {
    if (!draft.isFree && overlap === 'skip') {
      draft.refuse(trigger, 'overlap');
      continue;
    }
    if (!draft.isFree && overlap === 'queue-latest') return;
    const entry = draft.newEntry(office, { trigger }, 'trigger');
    if (!hasRoomForRun(draft.record, entry) || !draft.mayStart()) return;
    draft.claim(entry);
  }
}
