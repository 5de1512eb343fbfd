import { CAUSES, byLetter, expected, packBigint, packNumber, packText, packTick } from '../../record/packed.js';
import { unpackBigint, unpackNumber, unpackOptional, unpackText, unpackTick } from '../../record/packed.js';
import { MAX_ERROR_LENGTH, type Outcome, type StoredVerdict, type VerdictReason } from '../../record/verdict.js';

const OUTCOMES: Readonly<Record<Outcome, string>> = { ran: 'r', failed: 'f', skipped: 's', missed: 'm', interrupted: 'i' };
const REASONS: Readonly<Record<VerdictReason, string>> = {
  paused: 'p',
  overlap: 'o',
  late: 'l',
  'too old': 'a',
  'too many': 'n',
  'record lost': 'x',
  reset: 'r',
  clock: 'c',
  withdrawn: 'w',
  timeout: 't',
  'replica gone': 'g',
  'mastership lost': 'm',
  shutdown: 's',
};
const NONE = '-';

/**
 * A list of verdicts as JSON: who signed them (`by` and token), each pair once, then the verdicts, each with the number
 * of its signer and, where there is one, its text: the error of a run, or the explanation of missed ticks, which have
 * no run. Versions that know no explanations show it as the error of the missed tick.
 */
export type EncodedVerdicts = readonly [signers: readonly (readonly [string | 0, string | 0])[], verdicts: readonly (readonly string[])[]];

export function encodeVerdicts(verdicts: readonly StoredVerdict[]): EncodedVerdicts {
  const signers = new Map<string, readonly [string | 0, string | 0]>();
  const numbers = new Map<string, number>();
  const encoded = verdicts.map((verdict) => {
    const signer = [verdict.by ?? 0, verdict.token === undefined ? 0 : packBigint(verdict.token)] as const;
    const key = JSON.stringify(signer);
    if (!signers.has(key)) {
      numbers.set(key, signers.size);
      signers.set(key, signer);
    }
    const packed = packVerdict(verdict, numbers.get(key) ?? 0);
    const text = verdict.outcome === 'missed' ? verdict.explanation : verdict.error;
    return text === undefined ? [packed] : [packed, text.slice(0, MAX_ERROR_LENGTH)];
  });
  return [[...signers.values()], encoded];
}

/**
 * `<outcome><reason><cause> <signer> <count>`, the tick, the end of its range, attempt, start (counted from the
 * tick), duration and trigger.
 */
function packVerdict(verdict: StoredVerdict, signer: number): string {
  const { outcome, reason, cause, tick, until, count, attempt, startedMs, durationMs, trigger } = verdict;
  const kind = OUTCOMES[outcome] + (reason === undefined ? NONE : REASONS[reason]) + (cause === undefined ? NONE : CAUSES[cause]);
  const started = startedMs === undefined ? undefined : Math.round(startedMs) - (tick?.dueMs ?? 0);
  const fields = [kind, packNumber(signer), packNumber(count), packTick(tick), packTick(until), packNumber(attempt), packNumber(started)];
  const packed = [...fields, packNumber(durationMs)].join(' ');
  return trigger === undefined ? packed : `${packed} ${packText(trigger)}`;
}

/** @throws {UnpackError} for anything that `encodeVerdicts` does not write. */
export function decodeVerdicts(encoded: unknown): StoredVerdict[] {
  expected(Array.isArray(encoded) && encoded.length === 2, 'the verdicts are no list');
  const [signers, verdicts] = encoded as readonly unknown[];
  expected(Array.isArray(signers) && Array.isArray(verdicts), 'the verdicts are no list');
  const signed = signers.map(decodeSigner);
  return verdicts.map((verdict) => decodeVerdict(verdict, signed));
}

type Signer = Pick<StoredVerdict, 'by' | 'token'>;

function decodeSigner(encoded: unknown): Signer {
  expected(Array.isArray(encoded) && encoded.length === 2, 'a signer is no pair');
  const [by, token] = encoded as readonly unknown[];
  expected((by === 0 || typeof by === 'string') && (token === 0 || typeof token === 'string'), 'a signer is no pair of texts');
  return { by: by === 0 ? undefined : by, token: token === 0 ? undefined : unpackBigint(token) };
}

function decodeVerdict(encoded: unknown, signers: readonly Signer[]): StoredVerdict {
  expected(Array.isArray(encoded) && (encoded.length === 1 || encoded.length === 2), 'a verdict is no list');
  const [packed, text] = encoded as readonly unknown[];
  expected(typeof packed === 'string', 'a verdict is no text');
  expected(text === undefined || (typeof text === 'string' && text.length <= MAX_ERROR_LENGTH), 'an error is no text, or too long');
  const [kind = '', number, count, due, nominal, untilDue, untilNominal, attempt, started, duration, trigger, ...rest] = packed.split(' ');
  expected(kind.length === 3 && rest.length === 0, 'a verdict is cut off');
  const signer = signers[unpackNumber(number)];
  expected(signer !== undefined, 'a verdict has no signer');
  const tick = unpackTick(due, nominal);
  const startedMs = unpackOptional(started);
  const ticks = unpackNumber(count);
  expected(ticks >= 1, 'a verdict is about no tick');
  const outcome = byLetter(OUTCOMES, kind[0]);
  return {
    outcome,
    reason: kind[1] === NONE ? undefined : byLetter(REASONS, kind[1]),
    tick,
    until: unpackTick(untilDue, untilNominal),
    count: ticks,
    trigger: trigger === undefined ? undefined : unpackText(trigger),
    cause: kind[2] === NONE ? undefined : byLetter(CAUSES, kind[2]),
    attempt: unpackOptional(attempt),
    startedMs: startedMs === undefined ? undefined : startedMs + (tick?.dueMs ?? 0),
    durationMs: unpackOptional(duration),
    by: signer.by,
    token: signer.token,
    error: outcome === 'missed' ? undefined : text,
    explanation: outcome === 'missed' ? text : undefined,
  };
}
