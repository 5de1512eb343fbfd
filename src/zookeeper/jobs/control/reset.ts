import { EMPTY_RECORD, type RunEntry } from '../record/job-record.js';
import type { Declaration, TriggerEnd, TriggerNode } from '../record/job-store.js';
import { NO_RUN, type StoredVerdict } from '../record/verdict.js';
import { endOf, laterTick } from '../tick.js';
import { amend, unknownJob, type Amendment, type ControlParts, type Subject } from './amend.js';
import { codeSchedule } from './reschedule.js';
import { livingVersions, passedOver, ticksOf } from './in-force.js';

/**
 * Repair: forgets what a job is said to run and what is due. Runs get the verdict interrupted (reset), ticks that are due missed (reset), triggers that wait
 * are refused. A run that goes on in fact is not stopped, and its end is not written down: a tick may then run beside it. A record that cannot be read is
 * made anew, with the schedule of the code; the triggers below it are ended.
 */
export async function resetClaim(parts: ControlParts, job: string, by?: string): Promise<void> {
  const { view, problem } = await parts.store.load(job);
  if (view === undefined && problem === undefined) throw await unknownJob(parts.store, job);
  const code = problem === undefined ? undefined : await repair(parts, job);
  await amend(parts, job, by, (subject) => {
    const amendment = reset(parts, subject);
    return code === undefined
      ? amendment
      : { ...amendment, control: { ...subject.control, inForce: { from: 'code', version: code.version } } };
  });
}

function reset({ address }: ControlParts, { view, control, nowMs, living }: Subject): Amendment {
  const { record } = view;
  const refused = record.triggers.map((id) => ({ id, ...refusedBy(id, address) }));
  const interrupted = record.running.map((entry) => interruptedBy(entry, address));
  const due = passedOver(view, ticksOf(record, control, living), nowMs, { reason: 'reset', by: address });
  return {
    record: {
      ...record,
      running: [],
      triggers: [],
      cursor: record.schedule === undefined ? record.cursor : laterTick(endOf(nowMs), record.cursor),
    },
    verdicts: [...interrupted, ...due, ...refused.map(({ verdict }) => verdict)],
    triggers: [...refused, ...endedTriggers(interrupted)],
    change: `claims reset: ${record.running.length} running, ${due.reduce((sum, { count }) => sum + count, 0)} due, ${record.triggers.length} triggers`,
  };
}

function refusedBy(id: string, by: string): TriggerEnd {
  return { state: 'refused', verdict: { ...NO_RUN, outcome: 'skipped', reason: 'reset', trigger: id, cause: 'trigger', by } };
}

function interruptedBy({ tick, trigger, cause, startedMs, token }: RunEntry, by: string): StoredVerdict {
  return { ...NO_RUN, outcome: 'interrupted', reason: 'reset', tick, trigger, cause, startedMs, token, by };
}

function endedTriggers(verdicts: readonly StoredVerdict[]): NonNullable<Amendment['triggers']> {
  return verdicts.flatMap((verdict) => (verdict.trigger === undefined ? [] : [{ id: verdict.trigger, state: 'ended' as const, verdict }]));
}

/** Nothing can be told of what ran and what was due: ticks count from now. Answers whose schedule is in force now. */
async function repair({ store, address }: ControlParts, job: string): Promise<Declaration | undefined> {
  const control = await store.loadControl(job);
  const nowMs = Math.round(await store.nowMs());
  const code = control && codeSchedule(control.control, livingVersions(await store.members()));
  const schedule = code?.schedule;
  const record = { ...EMPTY_RECORD, schedule: schedule && { ...schedule, sinceMs: nowMs }, cursor: schedule && endOf(nowMs) };
  await store.repair(job, record, (open) => endedBy(open, address));
  return code;
}

/** One that was started may have done something: it is not refused, so that asking for it again does not run it twice. */
function endedBy({ id, state }: TriggerNode, by: string): TriggerEnd {
  const refused = refusedBy(id, by);
  return state === 'waiting' ? refused : { state: 'ended', verdict: { ...refused.verdict, outcome: 'interrupted' } };
}
