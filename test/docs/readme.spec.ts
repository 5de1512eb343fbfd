import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { ensureBuilt } from '../../scripts/build.mjs';
import { reservePorts } from '../../scripts/support/ports.mjs';
import { eventually } from '../support/eventually.js';
import { startProgram, type TestProcess } from '../support/process.js';
import { startServer } from '../support/zookeeper.js';
import { codeBlocks, pages, quickStart, ROOT, Workshop } from './code-blocks.js';

describe('the documentation', () => {
  it.each(pages())('has only code that compiles against the source: %s', (page) => {
    const others = codeBlocks(page).filter(({ file }) => page !== 'README.md' || file.startsWith('README'));
    using workshop = new Workshop([...quickStart('with ZooKeeper'), ...others]);
    expect(workshop.problems()).toEqual([]);
    using standalone = new Workshop(page === 'README.md' ? quickStart('standalone') : []);
    expect(standalone.problems()).toEqual([]);
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

  it.each(pages())('links only to headings that exist: %s', (page) => {
    const text = readFileSync(join(ROOT, page), 'utf8');
    const targets = [...text.matchAll(/\]\((?!https?:)([^)#]*)#([^)]+)\)/g)].map(([, path = '', anchor = '']) => ({
      path: path === '' ? page : join(dirname(page), path),
      anchor,
    }));
    expect(targets.filter(({ path, anchor }) => !headingsOf(path).includes(anchor))).toEqual([]);
  });

  it('shows the example of tests of a failover, letter by letter', () => {
    const shown = codeBlocks('docs/test-zookeeper.md').find(({ file }) => file === 'failover.spec.ts');
    expect(shown?.text).toBe(readFileSync(join(ROOT, 'examples', 'failover-tests', 'failover.spec.ts'), 'utf8'));
  });

  it('begins with a README of one sitting', () => {
    expect(readFileSync(join(ROOT, 'README.md'), 'utf8').split('\n').length).toBeLessThanOrEqual(261);
  });
});

describe('the quick start of the README', () => {
  beforeAll(() => ensureBuilt(), 240_000);

  it('runs its job without ZooKeeper', async () => {
    using workshop = new Workshop(quickStart('standalone'));
    await using program = await start(workshop);
    await ran(program);
  });

  it('runs its job against a real server, and resigns on SIGTERM', async () => {
    await using server = await startServer();
    using workshop = new Workshop(quickStart('with ZooKeeper'));
    await using program = await start(workshop, { ZOOKEEPER_CONNECT: server.connectString });
    await ran(program);
    program.signal('SIGTERM');
    await program.exited;
    expect(program.output).toMatch(/has resigned/);
  });

  it('has a module for tests in which the job runs', async () => {
    using workshop = new Workshop(quickStart('with ZooKeeper'));
    const [testing, jobs] = [workshop.emit('testing.ts'), workshop.emit('statement.jobs.ts')].map(
      (path) => `require(${JSON.stringify(path)})`,
    );
    const script = `${testing}.module.compile().then(async (app) => {
      await app.init();
      await app.get(${jobs}.StatementJobs).send();
      await app.close();
    })`;
    await using program = startProgram(process.execPath, { args: ['-e', script], cwd: workshop.directory, env: WITHOUT_VITEST });
    expect((await program.exited).code, program.output).toBe(0);
    await ran(program);
  });

  it('has a log of a failover as the library writes it', () => {
    const [, log = ''] = /^```\n((?:\d\d:\d\d:\d\d .+\n)+)```$/mu.exec(readFileSync(join(ROOT, 'README.md'), 'utf8')) ?? [];
    expect(log.trim().split('\n')).toHaveLength(6);
    const source = readdirSync(join(ROOT, 'src', 'zookeeper'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => readFileSync(join(ROOT, 'src', 'zookeeper', name), 'utf8'))
      .join('\n');
    // What is between the values is in the source, letter by letter.
    const written = [
      '; tries to win',
      'won the election node',
      '; waits ',
      'is master now, with fencing token ',
      ' starts ',
      ' has succeeded ',
    ];
    expect(written.filter((words) => !log.includes(words))).toEqual([]);
    expect(written.filter((words) => !source.includes(words))).toEqual([]);
  });
});

describe('the page on tests', () => {
  it('has an example that runs', async () => {
    const [example] = codeBlocks('docs/testing.md');
    if (example === undefined) throw new Error('docs/testing.md has no code');
    using workshop = new Workshop([example]);
    const script = `require(${JSON.stringify(workshop.emit(example.file))}).testPayouts()`;
    await using program = startProgram(process.execPath, { args: ['-e', script], cwd: workshop.directory, env: WITHOUT_VITEST });
    expect((await program.exited).code, program.output).toBe(0);
  });
});

/** The names by which GitHub links to the headings of a page. */
function headingsOf(path: string): string[] {
  const headings = readFileSync(join(ROOT, path), 'utf8').matchAll(/^#+ (.+)$/gm);
  return [...headings].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}

/** Vitest's own environment is nobody else's business; neither is a ZooKeeper that other tests use. */
const WITHOUT_VITEST = { NODE_OPTIONS: '', NODE_ENV: undefined, VITEST: undefined, ZOOKEEPER_CONNECT: undefined };

async function start(workshop: Workshop, env: Readonly<Record<string, string>> = {}): Promise<TestProcess> {
  const reserved = await reservePorts(1);
  const program = startProgram(process.execPath, {
    args: [workshop.emit('main.ts')],
    cwd: workshop.directory,
    env: { ...WITHOUT_VITEST, PORT: String(reserved.ports[0]), ...env },
    name: 'the quick start',
  });
  void program.exited.then(() => reserved.release());
  return program;
}

function ran(program: TestProcess): Promise<void> {
  const look = (): void => expect(program.output).toMatch(/one replica sends the statements of \d{4}-/);
  return eventually(look, { what: 'the job to run' });
}
