import { recordInPlaceOfUnreadable, reset as resetRecord } from '../record/changes.js';
import { audited, changeInWords, EMPTY_CONTROL } from '../record/job-control.js';
import { EMPTY_RECORD } from '../record/job-record.js';
import { endsBy, type TriggerNode } from '../record/trigger.state.js';
import { triggerInterrupted, triggerRefused } from '../record/verdict-builders.js';
import type { StoredVerdict } from '../record/verdict.js';
import { pauseInForce } from './pause.js';
import {
  carryOut,
  MAX_TRIES,
  pauseAfterConflict,
  signature,
  unknownJob,
  type Amendment,
  type ControlParts,
  type Subject,
} from './amend.js';
import { JobContendedError } from './errors.js';
import { codeSchedule } from './reschedule.js';
import { livingVersions, ticksOf } from './in-force.js';

/**
 * Repair: forgets what a job is said to run and what is due. Runs get the verdict interrupted (reset), ticks that
 * are due missed (reset), triggers that wait are refused. A run that goes on in fact is not stopped, and its end
 * is not written down: a tick may then run beside it. A record that cannot be read is made anew, with the
 * schedule of the code, and paused if the last order of that kind that the history tells of is a pause; the
 * triggers below it are ended.
 */
export async function resetClaim(parts: ControlParts, job: string, by?: string): Promise<void> {
  const { kind } = await parts.store.load(job);
  if (kind === 'missing') throw await unknownJob(parts.store, job);
  if (kind === 'unreadable' && (await repair(parts, job, by))) return;
  await carryOut(parts, job, by, (subject) => reset(parts, subject));
}

function reset({ address }: ControlParts, { view, control, ensembleMs, living }: Subject): Amendment {
  const { running, triggers } = view.record;
  const { record, verdicts, due } = resetRecord(view, ticksOf(view.record, control, living), ensembleMs, address);
  return {
    record,
    verdicts,
    triggers: endsBy(verdicts),
    done: changeInWords('reset', `${running.length} running, ${due} due, ${triggers.length} triggers`),
  };
}

/**
 * Nothing can be told of what ran and what was due: ticks count from now. The record has the schedule of the code from
 * the same transaction on that says so in the control node. False: it can be read, as somebody else has made it anew.
 */
async function repair(parts: ControlParts, job: string, by: string | undefined): Promise<boolean> {
  const { store, clock, address, signal } = parts;
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    if (tries > 0) await pauseAfterConflict(clock, tries, signal);
    const view = await store.loadControl(job);
    if (view === undefined) {
      await store.create(job, EMPTY_RECORD, EMPTY_CONTROL);
      continue;
    }
    const ensembleMs = Math.round(await store.ensembleMs());
    const code = codeSchedule(view.control, livingVersions(await store.members()));
    const record = recordInPlaceOfUnreadable(code?.schedule, ensembleMs, pauseInForce(view.control)?.atMs);
    const inForce = code === undefined ? view.control.inForce : ({ from: 'code', version: code.version } as const);
    const done = changeInWords('reset', 'the record could not be read, and was made anew');
    const entry = { atMs: ensembleMs, by: signature(address, by), ...done };
    const control = { view, control: audited({ ...view.control, inForce }, entry) };
    signal?.throwIfAborted();
    const result = await store.repair(job, { record, control, end: (open) => lost(open, address) });
    if (result === 'readable') return false;
    if (result === 'moved') continue;
    parts.changed?.(job, entry);
    return true;
  }
  throw new JobContendedError(job, MAX_TRIES);
}

/**
 * One that was started may have done something: it is not refused, so that asking for it again does not run it twice.
 */
function lost({ id, state }: TriggerNode, by: string): StoredVerdict {
  return state === 'waiting' ? triggerRefused(id, 'reset', by) : triggerInterrupted(id, 'reset', by);
}
