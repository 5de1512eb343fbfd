import { messageOf } from '../../../support/errors.js';
import { invariant } from '../../../support/invariant.js';
import { auditEntryOf, MAX_AUDIT, MAX_DECLARATIONS, type AuditEntry, type Declaration, type JobControl } from '../../record/job-control.js';
import { expected } from '../../record/packed.js';

const FORMAT = 1;
/** Of an audit entry's texts; longer ones are cut when they are written. */
export const MAX_BY_LENGTH = 300;
export const MAX_CHANGE_LENGTH = 400;
/**
 * What the longest texts of `MAX_DECLARATIONS` and `MAX_AUDIT` entries stay below, far within ZooKeeper's
 * limit of 1 MiB for a node.
 */
export const MAX_CONTROL_BYTES = 393_216;

/** What was read: the control node's content, or why it cannot be used. */
export type DecodedControl =
  { readonly control: JobControl; readonly problem: undefined } | { readonly control: undefined; readonly problem: string };

/**
 * Within its limits: the newest declarations, always the one in force among them, and the newest audit
 * entries, with long texts cut.
 */
export function boundControl({ declared, inForce, audit }: JobControl): JobControl {
  const kept = new Set(declared.slice(-MAX_DECLARATIONS));
  const used = inForce.from === 'code' ? declared.findLast(({ version }) => version === inForce.version) : undefined;
  if (used !== undefined && !kept.has(used)) {
    const [oldest] = kept;
    if (oldest !== undefined) kept.delete(oldest);
    kept.add(used);
  }
  return {
    declared: declared.filter((declaration) => kept.has(declaration)),
    inForce,
    audit: audit.slice(-MAX_AUDIT).map((entry) => ({
      atMs: entry.atMs,
      by: cut(entry.by, MAX_BY_LENGTH),
      kind: entry.kind,
      change: cut(entry.change, MAX_CHANGE_LENGTH),
    })),
  };
}

/** Of `boundControl(control)`. */
export function encodeControl(control: JobControl): Buffer {
  const { declared, inForce, audit } = boundControl(control);
  const data = Buffer.from(
    JSON.stringify({
      format: FORMAT,
      declared: declared.map(ordered),
      inForce: inForce.from === 'control' ? { from: 'control' } : { from: 'code', version: inForce.version },
      audit: audit.map(({ atMs, by, change }) => [atMs, by, change]),
    }),
  );
  invariant(
    data.length <= MAX_CONTROL_BYTES,
    `a job's control node would have ${data.length} bytes, at most ${MAX_CONTROL_BYTES} are allowed`,
  );
  return data;
}

/** With its fields in one order, and no others. */
function ordered({ version, schedule, kind, claim, election, maxSilenceMs, disabled }: Declaration): Declaration {
  const spec = schedule && { cronTime: schedule.cronTime, timeZone: schedule.timeZone };
  return { version, schedule: spec, kind, claim, election, maxSilenceMs, disabled };
}

/**
 * Nothing is guessed: for anything that `encodeControl` would not have written the answer is the problem, as a clause.
 */
export function decodeControl(data: Buffer): DecodedControl {
  try {
    expected(data.length > 0, 'it is empty');
    const { format, declared, inForce, audit } = objectOf(JSON.parse(data.toString('utf8')), 'it');
    expected(format === FORMAT, `its format is ${JSON.stringify(format)}, this version of nestjs-cluster-cron reads ${FORMAT}`);
    const control = {
      declared: listOf(declared, MAX_DECLARATIONS, 'declarations').map(parseDeclaration),
      inForce: parseInForce(inForce),
      audit: listOf(audit, MAX_AUDIT, 'audit entries').map(parseAudit),
    };
    expected(encodeControl(control).equals(data), 'it is not written as this library writes it');
    return { control, problem: undefined };
  } catch (thrown) {
    return { control: undefined, problem: messageOf(thrown) };
  }
}

function parseDeclaration(value: unknown): Declaration {
  const { version, schedule, kind, claim, election, maxSilenceMs, disabled } = objectOf(value, 'a declaration');
  expected(typeof version === 'string' && typeof election === 'string', 'a declaration has no version or election');
  expected(kind === 'cron' || kind === 'interval' || kind === 'timeout' || kind === 'added', 'a declaration has no known kind');
  expected(claim === 'tick' || claim === 'none', 'a declaration has no known claim');
  expected(typeof disabled === 'boolean', 'a declaration does not say whether it is disabled');
  expected(maxSilenceMs === undefined || isAmount(maxSilenceMs), 'the maxSilenceMs of a declaration is no duration');
  return { version, schedule: parseSpec(schedule), kind, claim, election, maxSilenceMs, disabled };
}

function parseSpec(value: unknown): Declaration['schedule'] {
  if (value === undefined) return undefined;
  const { cronTime, timeZone } = objectOf(value, 'a schedule');
  expected(typeof cronTime === 'string' && typeof timeZone === 'string', 'a schedule has no cronTime or timeZone');
  return { cronTime, timeZone };
}

function parseInForce(value: unknown): JobControl['inForce'] {
  const { from, version } = objectOf(value, 'what is in force');
  if (from === 'control') return { from };
  expected(from === 'code' && typeof version === 'string', 'it does not say which schedule is in force');
  return { from, version };
}

function parseAudit(value: unknown): AuditEntry {
  expected(Array.isArray(value) && value.length === 3, 'an audit entry is no list of three');
  const [atMs, by, change] = value as readonly unknown[];
  expected(isAmount(atMs) && typeof by === 'string' && typeof change === 'string', 'an audit entry does not say when, who and what');
  return auditEntryOf({ atMs, by, change });
}

function objectOf(value: unknown, what: string): Record<string, unknown> {
  expected(typeof value === 'object' && value !== null && !Array.isArray(value), `${what} is no object`);
  return value as Record<string, unknown>;
}

function listOf(value: unknown, max: number, what: string): readonly unknown[] {
  expected(Array.isArray(value), `its ${what} are no list`);
  expected(value.length <= max, `it has ${value.length} ${what}, at most ${max} are allowed`);
  return value;
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}
