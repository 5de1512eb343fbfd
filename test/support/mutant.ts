import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureBuilt } from '../../scripts/build.mjs';
import { temporaryDirectory } from '../../scripts/support/guard.mjs';
import { ROOT } from './process.js';

/** The library with one guard taken out. */
export interface Mutation {
  /** A file below `dist/zookeeper`. */
  readonly file: string;
  /** What makes the guard: must be there, once. */
  readonly guard: string;
  readonly instead: string;
}

/** Where the built library is from which a guard was taken out. */
export interface Mutant extends Disposable {
  readonly dist: string;
}

/** Builds the library, and takes a guard out of a copy. Throws when the guard is not where it was. */
export async function mutantOf({ file, guard, instead }: Mutation): Promise<Mutant> {
  const given = process.env['REPLICA_DIST'];
  if (given === undefined) await ensureBuilt();
  const directory = temporaryDirectory('mutant');
  const dist = join(directory.path, 'dist');
  cpSync(given ?? join(ROOT, 'dist'), dist, { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(directory.path, 'node_modules'));
  const path = join(dist, 'zookeeper', ...file.split('/'));
  const parts = readFileSync(path, 'utf8').split(guard);
  if (parts.length !== 2) throw new Error(`${file} has "${guard}" ${parts.length - 1} times: this mutation must follow the code.`);
  writeFileSync(path, parts.join(instead));
  return { dist, [Symbol.dispose]: () => directory.remove() };
}
