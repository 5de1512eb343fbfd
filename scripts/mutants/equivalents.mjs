/**
 * Changes that no test can notice, each with the reason. `code` is the whole line that is changed, without indentation,
 * so an entry whose line was edited must be looked at again: the command, and a test, refuse one that fits no line.
 *
 * @type {ReadonlyArray<{ readonly file: string, readonly code: string, readonly from: string, readonly to: string,
 *   readonly why: string }>}
 */
export const EQUIVALENTS = [
  {
    file: 'src/zookeeper/mastership/campaign/turn.ts',
    code: 'if (heldElsewhere() > 0) hasCompany ??= (await placesIn(session, znodes.line)).some((place) => place.id !== line.id);',
    from: '>',
    to: '>=',
    why: 'Whoever holds no other election reads the line for nothing: of no elections the delay is 0, with company or without.',
  },
];

/** @param {import('./operators.mjs').Mutant} mutant */
export function equivalentOf({ file, code, from, to }) {
  return EQUIVALENTS.find((one) => one.file === file && one.code === code && one.from === from && one.to === to);
}
