import type { Draft } from './draft.js';
import { silentSinceMs } from '../record/silence.js';

/**
 * The alarm about a job that has not succeeded for longer than `maxSilenceMs`. It is raised once, by the record, and
 * cleared by a success, a pause, or anything else from which the silence counts anew. Answers when to look again.
 */
export function listen(draft: Draft): number | undefined {
  const { rules, wallMs } = draft.situation;
  noteSuccess(draft);
  const { pausedMs, alarmedMs } = draft.record;
  const { maxSilenceMs } = rules;
  if (pausedMs !== undefined) {
    draft.clearAlarm();
    return undefined;
  }
  // Another version of the service may know of a limit where this one does not: the alarm is left
  // to it, and to a success.
  if (maxSilenceMs === undefined) return clearAfterSuccess(draft);
  const deadlineMs = silentSinceMs(draft.view) + maxSilenceMs;
  if (wallMs <= deadlineMs) {
    draft.clearAlarm();
    return isUnnoted(draft) ? deadlineMs - maxSilenceMs / 2 : deadlineMs + 1;
  }
  if (alarmedMs === undefined) draft.raiseAlarm();
  return undefined;
}

/** A success ends the alarm, also when a replica writes it down that is not master any more. */
export function clearAfterSuccess(draft: Draft): undefined {
  if (draft.record.succeededMs !== draft.situation.view.record.succeededMs) draft.clearAlarm();
}

/**
 * Runs without a claim write nothing when they succeed. That they did is noted when half of the time allowed has
 * passed since the last note, so that a successor does not take its predecessor's job for silent; and at once when
 * there is an alarm to end.
 */
function noteSuccess(draft: Draft): void {
  const { rules, succeededMs, wallMs } = draft.situation;
  const { record } = draft;
  if (rules.maxSilenceMs === undefined || succeededMs === undefined || !isUnnoted(draft)) return;
  if (record.alarmedMs === undefined && wallMs < silentSinceMs(draft.view) + rules.maxSilenceMs / 2) return;
  draft.noteSuccess(succeededMs);
}

function isUnnoted({ record, situation }: Draft): boolean {
  return Math.round(situation.succeededMs ?? 0) > (record.succeededMs ?? 0);
}
