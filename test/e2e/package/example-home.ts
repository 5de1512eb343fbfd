import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '../../../scripts/support/guard.mjs';
import { ROOT, startProgram, type TestProcess } from '../../support/process.js';
import { install, type Manifest, npm, succeeded, type Tarball, WITHOUT_VITEST } from './scratch-app.js';

const EXAMPLES = join(ROOT, 'examples');

interface ExampleManifest extends Manifest {
  readonly devDependencies: Readonly<Record<string, string>>;
}

/** The examples that are applications with a package.json of their own, and what each asks for. */
export const EXAMPLE_MANIFESTS: ReadonlyMap<string, ExampleManifest> = new Map(
  readdirSync(EXAMPLES)
    .filter((name) => existsSync(join(EXAMPLES, name, 'package.json')))
    .map((name) => [name, JSON.parse(readFileSync(join(EXAMPLES, name, 'package.json'), 'utf8')) as ExampleManifest]),
);

/**
 * A directory outside of the project in which examples are built and run: what any of them asks for is installed once,
 * and the package itself from the tarball.
 */
export class ExampleHome implements Disposable {
  private readonly temporary = temporaryDirectory('examples');

  private constructor(readonly examples: readonly string[]) {}

  /** All examples for that version of Nest. */
  static async create(nest: string, tarball: Tarball): Promise<ExampleHome> {
    const chosen = [...EXAMPLE_MANIFESTS].filter(([, { dependencies }]) => dependencies['@nestjs/core']?.startsWith(`${nest}.`));
    const home = new ExampleHome(chosen.map(([name]) => name));
    const { 'nestjs-cluster-cron': _itself, ...dependencies } = Object.assign({}, ...chosen.map(([, made]) => made.dependencies)) as Record<
      string,
      string
    >;
    const devDependencies: unknown = Object.assign({}, ...chosen.map(([, made]) => made.devDependencies));
    const manifest = { name: `examples-nest${nest}`, private: true, dependencies, devDependencies };
    succeeded(await install(`examples-nest${nest}`, home.temporary.path, manifest, tarball));
    for (const name of home.examples) home.copy(name);
    return home;
  }

  /** Where an example is. */
  folder(example: string): string {
    return join(this.temporary.path, example);
  }

  async build(example: string): Promise<void> {
    succeeded(await npm(['run', 'build'], this.folder(example)));
  }

  /** Runs a script of it. */
  run(example: string, script: string, env: Readonly<Record<string, string>> = {}, args: readonly string[] = []): TestProcess {
    return startProgram(process.execPath, {
      args: [script, ...args],
      cwd: this.folder(example),
      env: { ...WITHOUT_VITEST, ZOOKEEPER_CONNECT: undefined, NO_COLOR: '1', ...env },
      name: `${example} ${script} ${env['SERVICE_ADDRESS'] ?? ''}`,
    });
  }

  [Symbol.dispose](): void {
    this.temporary.remove();
  }

  /** The files that git would have, and not what somebody has installed or built beside them. */
  private copy(name: string): void {
    mkdirSync(this.folder(name));
    const files = readdirSync(join(EXAMPLES, name)).filter((file) => /\.(m?ts|json|md)$/.test(file) && file !== 'package-lock.json');
    for (const file of files) cpSync(join(EXAMPLES, name, file), join(this.folder(name), file));
  }
}
