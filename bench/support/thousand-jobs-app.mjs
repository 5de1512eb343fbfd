// A Nest application with many per-second jobs that do nothing, of this library or of @nestjs/schedule alone. argv:
// 'clustered' or 'plain', how many, how many seconds are measured, connectString. Tells on stdout, as JSON: `{ ready }`
// when the jobs run, then what was measured.
import { createRequire } from 'node:module';
import { setTimeout as wait } from 'node:timers/promises';
import { built } from './library.mjs';

const require = createRequire(import.meta.url);
require('reflect-metadata');
const { Module } = require('@nestjs/common');
const { NestFactory } = require('@nestjs/core');
const { Cron, ScheduleModule } = require('@nestjs/schedule');
const { MasterElection, MasterOnly, ZookeeperModule } = built('index.js');

const [kind, count, seconds, connectString] = process.argv.slice(2);
const clustered = kind === 'clustered';
const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

let runs = 0;
/** Of each second of the wall clock: how many runs there were for the tick due then. */
const ticks = new Map();

function providerOf(number) {
  class Job {
    run(run) {
      const tickMs = run?.scheduledTime?.getTime() ?? Math.round(Date.now() / 1_000) * 1_000;
      runs += 1;
      ticks.set(tickMs, (ticks.get(tickMs) ?? 0) + 1);
    }
  }
  const descriptor = Object.getOwnPropertyDescriptor(Job.prototype, 'run');
  if (clustered) MasterOnly({ name: `job-${number}` })(Job.prototype, 'run', descriptor);
  Cron('* * * * * *', { name: `job-${number}` })(Job.prototype, 'run', descriptor);
  Object.defineProperty(Job.prototype, 'run', descriptor);
  return Job;
}

const jobs = Array.from({ length: Number(count) }, (_, number) => providerOf(number));
const cluster = clustered ? [ZookeeperModule.forRoot({ connectString, service: 'Bench', version: '1.0.0', address: '127.0.0.1:1' })] : [];
class App {
  name = 'bench';
}
Module({ imports: [ScheduleModule.forRoot(), ...cluster], providers: jobs })(App);
const app = await NestFactory.createApplicationContext(App, { logger: ['error', 'warn'] });
if (clustered) while (!app.get(MasterElection).isMaster()) await wait(20);
while (runs < 3 * jobs.length) await wait(20);
say({ ready: true });

const startedMs = Date.now();
const before = { cpu: process.cpuUsage(), runs, loop: performance.eventLoopUtilization() };
await wait(Number(seconds) * 1_000);
const cpu = process.cpuUsage(before.cpu);
const { utilization } = performance.eventLoopUtilization(before.loop);
const measured = { cpuMs: (cpu.user + cpu.system) / 1_000, runs: runs - before.runs, tookMs: Date.now() - startedMs, utilization };
// A tick of the last second may still be on its way.
while (Date.now() < startedMs + measured.tookMs + 2_000) await wait(20);
const first = Math.ceil(startedMs / 1_000) * 1_000;
let missed = 0;
for (let tickMs = first; tickMs < first + (Number(seconds) - 1) * 1_000; tickMs += 1_000)
  missed += Math.max(0, jobs.length - (ticks.get(tickMs) ?? 0));
say({ ...measured, missed, rssMb: process.memoryUsage().rss / 2 ** 20 });
await app.close();
process.exit(0);
