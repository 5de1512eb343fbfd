import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeBlocks, quickStart, ROOT } from '../../docs/code-blocks.js';
import type { Template } from './scratch-app.js';

/** The package itself, in the README's commands. */
const OWN = 'nestjs-cluster-cron';

/**
 * What the README's line for this version of Nest tells to install beside the package itself, by name and range, and
 * the name of the package.
 */
export function installedByReadme(template: Template): ReadonlyMap<string, string> {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const heading = template === 'nest11-cjs' ? 'With Nest 11' : 'With Nest 12';
  const line = readme.split(`\n${heading}`)[1]?.match(/^npm install (.+)$/m)?.[1];
  if (line === undefined) throw new Error(`README.md has no line to install with under "${heading}"`);
  const wanted = line.split(' ').map((spec): [string, string] => {
    const at = spec.indexOf('@', 1);
    return at === -1 ? [spec, '*'] : [spec.slice(0, at), spec.slice(at + 1)];
  });
  if (!wanted.some(([name]) => name === OWN)) throw new Error(`README.md does not install ${OWN} under "${heading}"`);
  return new Map(wanted.filter(([name]) => name !== OWN));
}

/**
 * Writes the README's files, letter by letter, into `src/readme`, and as they are without ZooKeeper into
 * `src/readme-standalone`; for Nest 11 with what it says about `.js`. And a test that uses its module for tests, and
 * the module that reads its options by @nestjs/config.
 */
export function writeReadmeFiles(template: Template, directory: string): void {
  const options = codeBlocks('docs/options.md').filter(({ file }) => file === 'cluster.module.ts');
  if (options.length === 0) throw new Error('docs/options.md does not show cluster.module.ts');
  const files = [...quickStart('with ZooKeeper'), ...options, { file: 'readme.test.ts', text: TEST }];
  for (const [folder, written] of [['readme', files] as const, ['readme-standalone', quickStart('standalone')] as const]) {
    const path = join(directory, 'src', folder);
    mkdirSync(path, { recursive: true });
    for (const { file, text } of written)
      writeFileSync(join(path, file), template === 'nest11-cjs' ? text.replaceAll(/(from '\.\/[^']+)\.js'/g, "$1'") : text);
  }
}

const TEST = `import { module } from './testing.js';
import { StatementJobs } from './statement.jobs.js';

test('the module for tests of the README', async () => {
  const app = await module.compile();
  await app.init();
  const log = console.log;
  const lines: string[] = [];
  console.log = (line: string) => void lines.push(line);
  try {
    await (app.get(StatementJobs) as { send(): Promise<void> } & object).send();
  } finally {
    console.log = log;
    await app.close();
  }
  expect(lines.filter((line) => line.startsWith('one replica sends')).length).toBe(1);
});
`;
