// `npm run mutants`: changes one operator at a time in the rooms that decide and elect, and tells which changes no test
// notices. In a copy of the tree, one after the other. CONTRIBUTING.md says what to do about one that is not noticed.
//
//   npm run mutants -- [paths] [--sample 300] [--seed 1] [--to results.jsonl] [--equivalents]
//
// `paths`: only files below them; `file.ts:86` is a line of one. `--sample`: so many, drawn by `--seed`;
// without it all. `--to`: appends each result there, and leaves out what already has one, so that a long search
// can be ended and gone on with. `--equivalents`: also tries those that are listed as impossible to notice, to
// find out whether that is true.
import { appendFileSync, cpSync, existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ensureInstalled } from './install.mjs';
import { temporaryDirectory } from './support/guard.mjs';

/** @typedef {import('./mutants/operators.mjs').Mutant} Mutant */

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const GOAL = 0.95;
/** What a lot of tests may use of a processor, in multiples of what it takes without a change, and at least. */
const LIMIT_FACTOR = 20;
const LIMIT_MS = 60_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sample: { type: 'string' },
    seed: { type: 'string', default: '1' },
    to: { type: 'string' },
    equivalents: { type: 'boolean', default: false },
  },
});

await ensureInstalled();
setPriority(10);
const { applied, mutantsOf } = await import('./mutants/operators.mjs');
const { lotsFor, ROOMS } = await import('./mutants/covering.mjs');
const { EQUIVALENTS, equivalentOf } = await import('./mutants/equivalents.mjs');
const { Worker } = await import('./mutants/worker.mjs');

/** @returns {string[]} */
function files() {
  const all = ROOMS.flatMap((room) =>
    readdirSync(join(ROOT, room), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(ROOT, join(entry.parentPath, entry.name))),
  ).sort((a, b) => (a < b ? -1 : 1));
  return positionals.length === 0 ? all : all.filter((file) => positionals.some((path) => file.startsWith(path.replace(/:\d+$/, ''))));
}

/** @param {Mutant} mutant */
function isAsked({ file, line }) {
  return positionals.length === 0 || positionals.some((path) => (path.includes(':') ? path === `${file}:${line}` : file.startsWith(path)));
}

/** @param {Mutant} mutant */
const nameOf = ({ file, line, from, to, code, start }) => JSON.stringify([file, line, from, to, code, start]);

/**
 * A sample without repetition, the same for the same seed (xorshift32). @param {readonly
 * Mutant[]} all @returns {Mutant[]}
 */
function sampleOf(all) {
  if (values.sample === undefined) return [...all];
  let state = (Number(values.seed) * 2_654_435_761) >>> 0 || 1;
  const random = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
  const rest = [...all];
  /** @type {Mutant[]} */
  const drawn = [];
  while (drawn.length < Number(values.sample) && rest.length > 0) drawn.push(...rest.splice(Math.floor(random() * rest.length), 1));
  return drawn;
}

/** @returns {{ path: string, remove(): void }} */
function copyOfTree() {
  const copy = temporaryDirectory('mutants');
  for (const name of ['src', 'test', 'scripts', 'package.json', 'tsconfig.json']) {
    cpSync(join(ROOT, name), join(copy.path, name), { recursive: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(copy.path, 'node_modules'));
  return copy;
}

const texts = new Map(files().map((file) => [file, readFileSync(join(ROOT, file), 'utf8')]));
const everything = [...texts].flatMap(([file, text]) => mutantsOf(file, text));
for (const one of EQUIVALENTS) {
  if (texts.has(one.file) && !everything.some((mutant) => equivalentOf(mutant) === one)) {
    throw new Error(`scripts/mutants/equivalents.mjs: ${one.file} has no "${one.from}" in the line "${one.code}".`);
  }
}
const chosen = sampleOf(everything.filter(isAsked));
/** @type {Map<string, { fate: string, by?: string | undefined }>} */
const fates = new Map();
if (values.to !== undefined && existsSync(values.to)) {
  for (const line of readFileSync(values.to, 'utf8').split('\n').filter(Boolean)) {
    const { mutant, ...fate } = JSON.parse(line);
    fates.set(nameOf(mutant), fate);
  }
}

const copy = copyOfTree();
const worker = new Worker(copy.path);
/** What a lot of tests uses of a processor without a change. @type {Map<readonly string[], number>} */
const usual = new Map();

/** @param {readonly string[]} lot */
async function usualOf(lot) {
  const known = usual.get(lot);
  if (known !== undefined) return known;
  const outcome = await worker.run([...texts.keys()], lot, Number.POSITIVE_INFINITY);
  if (outcome.kind !== 'done' || outcome.result.failed.length > 0 || outcome.result.passed === 0) {
    throw new Error(`Without any change the tests ${lot.join(', ')} do not pass: ${JSON.stringify(outcome)}.`);
  }
  usual.set(lot, outcome.cpuMs);
  return outcome.cpuMs;
}

/** @param {Mutant} mutant @returns {Promise<{ fate: string, by?: string | undefined }>} */
async function fateOf(mutant) {
  if (equivalentOf(mutant) !== undefined && !values.equivalents) return { fate: 'equivalent' };
  const text = texts.get(mutant.file) ?? '';
  const path = join(copy.path, mutant.file);
  for (const lot of lotsFor(mutant.file)) {
    const limitMs = LIMIT_MS + LIMIT_FACTOR * (await usualOf(lot));
    writeFileSync(path, applied(text, mutant));
    // All may have been changed before, by the change that this one follows.
    const outcome = await worker.run([...texts.keys()], lot, limitMs);
    writeFileSync(path, text);
    if (outcome.kind === 'hangs') return { fate: 'noticed', by: outcome.how };
    if (outcome.result.failed.length > 0) return { fate: 'noticed', by: outcome.result.failed[0] };
  }
  return { fate: 'survived' };
}

try {
  for (const [index, mutant] of chosen.entries()) {
    const name = nameOf(mutant);
    let fate = fates.get(name);
    if (fate === undefined) {
      fate = await fateOf(mutant);
      fates.set(name, fate);
      if (values.to !== undefined) appendFileSync(values.to, `${JSON.stringify({ mutant, ...fate })}\n`);
    }
    const { file, line, from, to, code } = mutant;
    const what = `${file}:${line}: ${from} -> ${to} in: ${code}`;
    console.log(`${index + 1}/${chosen.length} ${fate.fate} ${what}${fate.by === undefined ? '' : ` (${fate.by})`}`);
  }
} finally {
  worker.end();
  copy.remove();
}
report();

function report() {
  const of = (/** @type {string} */ fate) => chosen.filter((mutant) => fates.get(nameOf(mutant))?.fate === fate);
  const [noticed, survived, equivalent] = [of('noticed'), of('survived'), of('equivalent')];
  const share = noticed.length / Math.max(1, noticed.length + survived.length);
  console.log('');
  for (const { file, line, from, to, code } of survived) console.log(`survived: ${file}:${line}: ${from} -> ${to} in: ${code}`);
  console.log(
    `${noticed.length} noticed, ${survived.length} survived, ${equivalent.length} listed as equivalent, of ${chosen.length} changes ` +
      `(${everything.length} there are): ${(share * 100).toFixed(1)} % noticed, at least ${GOAL * 100} % is the goal.`,
  );
  process.exitCode = share >= GOAL ? 0 : 1;
}
