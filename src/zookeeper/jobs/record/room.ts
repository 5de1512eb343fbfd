import { heldBy, isHeld, MAX_RUNNING, MAX_WAITING_TRIGGERS, type JobRecord, type RunEntry } from './job-record.js';
import { packEntry, packText } from './packed.js';

/**
 * How many bytes of the record its runs and waiting triggers may take. What is left of `MAX_RECORD_BYTES` holds the
 * longest schedule and every instant, so that a record always has room for a pause, a reschedule or the end of a run.
 * Enough for `MAX_RUNNING` runs and `MAX_WAITING_TRIGGERS` triggers whose names are UUIDs.
 */
export const MAX_WORK_BYTES = 640;
/** The longest id of a trigger, in bytes. */
export const MAX_TRIGGER_BYTES = 36;
/** The longest name of a replica that a run can carry: `version~` and a UUID. */
const LONGEST_HOLDER = heldBy('version~00000000-0000-0000-0000-000000000000');

/** Whether one more run can be put down. That of a trigger takes the place at which it has waited. */
export function hasRoomForRun({ running, triggers }: Pick<JobRecord, 'running' | 'triggers'>, entry: RunEntry): boolean {
  const waiting = triggers.filter((id) => id !== entry.trigger);
  return running.length < MAX_RUNNING && workBytes([...running, entry], waiting) <= MAX_WORK_BYTES;
}

/** Whether one more trigger can wait. */
export function hasRoomForTrigger(record: JobRecord, trigger: string): boolean {
  return (
    Buffer.byteLength(trigger) <= MAX_TRIGGER_BYTES &&
    record.triggers.length < MAX_WAITING_TRIGGERS &&
    workBytes(record.running, [...record.triggers, trigger]) <= MAX_WORK_BYTES
  );
}

/** A run that was given back keeps the room for the name of whoever takes it. */
function workBytes(running: readonly RunEntry[], triggers: readonly string[]): number {
  const entries = running.map((entry) => packEntry(isHeld(entry) ? entry : { ...entry, holder: LONGEST_HOLDER }));
  return Buffer.byteLength(JSON.stringify([entries, triggers.map(packText).join(' ')]));
}
