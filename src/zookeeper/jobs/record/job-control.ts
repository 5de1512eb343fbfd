import type { ScheduleSpec } from '../schedule/schedule.js';

/** What a version of the service says about a job in its code. */
export interface Declaration {
  readonly version: string;
  /** Undefined for a job without claimed ticks. */
  readonly schedule: ScheduleSpec | undefined;
  readonly kind: 'cron' | 'interval' | 'timeout' | 'added';
  readonly claim: 'tick' | 'none';
  /** `<service>:<version>[:<name>]`: the election whose master runs it. */
  readonly election: string;
  readonly maxSilenceMs: number | undefined;
  readonly disabled: boolean;
}

/** One change by hand, for whoever asks later who did it. */
export interface AuditEntry {
  /** By the ensemble's clock where it is known, else by the caller's. */
  readonly atMs: number;
  /** `host:port` of the replica that was asked, and what the caller said of himself. */
  readonly by: string;
  readonly kind: AuditKind;
  /** What was done, for people: a participle that begins as its kind does (`BEGINNINGS`). */
  readonly change: string;
}

/**
 * `'in force'`: a deploy has put the schedule of its version in force. `'declared'`: it has said something else that
 * changes which ticks there are. `'other'`: what a later version of this library may have written.
 */
export type AuditKind = 'paused' | 'resumed' | 'rescheduled' | 'reset' | 'in force' | 'declared' | 'other';

/**
 * A control node holds the words alone, and versions of this library that read no more than those may write beside this
 * one; so each kind has a beginning of its own, by which it is known when it is read.
 */
const BEGINNINGS: Readonly<Record<Exclude<AuditKind, 'other'>, string>> = {
  paused: 'paused',
  resumed: 'resumed',
  rescheduled: 'rescheduled to ',
  reset: 'claims reset: ',
  'in force': 'schedule of version ',
  declared: 'declared anew by version ',
};

/** What was done, in words: those that each of its kind begins with, and these. */
export function changeInWords(kind: Exclude<AuditKind, 'other'>, words = ''): Pick<AuditEntry, 'kind' | 'change'> {
  return { kind, change: `${BEGINNINGS[kind]}${words}` };
}

/** The entry that these words were written for. */
export function auditEntryOf({ atMs, by, change }: Omit<AuditEntry, 'kind'>): AuditEntry {
  const kinds = Object.keys(BEGINNINGS) as (keyof typeof BEGINNINGS)[];
  return { atMs, by, kind: kinds.find((kind) => change.startsWith(BEGINNINGS[kind])) ?? 'other', change };
}

/** The newest entry of one of these kinds, as far as it is still known. */
export function lastOf({ audit }: Pick<JobControl, 'audit'>, ...kinds: readonly AuditKind[]): AuditEntry | undefined {
  return audit.findLast(({ kind }) => kinds.includes(kind));
}

export function audited(control: JobControl, entry: AuditEntry): JobControl {
  return { ...control, audit: [...control.audit, entry].slice(-MAX_AUDIT) };
}

/** `<job>/control`: what the versions declare and operators have ordered. */
export interface JobControl {
  /** The last that was made for each version, oldest first; at most `MAX_DECLARATIONS`. */
  readonly declared: readonly Declaration[];
  /** Which declaration the schedule in force comes from, or `'control'` for a `reschedule`. */
  readonly inForce: { readonly from: 'code'; readonly version: string } | { readonly from: 'control' };
  /** Oldest first; at most `MAX_AUDIT`. */
  readonly audit: readonly AuditEntry[];
}

/** Of a job that nothing was declared about. */
export const EMPTY_CONTROL: JobControl = { declared: [], inForce: { from: 'code', version: '' }, audit: [] };

export const MAX_DECLARATIONS = 8;
export const MAX_AUDIT = 50;

export interface ControlView {
  readonly control: JobControl;
  readonly version: number;
}
