import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureBuilt } from '../../scripts/build.mjs';
import { eventually, within, WITHIN_MS } from '../support/eventually.js';
import type { TestProcess } from '../support/process.js';
import { startServer, type ZooKeeperServer } from '../support/zookeeper.js';
import { ScratchApp, succeeded, Tarball, type Template } from './package/scratch-app.js';

/** Against hangs: a registry may be slow, and so may this machine. */
const PREPARED_WITHIN_MS = 900_000;
/** How long a process may take to serve, to be elected or to end. */
const SETTLED_WITHIN_MS = WITHIN_MS;

const TEMPLATES: readonly Template[] = ['nest12-esm', 'nest11-cjs'];

let server: ZooKeeperServer | undefined;
const apps = new Map<Template, ScratchApp>();

beforeAll(async () => {
  await ensureBuilt();
  using tarball = await Tarball.pack();
  const making = TEMPLATES.map(async (template) => apps.set(template, await ScratchApp.create(template, tarball)));
  // All of them, so that none is left to work on in a directory that goes away.
  for (const made of await Promise.allSettled(making)) if (made.status === 'rejected') throw made.reason;
  server = await startServer();
}, PREPARED_WITHIN_MS);

afterAll(async () => {
  for (const app of apps.values()) app[Symbol.dispose]();
  await server?.dispose();
});

describe.each(TEMPLATES)('the packed tarball in a scratch application, %s', (template) => {
  it('installs without a word about peers, and leaves no dependency missing or invalid', async () => {
    const app = found(template);
    expect(succeeded(app.installed)).not.toMatch(/ERESOLVE|\bpeer\b/i);
    succeeded(await app.npm('ls', '--all'));
    // Optional: the one application has it, the other does not.
    expect(existsSync(join(app.directory, 'node_modules', '@nestjs', 'microservices'))).toBe(template === 'nest11-cjs');
  });

  it('has types that check, its own declarations included, with every resolver', () => {
    succeeded(found(template).compiled);
  });

  it("passes the application's own unit tests", async () => {
    succeeded(await found(template).npm('test'));
  });

  it('is the same classes by import and by require', async () => {
    await using program = found(template).node(['instances.mjs']);
    const told = await program.message(() => true, 'the comparison');
    expect(told).toEqual({ differences: [], names: expect.any(Number), run: true, named: true });
    expect(told['names']).toBeGreaterThan(15);
  });

  it('runs what the README says first, letter by letter, without ZooKeeper', async () => {
    await using program = found(template).node(['out/readme-standalone/main.js'], { PORT: '9013' });
    const hasRun = (): void => expect(program.output).toContain('one replica sends the statements of ');
    await eventually(hasRun, { what: 'the job of the README to run', withinMs: SETTLED_WITHIN_MS });
    program.signal('SIGTERM');
    await within(program.exited, 'it to exit', SETTLED_WITHIN_MS);
  });

  it('runs what the README says of ZooKeeper, letter by letter', async () => {
    const run = (port: number): TestProcess => found(template).node(['out/readme/main.js'], readmeEnvironment(port));
    await using first = run(9_011);
    await using second = run(9_012);
    const hasRun = (each: TestProcess): boolean => each.output.includes('one replica sends the statements of ');
    await eventually(() => expect([first, second].some(hasRun)).toBe(true), {
      what: 'the job of the README to run',
      withinMs: SETTLED_WITHIN_MS,
    });
    const master = hasRun(first) ? first : second;
    const standby = master === first ? second : first;
    expect(hasRun(standby)).toBe(false);
    master.signal('SIGTERM');
    await eventually(() => expect(hasRun(standby)).toBe(true), { what: 'the other one to go on', withinMs: SETTLED_WITHIN_MS });
    standby.signal('SIGTERM');
    await within(standby.exited, 'the last one to exit', SETTLED_WITHIN_MS);
  });

  it('runs the job on one of two processes, and on the other one after a SIGTERM', async () => {
    const root = `/${template}`;
    await using first = start(template, root, '127.0.0.1:9001');
    await using second = start(template, root, '127.0.0.1:9002');
    await Promise.all([first, second].map((each) => each.message(isEvent('serving'), 'to serve', { withinMs: SETTLED_WITHIN_MS })));

    const ran = () => [first, second].find((each) => each.messages.filter(isEvent('ended')).length >= 3) ?? expect.fail('none has');
    const master = await eventually(ran, { what: 'three runs of one of them', withinMs: SETTLED_WITHIN_MS });
    const standby = master === first ? second : first;
    expect(standby.messages.filter(isEvent('started'))).toEqual([]);

    master.signal('SIGTERM');
    expect(await within(master.exited, 'the old master to exit', SETTLED_WITHIN_MS)).toEqual({ code: 0, signal: null });
    await runs(standby, 3);
    const [before, after] = [tokens(master), tokens(standby)];
    expect(before.started).toEqual(before.ended);
    expect(BigInt(after.started[0] ?? 0)).toBeGreaterThan(BigInt(before.started.at(-1) ?? 0));
    standby.signal('SIGTERM');
    expect(await within(standby.exited, 'the last one to exit', SETTLED_WITHIN_MS)).toEqual({ code: 0, signal: null });
  });

  it('keeps an application that forgot ZookeeperModule from booting, and says what to import', async () => {
    await using program = start(template, '/forgetful', '127.0.0.1:9001', 'forgetful');
    const { code } = await within(program.exited, 'the application to give up', SETTLED_WITHIN_MS);
    expect(code).not.toBe(0);
    expect(program.output).toContain('import ZookeeperModule.forRoot() or ZookeeperTestingModule');
    expect(program.messages).toEqual([]);
  });
});

