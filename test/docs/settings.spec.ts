import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { VARIABLES } from '../../src/app/app.environment.js';
import { ROOT } from './code-blocks.js';

it('lists in .env.example exactly the variables that the reference service reads, each after a comment', () => {
  const lines = read('.env.example').split('\n');
  const listed = lines.flatMap((line) => /^([A-Z_]+)=/.exec(line)?.[1] ?? []);
  expect(listed.toSorted()).toEqual(VARIABLES.toSorted());
  const paragraphs = read('.env.example').trim().split('\n\n').slice(1);
  expect(paragraphs.filter((paragraph) => !/^# [^]*\n[A-Z_]+=/.test(paragraph))).toEqual([]);
});

it('sets in docker-compose.yml only variables that the reference service reads', () => {
  const compose = read('docker-compose.yml');
  const set = [...compose.matchAll(/^ +([A-Z_]+): /gm)].map((match) => match[1] ?? '').filter((name) => !name.startsWith('ZOO_'));
  expect(set.length).toBeGreaterThan(5);
  expect(set.filter((name) => !VARIABLES.some((variable) => variable === name))).toEqual([]);
});

it('names every option of forRoot in the page on options', () => {
  const source = read('src/zookeeper/zookeeper.options.ts');
  const declared = /export interface ZookeeperModuleOptions \{(.*?)\n\}/s.exec(source)?.[1] ?? '';
  const options = [...declared.matchAll(/^ {2}readonly (\w+)\??:/gm)].map((match) => match[1] ?? '');
  expect(options.length).toBeGreaterThan(10);
  const rows = [...read('docs/options.md').matchAll(/^\| (.+?) \|/gm)].map((match) => match[1] ?? '');
  expect(options.filter((option) => !rows.some((row) => row.includes(`\`${option}\``)))).toEqual([]);
});

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}
