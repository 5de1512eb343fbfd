import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ROOT } from './code-blocks.js';

const operations = readFileSync(join(ROOT, 'docs', 'operations.md'), 'utf8');
// What is told at the level of debug is for those who read the source.
const source = ['zookeeper', 'testing']
  .map((name) => sourceOf(join(ROOT, 'src', name)))
  .join('\n')
  .replaceAll(/'debug',\s*(?:event: )?'[a-z.-]+'/g, '');

it('explains every error code of the library', () => {
  const codes = found(/'(ZK_[A-Z_]+)'/g);
  expect(codes.length).toBeGreaterThan(10);
  expect(codes.filter((code) => !operations.includes(`\`${code}\``))).toEqual([]);
});

it('explains every event that is logged at the level of log and above', () => {
  const events = [
    ...found(/'((?:boot|shutdown|session|mastership|drain|run|hook|jobs?|listener)\.[a-z-]+)'/g),
    // Elections report through a helper that adds the prefix.
    ...found(/report\((?:this\.)?scene, [^,]+, '([a-z-]+)'/g).map((name) => `mastership.${name}`),
  ];
  expect(events.length).toBeGreaterThan(30);
  expect(events.filter((event) => !isExplained(event))).toEqual([]);
});

it('explains every state of a mastership', () => {
  const states = [...(/export type Mastership =(.*?);\n\n/s.exec(source)?.[1] ?? '').matchAll(/kind: '(\w+)'/g)].map(
    (match) => match[1] ?? '',
  );
  expect(states).toHaveLength(7);
  expect(states.filter((state) => !operations.includes(`| \`${state}\` |`))).toEqual([]);
});

/** In full, or as a further one of its family: `mastership.won`, `.master`. */
function isExplained(event: string): boolean {
  return operations.includes(`\`${event}\``) || operations.includes(`\`${event.slice(event.indexOf('.'))}\``);
}

function found(pattern: RegExp): string[] {
  return [...new Set([...source.matchAll(pattern)].map((match) => match[1] ?? ''))].toSorted();
}

function sourceOf(directory: string): string {
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  return files.map((name) => readFileSync(join(directory, name), 'utf8')).join('\n');
}
