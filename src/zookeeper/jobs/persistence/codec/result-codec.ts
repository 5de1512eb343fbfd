import { messageOf } from '../../../support/errors.js';
import type { KeptResult, RunResult } from '../../run/run-result.js';
import { expected } from '../../record/packed.js';

const FORMAT = 1;
export function encodeResult(result: RunResult): Buffer {
  return Buffer.from(result.kind === 'json' ? `[${FORMAT},${result.json}]` : JSON.stringify([FORMAT, 0, result.why]));
}

/** What cannot be read is left out. */
export function decodeResult(data: Buffer): KeptResult {
  try {
    const parsed: unknown = JSON.parse(data.toString('utf8'));
    expected(Array.isArray(parsed) && parsed[0] === FORMAT && (parsed.length === 2 || parsed.length === 3), 'it is of another format');
    const [, value, why] = parsed as readonly unknown[];
    return typeof why === 'string' ? { value: undefined, leftOut: why } : { value, leftOut: undefined };
  } catch (thrown) {
    return { value: undefined, leftOut: `what was kept of it cannot be read (${messageOf(thrown, 200)})` };
  }
}
