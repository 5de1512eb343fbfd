import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pages, ROOT } from './code-blocks.js';

const { files } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { files: readonly string[] };
/** What the tarball holds besides the built code: npm always adds these. */
const ALWAYS = ['package.json', 'README.md', 'LICENSE'];

describe.each(pages().filter(isPacked))('what a reader of the tarball finds: %s', (page) => {
  const text = readFileSync(join(ROOT, page), 'utf8');

  it('every link leads to a file in it', () => {
    const targets = [...text.matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)].map((match) => normalize(join(dirname(page), match[1] ?? '')));
    expect(targets.filter((target) => !isPacked(target))).toEqual([]);
  });

  it('a file that it has not is said to be in the source repository', () => {
    const sections = text.split(/^(?=##+ )/mu);
    const missing = sections.flatMap((section) => {
      const named = [...section.matchAll(/`(?:node |npm test -- )?([\w.-]+(?:\/[\w.-]+)*)`/gu)].map((match) => match[1] ?? '');
      const absent = named.filter((name) => /[./]/u.test(name) && existsSync(join(ROOT, name)) && !isPacked(name));
      return section.includes('source repository') ? [] : absent;
    });
    expect(missing).toEqual([]);
  });
});

function isPacked(path: string): boolean {
  const isLeftOut = files.includes(`!${path}`);
  return !isLeftOut && [...ALWAYS, ...files].some((entry) => path === entry || path.startsWith(`${entry}/`));
}
