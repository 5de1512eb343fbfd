import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EQUIVALENTS, equivalentOf } from '../../scripts/mutants/equivalents.mjs';
import { applied, mutantsOf } from '../../scripts/mutants/operators.mjs';
import { ROOT } from './process.js';

/** What each change makes of the text. */
function changesOf(text: string): string[] {
  return mutantsOf('src/a.ts', text).map((mutant) => applied(text, mutant));
}

describe('the changes that `npm run mutants` makes', () => {
  it.each([
    ['x < y;', ['x <= y;', 'x >= y;']],
    ['x >= y;', ['x > y;', 'x < y;']],
    ['x !== y;', ['x === y;']],
    ['x && y;', ['x || y;']],
    ['x ?? y;', ['x && y;']],
    ['x - 1;', ['x + 1;']],
    ['x += 1;', ['x -= 1;']],
    ['f(!x);', ['f(x);']],
    ['f(-x);', ['f(x);']],
    ['f(true);', ['f(false);']],
    ['if (x) f();', ['if (!(x)) f();']],
    ['x() ? a : b;', ['!(x()) ? a : b;']],
    ['Math.max(a, b);', ['Math.min(a, b);']],
    ['list.some(f);', ['list.every(f);']],
  ])('of "%s"', (text, expected) => {
    expect(changesOf(text)).toEqual(expected);
  });

  it('are of one operator each, in the order of the text', () => {
    expect(changesOf('if (a && b < c) f();')).toEqual(['if (a || b < c) f();', 'if (a && b <= c) f();', 'if (a && b >= c) f();']);
  });

  it.each(["const x = 'a' + b;", 'type X = true | false;', '// a < b', "f('a < b');", 'interface A { readonly b: true }'])(
    'leave alone what nothing decides by: %s',
    (text) => {
      expect(changesOf(text)).toEqual([]);
    },
  );

  it('tell where they are', () => {
    expect(mutantsOf('src/a.ts', 'f();\n  if (x) g();\n')).toMatchObject([{ file: 'src/a.ts', line: 2, from: 'x', code: 'if (x) g();' }]);
  });
});

it.each(EQUIVALENTS.map((one) => ({ ...one, name: `${one.file}: ${one.from} -> ${one.to} in: ${one.code}` })))(
  'what is listed as equivalent is there, and has a reason: $name',
  ({ file, code, from, to, why }) => {
    const found = mutantsOf(file, readFileSync(join(ROOT, file), 'utf8')).filter(
      (mutant) => mutant.code === code && mutant.from === from && mutant.to === to,
    );
    expect(found.length).toBeGreaterThan(0);
    expect(found.map((mutant) => equivalentOf(mutant)?.why)).toEqual(found.map(() => why));
    expect(why.length).toBeGreaterThan(20);
  },
);
