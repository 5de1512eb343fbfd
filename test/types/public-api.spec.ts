import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as kit from '../../src/testing.js';
import * as lockStore from '../../src/locks.js';
import * as library from '../../src/index.js';
import { Workshop } from '../docs/code-blocks.js';

const USAGE = readFileSync(join(import.meta.dirname, 'usage.ts'), 'utf8');

describe('the public types', () => {
  it('allow what applications write, and refuse what they must not', () => {
    expect(problemsOf(USAGE)).toEqual([]);
  });

  it('are told apart from types that allow more, or less', () => {
    const [line = ''] = USAGE.match(/^export const misspelt.*$/m) ?? [];
    expect(problemsOf(USAGE.replace(line, 'export const misspelt = minimal;'))).toEqual([
      expect.stringMatching(/Unused '@ts-expect-error'/),
    ]);
    expect(problemsOf(`${USAGE}\nsame<JobRun['fencingToken'], number>(true);`)).toEqual([expect.stringMatching(/not assignable/)]);
  });

  it('are refused with a reason each', () => {
    const refusals = USAGE.match(/@ts-expect-error.*/g) ?? [];
    expect(refusals.length).toBeGreaterThan(15);
    expect(refusals.filter((refusal) => !/^@ts-expect-error \w+ .*\w/.test(refusal))).toEqual([]);
  });

  it('are all used there, and so is the testing kit', () => {
    const names = [library, kit, lockStore].flatMap(Object.keys).concat(['index', 'locks', 'testing'].flatMap(typesOf));
    expect(names.filter((name) => !new RegExp(`\\b${name}\\b`).test(bodyOf(USAGE)))).toEqual([]);
  });
});

function problemsOf(text: string): readonly string[] {
  using workshop = new Workshop([{ page: 'test/types/usage.ts', line: 0, file: 'usage.ts', text }]);
  return workshop.problems();
}

/** The names of the types that an entry point exports. */
function typesOf(entry: string): string[] {
  const source = readFileSync(join(import.meta.dirname, '..', '..', 'src', `${entry}.ts`), 'utf8');
  const [inline, whole] = [/\btype (\w+)/g, /export type \{([^}]*)\}/g].map((pattern) =>
    [...source.matchAll(pattern)].map((match) => match[1] ?? ''),
  );
  return [...(inline ?? []), ...(whole ?? []).flatMap((list) => list.split(',').map((name) => name.trim()))].filter(Boolean);
}

/** Without the imports. */
const bodyOf = (text: string): string => text.slice(text.lastIndexOf("from 'rxjs'"));
