// What the gate costs where nothing runs: isMaster() and the scheduled call of a @MasterOnly method on a
// standby, beside a bare call and beside a map look-up with a deadline compare written out by hand. A real
// standby of a real election.
import { createRequire } from 'node:module';
import { built, changed, figures, isMaster, millisecondsBetween, replica, table, withServer } from './support/library.mjs';

const require = createRequire(import.meta.url);
require('reflect-metadata');
const { Module } = require('@nestjs/common');
const { NestFactory } = require('@nestjs/core');
const { Cron, ScheduleModule } = require('@nestjs/schedule');
const { MasterElection, MasterOnly, ZookeeperModule } = built('index.js');

const CALLS = Number(process.argv[2] ?? 2_000_000);
const ROUNDS = 15;

class Jobs {
  ran = 0;
  bare() {
    this.ran += 1;
  }
  tick() {
    this.ran += 1;
  }
}
const descriptor = Object.getOwnPropertyDescriptor(Jobs.prototype, 'tick');
Cron('0 0 1 1 *')(Jobs.prototype, 'tick', descriptor);
MasterOnly({ name: 'tick' })(Jobs.prototype, 'tick', descriptor);
Object.defineProperty(Jobs.prototype, 'tick', descriptor);

/** By hand: the least that can be safe, a map look-up and a deadline compared with the monotonic clock at each call. */
const deadlines = new Map([['Bench:1.0.0', { deadlineMs: -1 }]]);
const byHand = (key) => performance.now() < deadlines.get(key).deadlineMs;

let sink = 0;
function nanoseconds(call) {
  const startedNs = process.hrtime.bigint();
  for (let i = 0; i < CALLS; i++) if (call() === true) sink += 1;
  return (millisecondsBetween(startedNs, process.hrtime.bigint()) * 1e6) / CALLS;
}

await withServer(async (server) => {
  const master = replica(server.connectString, '127.0.0.1:1');
  const election = master.elections.election();
  master.start();
  await changed(election, isMaster);

  class App {
    name = 'bench';
  }
  Module({
    imports: [
      ScheduleModule.forRoot(),
      ZookeeperModule.forRoot({ connectString: server.connectString, service: 'Bench', version: '1.0.0', address: '127.0.0.1:2' }),
    ],
    providers: [Jobs],
  })(App);
  const app = await NestFactory.createApplicationContext(App, { logger: false });
  const elections = app.get(MasterElection);
  const jobs = app.get(Jobs);
  while (elections.mastership().kind !== 'standby') await new Promise((resolve) => setTimeout(resolve, 20));
  // The prototype's method is what the schedule calls; the instance's own is the direct call,
  // which throws on a standby.
  const scheduled = Jobs.prototype.tick.bind(jobs);

  const subjects = {
    'bare method call': () => jobs.bare(),
    'map look-up + deadline compare, by hand': () => byHand('Bench:1.0.0'),
    'isMaster() on a standby': () => elections.isMaster(),
    'scheduled call on a standby': () => scheduled(),
  };
  const samples = Object.fromEntries(Object.keys(subjects).map((name) => [name, []]));
  for (let round = -3; round < ROUNDS; round++)
    for (const [name, call] of Object.entries(subjects)) {
      const ns = nanoseconds(call);
      if (round >= 0) samples[name].push(ns);
    }
  // The same for a master, where both clocks are read.
  await master.stop();
  while (!elections.isMaster()) await new Promise((resolve) => setTimeout(resolve, 20));
  samples['isMaster() on the master'] = Array.from({ length: ROUNDS }, () => nanoseconds(() => elections.isMaster()));
  const [hand] = [figures(samples['map look-up + deadline compare, by hand']).median];
  table(
    [`per call, ${ROUNDS} rounds of ${CALLS} calls`, 'median', 'min', 'max', 'to by hand'],
    Object.entries(samples).map(([name, values]) => {
      const f = figures(values);
      return [name, `${f.median.toFixed(1)} ns`, `${f.min.toFixed(1)} ns`, `${f.max.toFixed(1)} ns`, (f.median / hand).toFixed(2)];
    }),
  );
  console.log('target: isMaster() and the scheduled call on a standby at most 1.5 times the one by hand');
  await app.close();
});
if (sink < 0) console.log(sink);
