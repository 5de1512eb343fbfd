// What the library weighs: what it adds to an installation, to the start of an application and to its memory.
// Packs the project as npm would publish it (or takes the tarball given as argument), installs it into fresh
// applications of Nest, and starts each with one @Cron job, in turns, without ZooKeeper. Needs `npm run build`,
// and a registry or npm's cache.
import { spawnSync } from 'node:child_process';
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { figures, table } from './support/library.mjs';

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 11);
const ROOT = join(import.meta.dirname, '..');
const PEERS = ['@nestjs/common', '@nestjs/core', '@nestjs/schedule', 'reflect-metadata', 'rxjs'];

/** The application: its own job, and with the library the same under an election of its own. */
const PROGRAM = `
const { performance } = require('node:perf_hooks');
require('reflect-metadata');
const { Module } = require('@nestjs/common');
const { NestFactory } = require('@nestjs/core');
const { Cron, ScheduleModule } = require('@nestjs/schedule');
if (process.argv.includes('validator')) require('class-validator');
const withLibrary = process.argv.includes('library');
const { MasterOnly, ZookeeperModule } = withLibrary ? require('nestjs-cluster-cron') : {};
class Jobs { tick() {} }
const tick = Object.getOwnPropertyDescriptor(Jobs.prototype, 'tick');
Cron('0 0 1 1 *', { name: 'tick' })(Jobs.prototype, 'tick', tick);
if (withLibrary) MasterOnly()(Jobs.prototype, 'tick', tick);
Object.defineProperty(Jobs.prototype, 'tick', tick);
class App {}
const library = () => ZookeeperModule.forRoot({ standalone: true, service: 'Weight', version: '1', address: '127.0.0.1:1' });
Module({ imports: [ScheduleModule.forRoot(), ...(withLibrary ? [library()] : [])], providers: [Jobs] })(App);
NestFactory.createApplicationContext(App, { logger: false }).then(() => {
  const startMs = performance.now();
  const { user, system } = process.cpuUsage();
  global.gc();
  console.log(JSON.stringify({ startMs, cpuMs: (user + system) / 1e3, rssMb: process.memoryUsage().rss / 2 ** 20 }));
  process.exit(0);
});
`;

const directory = mkdtempSync(join(tmpdir(), 'weight-'));
try {
  measure(tarball());
} finally {
  rmSync(directory, { recursive: true, force: true });
}

function measure(packed) {
  const apps = {
    'the application alone': { ...install('alone'), args: [] },
    'with the library': { ...install('with', packed), args: ['library'] },
    'that has class-validator': { ...install('validator', validator()), args: ['validator'] },
    'the same, with the library': { ...install('both', validator(), packed), args: ['validator', 'library'] },
  };
  const samples = Object.fromEntries(Object.keys(apps).map((name) => [name, []]));
  for (let round = -2; round < ROUNDS; round += 1)
    for (const [name, app] of Object.entries(apps)) {
      const sample = JSON.parse(run(process.execPath, ['--expose-gc', 'app.cjs', ...app.args], app.path));
      if (round >= 0) samples[name].push(sample);
    }
  table(
    [`${ROUNDS} starts each, medians (min to max)`, 'packages', 'installed', 'ready after', 'processor time', 'memory'],
    Object.entries(apps).map(([name, app]) => {
      const [start, cpu, rss] = ['startMs', 'cpuMs', 'rssMb'].map((key) => figures(samples[name].map((sample) => sample[key])));
      const range = ({ median, min, max }, unit) => `${median.toFixed(0)} ${unit} (${min.toFixed(0)} to ${max.toFixed(0)})`;
      return [name, String(app.packages), `${app.mb.toFixed(1)} MB`, range(start, 'ms'), range(cpu, 'ms'), range(rss, 'MB')];
    }),
  );
}

function tarball() {
  if (process.argv[2] !== undefined) return resolve(process.argv[2]);
  const to = join(directory, 'packed');
  mkdirSync(to);
  run('npm', ['pack', '--ignore-scripts', '--pack-destination', to], ROOT);
  return join(to, readdirSync(to)[0]);
}

/** As the project has it. */
function validator() {
  return `class-validator@${versionOf('class-validator')}`;
}

function versionOf(name) {
  return JSON.parse(readFileSync(join(ROOT, 'node_modules', name, 'package.json'), 'utf8')).version;
}

function install(name, ...more) {
  const path = join(directory, name);
  mkdirSync(path);
  writeFileSync(join(path, 'package.json'), JSON.stringify({ name: 'weight', private: true }));
  writeFileSync(join(path, 'app.cjs'), PROGRAM);
  const wanted = [...PEERS.map((peer) => `${peer}@${versionOf(peer)}`), ...more];
  run('npm', ['install', '--omit=dev', '--prefer-offline', '--no-audit', '--no-fund', ...wanted], path);
  const { bytes, packages } = sizeOf(join(path, 'node_modules'));
  return { path, packages, mb: bytes / 1e6 };
}

/** The bytes of all files, and how many packages there are. */
function sizeOf(folder) {
  let [bytes, packages] = [0, 0];
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    bytes += lstatSync(join(entry.parentPath, entry.name)).size;
    if (entry.name === 'package.json' && /(?:^|[/\\])node_modules[/\\](?:@[^/\\]+[/\\])?[^/\\]+$/.test(entry.parentPath)) packages += 1;
  }
  return { bytes, packages };
}

function run(command, args, cwd) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${error?.message ?? `${stdout}\n${stderr}`}`);
  return stdout;
}
