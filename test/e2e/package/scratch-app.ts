import { createHash } from 'node:crypto';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '../../../scripts/support/guard.mjs';
import { withLock } from '../../../scripts/support/lock.mjs';
import { ROOT, startProgram, type TestProcess } from '../../support/process.js';
import { installedByReadme, writeReadmeFiles } from './readme.js';

const TEMPLATES = join(import.meta.dirname, 'templates');

/** The scratch applications: the same sources under different packages and settings. */
export type Template = 'nest12-esm' | 'nest11-cjs';

export interface Finished {
  readonly code: number | null;
  readonly output: string;
}

/** The tarball of the project, as npm would publish it. */
export class Tarball implements Disposable {
  private constructor(
    readonly path: string,
    private readonly directory: { remove(): void },
  ) {}

  /** Packs what is built. */
  static async pack(): Promise<Tarball> {
    const directory = temporaryDirectory('tarball');
    succeeded(await npm(['pack', '--ignore-scripts', '--pack-destination', directory.path], ROOT));
    const [name = 'none'] = readdirSync(directory.path);
    return new Tarball(join(directory.path, name), directory);
  }

  [Symbol.dispose](): void {
    this.directory.remove();
  }
}

/**
 * An application outside of the project, which has the package from the tarball and everything else from the registry.
 */
export class ScratchApp implements Disposable {
  readonly directory: string;
  /** Of `npm install`. */
  installed: Finished = { code: null, output: 'not installed' };
  /** Of its compiler. */
  compiled: Finished = { code: null, output: 'not compiled' };
  private readonly temporary: { readonly path: string; remove(): void };

  private constructor(readonly template: Template) {
    this.temporary = temporaryDirectory(template);
    this.directory = this.temporary.path;
  }

  /** Installs and compiles it. A conflict of peers is an error of the installation. */
  static async create(template: Template, tarball: Tarball): Promise<ScratchApp> {
    const app = new ScratchApp(template);
    cpSync(join(TEMPLATES, template), app.directory, { recursive: true });
    for (const name of readdirSync(join(TEMPLATES, 'app'))) {
      const folder = name.endsWith('.ts') ? 'src' : '.';
      cpSync(join(TEMPLATES, 'app', name), join(app.directory, folder, name));
    }
    copyFileSync(join(ROOT, 'test', 'types', 'usage.ts'), join(app.directory, 'src', 'usage.ts'));
    writeReadmeFiles(template, app.directory);
    const made = JSON.parse(readFileSync(join(app.directory, 'package.json'), 'utf8')) as Manifest;
    const dependencies = { ...made.dependencies, ...Object.fromEntries(installedByReadme(template)) };
    app.installed = await install(template, app.directory, { ...made, dependencies }, tarball);
    app.compiled = await app.npm('run', 'build');
    return app;
  }

  npm(...args: readonly string[]): Promise<Finished> {
    return npm(args, this.directory);
  }

  /** Starts `node` in it. */
  node(args: readonly string[], env: Readonly<Record<string, string>> = {}): TestProcess {
    return startProgram(process.execPath, {
      args,
      cwd: this.directory,
      env: { ...WITHOUT_VITEST, ...env },
      name: `${this.template} ${args.join(' ')}`,
    });
  }

  [Symbol.dispose](): void {
    this.temporary.remove();
  }
}

/** What is asked for in a package.json. */
export interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

/**
 * Installs what `manifest` asks for in `directory`, and the package itself from the tarball. `name` is that
 * of the kept installation.
 */
export async function install(name: string, directory: string, manifest: Manifest, tarball: Tarball): Promise<Finished> {
  const path = join(directory, 'package.json');
  writeFileSync(path, JSON.stringify(manifest, undefined, 2));
  await bringDependencies(name, directory);
  const dependencies = { ...manifest.dependencies, 'nestjs-cluster-cron': `file:${tarball.path}` };
  writeFileSync(path, JSON.stringify({ ...manifest, dependencies }, undefined, 2));
  return npm(INSTALL, directory);
}

/**
 * Puts what the application depends on, apart from the package itself, into `directory`, as an earlier installation has
 * left it. The first one is kept below `.cache`, by the packages it asks for; the installation of the tarball then
 * checks all of it, and adds what is missing.
 */
async function bringDependencies(name: string, directory: string): Promise<void> {
  const manifest = readFileSync(join(directory, 'package.json'));
  const hash = createHash('sha256').update(process.version).update(manifest).digest('hex').slice(0, 16);
  const kept = join(ROOT, '.cache', 'scratch-apps', `${name}-${hash}`);
  await withLock(
    `scratch application ${kept}`,
    () => undefined,
    async () => {
      if (existsSync(kept)) return;
      mkdirSync(join(ROOT, '.cache', 'scratch-apps'), { recursive: true });
      const making = mkdtempSync(`${kept}-making-`);
      writeFileSync(join(making, 'package.json'), manifest);
      const { code } = await npm(INSTALL, making);
      // What cannot be installed is told by the installation that a test looks at.
      if (code === 0) renameSync(making, kept);
      else rmSync(making, { recursive: true, force: true });
    },
  );
  if (!existsSync(kept)) return;
  for (const part of ['node_modules', 'package-lock.json'])
    cpSync(join(kept, part), join(directory, part), { recursive: true, verbatimSymlinks: true });
}

const INSTALL = ['install', '--include=dev', '--strict-peer-deps', '--prefer-offline', '--no-audit', '--no-fund'];

/** Vitest's own environment is nobody else's business. */
export const WITHOUT_VITEST = Object.fromEntries(
  ['NODE_ENV', 'TEST', ...Object.keys(process.env).filter((name) => name.startsWith('VITEST'))].map((name) => [name, undefined]),
);

export async function npm(args: readonly string[], cwd: string): Promise<Finished> {
  const program = startProgram('npm', { args, cwd, env: WITHOUT_VITEST, name: `npm ${args[0] ?? ''}` });
  const { code } = await program.exited;
  return { code, output: program.output };
}

/** Its output; fails with it when the program has failed. */
export function succeeded({ code, output }: Finished): string {
  if (code !== 0) throw new Error(`It ended with code ${code}:\n${output}`);
  return output;
}
