import { afterAll, beforeAll, expect, it } from 'vitest';
import { znodeNameProblem } from '../../../src/zookeeper/support/names.js';
import { isZooKeeperError } from '../../../src/zookeeper/wire/errors.js';
import { startServer, type ZooKeeperServer } from '../../support/zookeeper.js';
import { RecordedWire } from './recorded-wire.js';

const empty = Buffer.alloc(0);
/** How many requests are under way at once. */
const ABREAST = 500;

let server: ZooKeeperServer;
let wire: RecordedWire;
let parents = 0;

beforeAll(async () => {
  server = await startServer();
  wire = await RecordedWire.open(server.connectString, { sessionTimeoutMs: 40_000 });
});

afterAll(async () => {
  await wire?.connection.shutdown(5000);
  await server?.dispose();
});

/** Which of these names the server refuses. */
async function refused(names: readonly string[]): Promise<string[]> {
  const parent = await wire.create(`/names-${++parents}`, empty, 'persistent');
  const found: string[] = [];
  for (let from = 0; from < names.length; from += ABREAST) {
    const isRefused = await Promise.all(names.slice(from, from + ABREAST).map((name) => isRefusedBelow(parent, name)));
    found.push(...names.slice(from, from + ABREAST).filter((_, i) => isRefused[i]));
  }
  return found;
}

async function isRefusedBelow(parent: string, name: string): Promise<boolean> {
  try {
    await wire.create(`${parent}/${name}`, empty, 'persistent');
    return false;
  } catch (thrown) {
    if (isZooKeeperError(thrown, 'bad-arguments')) return true;
    throw thrown;
  }
}

const inText = (names: readonly string[]): string[] => names.map((name) => JSON.stringify(name));

it('refuses every character of the Basic Multilingual Plane that the server refuses, and no others', async () => {
  const units = Array.from({ length: 0x1_0000 }, (_, unit) => String.fromCharCode(unit));
  const taken = units.filter((unit) => znodeNameProblem(`a${unit}b`) === undefined);
  // Many at once: a name with one bad character in it is refused.
  const rows = Array.from({ length: Math.ceil(taken.length / 200) }, (_, i) => `a${taken.slice(i * 200, i * 200 + 200).join('')}`);
  expect(inText(await refused(rows))).toEqual([]);
  const ours = units.filter((unit) => unit !== '/' && znodeNameProblem(`a${unit}b`) !== undefined);
  const theirs = new Set(await refused(ours.map((unit) => `a${unit}b`)));
  expect(inText(ours.filter((unit) => !theirs.has(`a${unit}b`)))).toEqual([]);
});

it('refuses what the server refuses beyond it: characters of every plane, and names that are paths', async () => {
  const planes = Array.from({ length: 16 }, (_, i) => [(i + 1) * 0x1_0000, (i + 1) * 0x1_0000 + 0xf600, (i + 2) * 0x1_0000 - 1]).flat();
  const names = [...planes.map((point) => `job ${String.fromCodePoint(point)}`), 'job 😀', 'job 𠮷', '.', '..', 'a//b'];
  expect(inText(await refused(names))).toEqual(inText(names));
  expect(inText(names.filter((name) => znodeNameProblem(name) === undefined))).toEqual([]);
});

it('takes what the server takes: letters of all scripts, marks, spaces and signs', async () => {
  const names = ['Straße 7', '送信', 'عمل', 'e\u0301', 'a\u200db', '\ufb01', '\uffef', '...', '.a', ' a ', '%2F', '~', 'a\\b'];
  expect(inText(names.filter((name) => znodeNameProblem(name) !== undefined))).toEqual([]);
  expect(inText(await refused(names))).toEqual([]);
});
