import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pages, ROOT } from './code-blocks.js';

const LIBRARY = join(ROOT, 'src', 'zookeeper');
/** The first part of paths that are named in full; all others are below `src/zookeeper`. */
const TOP = new Set(['src', 'test', 'bench', 'docs', 'examples', 'scripts']);

const rooms = readdirSync(LIBRARY, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
const page = readFileSync(join(ROOT, 'docs', 'architecture.md'), 'utf8');

/** Files and folders that a page names: folders end in `/`, or have a room or a top folder before them. */
function pathsIn(text: string): string[] {
  const found = text.matchAll(/(?<![\w./<:@-])((?:[a-z][\w.-]*\/)+(?:[\w.-]*\w)?|[a-z][\w-]*(?:\.[\w-]+)*\.(?:ts|mjs|md))(?![\w/>])/g);
  return [...new Set([...found].map(([path]) => path))].filter((path) => !path.startsWith('..'));
}

function placeOf(path: string): string {
  return TOP.has(path.split('/')[0] ?? '') ? join(ROOT, path) : join(LIBRARY, path);
}

/** Says of each path that leads nowhere where a file of that name is now. */
function missing(text: string): string[] {
  const files = readdirSync(LIBRARY, { recursive: true, encoding: 'utf8' });
  return pathsIn(text)
    .filter((path) => !existsSync(placeOf(path)))
    .map((path) => {
      const name = path.split('/').at(-1) ?? path;
      const now = files.filter((file) => name !== '' && file.split('/').at(-1) === name);
      return `${path} does not exist${now.length === 0 ? '' : `; there is ${now.join(', ')}`}`;
    });
}

it.each(pages())('the paths of the repository that a page names exist: %s', (name) => {
  const named = pathsIn(readFileSync(join(ROOT, name), 'utf8')).filter((path) => TOP.has(path.split('/')[0] ?? '') && path.includes('/'));
  expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});

describe('the page on the architecture', () => {
  it('names only files and folders that exist', () => {
    expect(pathsIn(page).length).toBeGreaterThan(80);
    expect(missing(page)).toEqual([]);
  });

  it('would be told of a file that was moved, and of a folder that is gone', () => {
    expect(missing('`gate/clock.ts`, `lost/`, `clock.ts` and `wire/client.ts`, in `test/nowhere/`')).toEqual([
      'gate/clock.ts does not exist; there is support/clock.ts',
      'lost/ does not exist',
      'clock.ts does not exist; there is support/clock.ts',
      'test/nowhere/ does not exist',
    ]);
  });

  it('has every room in its plan, in the order of the flow', () => {
    const plan = /## The plan of the house\n(.*?)\n## /s.exec(page)?.[1] ?? '';
    const named = [...plan.matchAll(/^\| `([a-z]+)\/` \|/gm)].map((match) => match[1] ?? '');
    expect(named).toEqual([...rooms.filter((room) => room !== 'support').toSorted(), 'support']);
  });

  it('explains no more than 40 words, each once', () => {
    const glossary = /## Glossary\n(.*)$/s.exec(page)?.[1] ?? '';
    const words = [...glossary.matchAll(/^\| \*\*([^*]+)\*\*/gm)].map((match) => match[1] ?? '');
    expect(words.length).toBeGreaterThan(20);
    expect(words.length).toBeLessThanOrEqual(40);
    expect(new Set(words).size).toBe(words.length);
  });
});
