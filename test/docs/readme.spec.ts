import { createInterface } from 'node:readline';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { ensureBuilt } from '../../scripts/build.mjs';
import { spawnGuarded } from '../../scripts/support/guard.mjs';
import { reservePorts } from '../../scripts/support/ports.mjs';
import { eventually } from '../support/eventually.js';
import { startServer } from '../support/zookeeper.js';
import { codeBlocks, pages, ROOT, Workshop } from './code-blocks.js';

describe('the documentation', () => {
  it.each(pages())('has only code that compiles against the source: %s', (page) => {
    const quickStart = page === 'README.md' ? [] : namedBlocks();
    using workshop = new Workshop([...quickStart, ...codeBlocks(page)]);
    expect(workshop.problems()).toEqual([]);
  });

  it('is told apart from code that does not compile', () => {
    using workshop = new Workshop([
      { page: 'a page', line: 7, file: 'wrong.ts', text: "import { MasterOnly } from 'nestjs-cluster-cron';\nMasterOnly({ nme: 'x' });\n" },
    ]);
    expect(workshop.problems()).toEqual([expect.stringMatching(/^a page:9: .*nme/)]);
  });

  it.each(pages())('links only to pages and files that exist: %s', (page) => {
    const text = readFileSync(join(ROOT, page), 'utf8');
    const targets = [...text.matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)].map((match) => match[1] ?? '');
    expect(targets.filter((target) => !existsSync(join(ROOT, dirname(page), target)))).toEqual([]);
  });
});

describe('the quick start of the README', () => {
  beforeAll(() => ensureBuilt(), 240_000);

  it('runs its job against a real server, and resigns on SIGTERM', async () => {
    await using server = await startServer();
    const reserved = await reservePorts(1);
    using workshop = new Workshop(namedBlocks());
    const child = spawnGuarded(process.execPath, [workshop.emit('main.ts')], {
      cwd: workshop.directory,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], PORT: String(reserved.ports[0]), ZOOKEEPER_CONNECT: server.connectString },
    });
    const exited = once(child, 'exit');
    const lines: string[] = [];
    for (const stream of [child.stdout, child.stderr]) {
      if (stream !== null) createInterface({ input: stream }).on('line', (line) => lines.push(line));
    }
    const saysItRan = (): void => expect(lines.join('\n')).toMatch(/one replica sends the statements of \d{4}-/);
    await eventually(saysItRan, { what: 'the job to run' });
    child.kill('SIGTERM');
    await exited;
    expect(lines.join('\n')).toMatch(/has resigned/);
    reserved.release();
  });

  it('has a module for tests in which the job runs', async () => {
    using workshop = new Workshop(namedBlocks());
    const [testing, jobs] = [workshop.emit('testing.ts'), workshop.emit('statement.jobs.ts')].map(
      (path) => `require(${JSON.stringify(path)})`,
    );
    const program = `${testing}.module.compile().then(async (app) => {
      await app.init();
      await app.get(${jobs}.StatementJobs).send();
      await app.close();
    })`;
    const child = spawnGuarded(process.execPath, ['-e', program], { cwd: workshop.directory, stdio: ['ignore', 'pipe', 'inherit'] });
    const exited = once(child, 'exit');
    const lines: string[] = [];
    if (child.stdout !== null) createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
    expect((await exited)[0]).toBe(0);
    await eventually(() => expect(lines.join('\n')).toMatch(/one replica sends the statements of \d{4}-/), { what: 'the job to run' });
  });
});

/** The blocks that name their file: together the quick start. */
function namedBlocks(): ReturnType<typeof codeBlocks> {
  return codeBlocks('README.md').filter((block) => !block.file.startsWith('README'));
}
