import * as changes from '../record/changes.js';
import { changeInWords, type Declaration } from '../record/job-control.js';
import { endsBy, type TriggerNode } from '../record/trigger.state.js';
import { triggerInterrupted, triggerRefused } from '../record/verdict-builders.js';
import type { StoredVerdict } from '../record/verdict.js';
import { pauseInForce } from './pause.js';
import { carryOut, unknownJob, type Amendment, type ControlParts, type Subject } from './amend.js';
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
  const code = kind === 'unreadable' ? await repair(parts, job) : undefined;
  await carryOut(parts, job, by, (subject) => {
    const amendment = reset(parts, subject);
    return code === undefined
      ? amendment
      : { ...amendment, control: { ...subject.control, inForce: { from: 'code', version: code.version } } };
  });
}

function reset({ address }: ControlParts, { view, control, ensembleMs, living }: Subject): Amendment {
  const { running, triggers } = view.record;
  const { record, verdicts, due } = changes.reset(view, ticksOf(view.record, control, living), ensembleMs, address);
  return {
    record,
    verdicts,
    triggers: endsBy(verdicts),
    done: changeInWords('reset', `${running.length} running, ${due} due, ${triggers.length} triggers`),
  };
}

/** Nothing can be told of what ran and what was due: ticks count from now. Answers whose schedule is in force now. */
async function repair({ store, address }: ControlParts, job: string): Promise<Declaration | undefined> {
  const control = await store.loadControl(job);
  const ensembleMs = Math.round(await store.ensembleMs());
  const code = control && codeSchedule(control.control, livingVersions(await store.members()));
  const paused = control && pauseInForce(control.control);
  await store.repair(job, changes.recordInPlaceOfUnreadable(code?.schedule, ensembleMs, paused?.atMs), (open) => lost(open, address));
  return code;
}

/**
 * One that was started may have done something: it is not refused, so that asking for it again does not run it twice.
 */
function lost({ id, state }: TriggerNode, by: string): StoredVerdict {
  return state === 'waiting' ? triggerRefused(id, 'reset', by) : triggerInterrupted(id, 'reset', by);
}
