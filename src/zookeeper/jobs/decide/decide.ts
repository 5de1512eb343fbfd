import { clearAfterSuccess, listen } from './alarm.js';
import { settle, takeOver } from './runs.js';
import { decideTicks } from './ticks.js';
import { startTriggers } from './triggers.js';
import { Draft } from './draft.js';
import type { Plan, Situation } from './plan.js';

/**
 * What to do about one job now, as one change of its record. A pure function: whoever calls it makes the change by
 * compare-and-set, and only when that is acknowledged, and the tenure is still valid, starts what the plan says. If the
 * record has moved meanwhile nothing has happened, and the whole question is asked anew. Why this starts no tick twice
 * and gives each one verdict is told in `changes.ts`.
 *
 * In this order: what has ended here, what nobody carries on, triggers, ticks, the alarm about silence. At most
 * one start for each plan.
 */
export function decide(situation: Situation): Plan {
  const draft = new Draft(situation);
  settle(draft);
  draft.verdicts.push(...situation.reports);
  const { tenure } = situation;
  if (tenure === undefined) {
    clearAfterSuccess(draft);
    return planOf(draft, undefined);
  }
  takeOver(draft, tenure);
  startTriggers(draft, tenure);
  const nextTickMs = decideTicks(draft, tenure);
  const silenceMs = listen(draft);
  return planOf(draft, earlier(nextTickMs, silenceMs));
}

function planOf(draft: Draft, wakeAtMs: number | undefined): Plan {
  const { verdicts, start, dropped, results, alarm, again, waitsForCatchUp, catchesUp, isBehind } = draft;
  return {
    record: draft.hasChanged ? draft.record : undefined,
    verdicts,
    dropped,
    start,
    results,
    alarm,
    wakeAtMs,
    again,
    waitsFor: membersInTheWay(draft),
    waitsForCatchUp,
    catchesUp,
    isBehind,
  };
}

/** Other replicas whose runs go on: their end, or death, is a reason to look. */
function membersInTheWay(draft: Draft): readonly string[] {
  const { live, tenure } = draft.situation;
  if (tenure === undefined) return [];
  const others = draft.active.filter((entry) => entry !== draft.start && !live.has(entry.claim) && !draft.isAbandoned(entry));
  return [...new Set(others.map(({ holder }) => holder.member))];
}

function earlier(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}
