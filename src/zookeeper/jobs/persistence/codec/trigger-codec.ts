import { ClusterCronError, messageOf } from '../../../support/errors.js';
import { expected } from '../../record/packed.js';
import type { TriggerNode, TriggerState } from '../../record/trigger.state.js';
import { decodeVerdicts, encodeVerdicts } from './verdict-codec.js';
import type { StoredVerdict } from '../../record/verdict.js';

const FORMAT = 1;
/** Of a trigger's input, as JSON in UTF-8. */
export const MAX_INPUT_BYTES = 65_536;

/** The input of a trigger cannot be kept: it is too large, or no JSON. Nothing was triggered. */
export class TriggerInputError extends ClusterCronError {
  constructor(problem: string, options?: { readonly cause?: unknown }) {
    super(
      'ZK_TRIGGER_INPUT',
      `The input of a trigger ${problem}. Give it JSON of at most ${MAX_INPUT_BYTES} bytes, or where to find the rest.`,
      options,
    );
  }
}

/** What was read: the trigger, or why it cannot be used. */
export type DecodedTrigger =
  { readonly trigger: TriggerNode; readonly problem: undefined } | { readonly trigger: undefined; readonly problem: string };

const STATES: readonly TriggerNode['state'][] = ['waiting', 'started', 'ended', 'refused'];

/**
 * @throws {TriggerInputError} when the input is not JSON, or has more than `MAX_INPUT_BYTES`. No input at all is fine.
 */
export function encodeTrigger({ id, input, by, atMs, state, verdict }: TriggerNode): Buffer {
  const head = JSON.stringify([FORMAT, id, by, atMs, state, verdict === undefined ? 0 : encodeVerdicts([verdict])]);
  const json = jsonOf(input);
  return Buffer.from(json === undefined ? `[${head}]` : `[${head},${json}]`);
}

/** What `JSON.stringify` makes of the input; undefined for none. */
function jsonOf(input: unknown): string | undefined {
  if (input === undefined) return undefined;
  let json: string | undefined;
  try {
    json = JSON.stringify(input);
  } catch (thrown) {
    throw new TriggerInputError(`cannot be written as JSON (${messageOf(thrown)})`, { cause: thrown });
  }
  if (json === undefined) throw new TriggerInputError(`is a ${typeof input}, which JSON does not know`);
  const bytes = Buffer.byteLength(json);
  if (bytes > MAX_INPUT_BYTES) throw new TriggerInputError(`has ${bytes} bytes as JSON`);
  return json;
}

/** For anything that `encodeTrigger` would not have written the answer is the problem, as a clause. */
export function decodeTrigger(data: Buffer): DecodedTrigger {
  try {
    expected(data.length > 0, 'it is empty');
    const parsed: unknown = JSON.parse(data.toString('utf8'));
    expected(Array.isArray(parsed) && (parsed.length === 1 || parsed.length === 2), 'it is no list');
    const [head, input] = parsed as readonly unknown[];
    // What cannot be written again could never be ended.
    jsonOf(input);
    expected(Array.isArray(head) && head.length === 6, 'a part is missing');
    const [format, id, by, atMs, state, verdict] = head as readonly unknown[];
    expected(format === FORMAT, `its format is ${JSON.stringify(format)}, this version of nestjs-cluster-cron reads ${FORMAT}`);
    expected(typeof id === 'string' && typeof by === 'string' && typeof atMs === 'number', 'it does not say who asked for it, and when');
    const known = STATES.find((each) => each === state);
    expected(known !== undefined, `its state is ${JSON.stringify(state)}`);
    const verdicts = verdict === 0 ? [] : decodeVerdicts(verdict);
    expected(verdict === 0 || verdicts.length === 1, 'it has more than one verdict');
    return { trigger: { id, input, by, atMs, ...stateOf(known, verdicts[0]) }, problem: undefined };
  } catch (thrown) {
    return { trigger: undefined, problem: messageOf(thrown) };
  }
}

/** What is over has a verdict, and nothing else has. */
function stateOf(state: TriggerNode['state'], verdict: StoredVerdict | undefined): TriggerState {
  switch (state) {
    case 'waiting':
    case 'started':
      expected(verdict === undefined, `it is ${state}, and has a verdict`);
      return { state };
    case 'ended':
    case 'refused':
      expected(verdict !== undefined, `it is ${state}, and has no verdict`);
      return { state, verdict };
  }
}
