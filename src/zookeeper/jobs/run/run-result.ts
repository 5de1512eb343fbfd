import { messageOf } from '../../support/errors.js';

/** Of what a run returns, as JSON in UTF-8. */
export const MAX_RESULT_BYTES = 65_536;

/** What a run has returned, as it is kept: its JSON, or why it is left out, as a clause. */
export type RunResult = { readonly kind: 'json'; readonly json: string } | { readonly kind: 'left out'; readonly why: string };

/** What was kept, for the caller. */
export interface KeptResult {
  readonly value: unknown;
  readonly leftOut: string | undefined;
}

const TOO_LARGE = `it has more than ${MAX_RESULT_BYTES} bytes as JSON`;

/**
 * What `JSON.stringify` makes of the value; undefined for undefined. Never throws: the run has ended well, whatever it
 * has returned. A large value is given up on the way, not measured to its end.
 */
export function resultOf(value: unknown): RunResult | undefined {
  if (value === undefined) return undefined;
  try {
    const json = JSON.stringify(value, giveUpBeyond(MAX_RESULT_BYTES)) as string | undefined;
    if (json === undefined) return { kind: 'left out', why: `it is a ${typeof value}, which JSON does not know` };
    return Buffer.byteLength(json) > MAX_RESULT_BYTES ? { kind: 'left out', why: TOO_LARGE } : { kind: 'json', json };
  } catch (thrown) {
    return { kind: 'left out', why: thrown === TOO_LARGE ? TOO_LARGE : `it cannot be written as JSON (${messageOf(thrown, 200)})` };
  }
}

/** Counts at most what the parts take as JSON. Throws `TOO_LARGE`. */
function giveUpBeyond(maxBytes: number): (this: unknown, key: string, value: unknown) => unknown {
  let bytes = 0;
  return function (this: unknown, key: string, value: unknown): unknown {
    const own = typeof value === 'string' ? value.length : 1;
    const isInList = Array.isArray(this);
    // Members of this kind are left out of objects by JSON.stringify; in a list they are null.
    const isDropped = !isInList && (value === undefined || typeof value === 'function' || typeof value === 'symbol');
    if (!isDropped) bytes += own + (isInList ? 0 : key.length);
    // Thrown as a mark, and caught above: nobody else sees it.
    // oxlint-disable-next-line typescript/only-throw-error
    if (bytes > maxBytes) throw TOO_LARGE;
    return value;
  };
}
