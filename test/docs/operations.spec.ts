import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { expect, it } from 'vitest';
import { ParsedFile } from '../support/architecture.js';
import { ROOT } from './code-blocks.js';

const operations = readFileSync(join(ROOT, 'docs', 'operations.md'), 'utf8');
const parsed = ['zookeeper', 'testing'].flatMap((name) => sourcesIn(join(ROOT, 'src', name)));
// What is told at the level of debug is for those who read the source.
const source = parsed
  .map(({ text }) => text)
  .join('\n')
  .replaceAll(/(?<! \? '\w+' : )'debug',\s*(?:event: )?'[a-z.-]+'/g, '');

it('explains every error code of the library', () => {
  const codes = found(/'(ZK_[A-Z_]+)'/g);
  expect(codes.length).toBeGreaterThan(10);
  expect(codes.filter((code) => !operations.includes(`\`${code}\``))).toEqual([]);
});

it('explains every event that is logged at the level of log and above, and names no other', () => {
  const events = [...found(/'((?!\w+\.[jt]s')[a-z]+\.[a-z][a-z-]*)'/g), ...electionEvents(), ...tickEvents()];
  expect(events.length).toBeGreaterThan(60);
  expect(PREFIXES.filter((prefix) => !events.some((event) => event.startsWith(prefix)))).toEqual([]);
  const explained = rows.flatMap(eventsOf);
  expect(events.filter((event) => !explained.includes(event))).toEqual([]);
  expect(explained.filter((event) => !events.includes(event))).toEqual([]);
});

it('knows of every event whose name is put together', () => {
  expect(found(/event: (`[^`]+`)/g)).toEqual(['`mastership.${event}`', '`tick.${outcome}`']);
});

it('explains every state of a mastership', () => {
  const states = [...(/export type Mastership =(.*?);\n\n/s.exec(source)?.[1] ?? '').matchAll(/kind: '(\w+)'/g)].map(
    (match) => match[1] ?? '',
  );
  expect(states).toHaveLength(7);
  expect(states.filter((state) => !operations.includes(`| \`${state}\` |`))).toEqual([]);
});

const PREFIXES = [
  'boot.',
  'clock.',
  'drain.',
  'hook.',
  'job.',
  'jobs.',
  'lock.',
  'mastership.',
  'membership.',
  'run.',
  'session.',
  'shutdown.',
  'tick.',
];

/** The first cells of the table of events. */
const rows = [...operations.matchAll(/^\| ((?:`[a-z]*\.[a-z-]+`(?:, )?)+) \|/gm)].map((match) => match[1] ?? '');

/** The events of a row, each in full, or as a further one of its family: `mastership.won`, `.master`. */
function eventsOf(row: string): string[] {
  const names = [...row.matchAll(/`([a-z]*)(\.[a-z-]+)`/g)];
  const family = names[0]?.[1] ?? '';
  return names.map(([, prefix, name]) => `${prefix === '' ? family : prefix}${name}`);
}

/** Elections report through a method that takes a level and a name, one after the other, and adds the prefix. */
function electionEvents(): string[] {
  const calls = parsed.flatMap(({ nodes }) => nodes.filter(ts.isCallExpression));
  return calls.flatMap(({ arguments: given }) => {
    const at = given.findIndex((each) => literalsIn(each).some((text) => /^(?:info|warn|error)$/.test(text)));
    const name = given[at + 1];
    if (at === -1 || name === undefined) return [];
    return literalsIn(name).flatMap((text) => (/^[a-z]+(?:-[a-z]+)*$/.test(text) ? [`mastership.${text}`] : []));
  });
}

/** The texts that an expression may have as its value: written there, or as the type of the parameter that it is. */
function literalsIn(node: ts.Node): string[] {
  if (ts.isConditionalExpression(node)) return [...literalsIn(node.whenTrue), ...literalsIn(node.whenFalse)];
  if (ts.isIdentifier(node)) return literalsOf(parameterOf(node)?.type);
  return ts.isStringLiteral(node) ? [node.text] : [];
}

function literalsOf(type: ts.TypeNode | undefined): string[] {
  if (type !== undefined && ts.isUnionTypeNode(type)) return type.types.flatMap(literalsOf);
  return type !== undefined && ts.isLiteralTypeNode(type) ? literalsIn(type.literal) : [];
}

function parameterOf(name: ts.Identifier): ts.ParameterDeclaration | undefined {
  for (let node: ts.Node = name; node.parent !== undefined; node = node.parent) {
    const found = ts.isFunctionLike(node) ? node.parameters.find((each) => each.name.getText() === name.text) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

/** `tick.` and an outcome, at the level that this outcome has. */
function tickEvents(): string[] {
  const levels = /const LEVELS: Readonly<Record<StoredVerdict\['outcome'\].*?\};/s.exec(source)?.[0] ?? '';
  return [...levels.matchAll(/(\w+): '(?:info|warn|error)'/g)].map((match) => `tick.${match[1]}`);
}

function found(pattern: RegExp): string[] {
  return [...new Set([...source.matchAll(pattern)].map((match) => match[1] ?? ''))].toSorted();
}

function sourcesIn(directory: string): ParsedFile[] {
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  return files.map((path) => new ParsedFile({ path, text: readFileSync(join(directory, path), 'utf8') }));
}