describe('the packed tarball', () => {
  it('imports only Node, its own files, and what its package.json asks for', () => {
    const root = join(found('nest11-cjs').directory, 'node_modules', 'nestjs-cluster-cron');
    const asked = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<string, Record<string, string>>;
    const allowed = new Set([...Object.keys(asked['dependencies'] ?? {}), ...Object.keys(asked['peerDependencies'] ?? {})]);
    const imports = importsOf(join(root, 'dist'));
    const packages = imports.filter(({ name }) => !name.startsWith('.') && !isBuiltin(name)).map(({ name }) => packageOf(name));
    expect(packages).toContain('node-zookeeper-client');
    expect(packages.filter((name) => !allowed.has(name))).toEqual([]);
    const own = imports.filter(({ name }) => name.startsWith('.'));
    expect(own.length).toBeGreaterThan(100);
    expect(own.filter(({ file, name }) => !existsSync(targetOf(file, name)))).toEqual([]);
  });
});

function found(template: Template): ScratchApp {
  const app = apps.get(template);
  if (app === undefined) throw new Error(`${template} was not made`);
  return app;
}

/** Starts the compiled application, below a root of its own. */
function start(template: Template, root: string, address: string, ...args: string[]): TestProcess {
  return found(template).node(['out/main.js', ...args], { CONNECT: server?.connectString ?? '', ROOT: root, ADDRESS: address });
}

const isEvent =
  (event: string) =>
  (message: Readonly<Record<string, unknown>>): boolean =>
    message['event'] === event;

/** Waits until the job has run `count` times in this process. */
function runs(process: TestProcess, count: number): Promise<void> {
  return eventually(() => expect(process.messages.filter(isEvent('ended')).length).toBeGreaterThanOrEqual(count), {
    what: `${count} runs of ${process.name}`,
    withinMs: SETTLED_WITHIN_MS,
  });
}

/** The fencing tokens of the runs that have started and ended. */
function tokens(process: TestProcess): { started: string[]; ended: string[] } {
  const of = (event: string) => process.messages.filter(isEvent(event)).map((message) => String(message['token']));
  return { started: of('started'), ended: of('ended') };
}

interface Import {
  readonly file: string;
  readonly name: string;
}

/** What the JavaScript and the declarations below a directory import, by whatever syntax. */
function importsOf(directory: string): Import[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .flatMap((entry) => {
      const file = join(entry.parentPath, entry.name);
      return ts.preProcessFile(readFileSync(file, 'utf8'), true, true).importedFiles.map(({ fileName }) => ({ file, name: fileName }));
    });
}

function packageOf(name: string): string {
  return name
    .split('/')
    .slice(0, name.startsWith('@') ? 2 : 1)
    .join('/');
}

function targetOf(file: string, name: string): string {
  const path = join(dirname(file), name);
  return file.endsWith('.d.ts') ? path.replace(/\.js$/, '.d.ts') : path;
}

function readmeEnvironment(port: number): Record<string, string> {
  const { connectString } = server ?? expect.fail('there is no server');
  return { ZOOKEEPER_CONNECT: connectString, PORT: String(port), SERVICE_ADDRESS: `127.0.0.1:${port}` };
}
