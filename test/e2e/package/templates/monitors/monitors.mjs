// An application with the monitors that users of Nest run, whose collectors are one on loopback. Prints what each has
// seen, as one line of JSON: alone (argument `master` or `standby`) when that is enough; as a replica of a cluster
// (`replica <connectString> <address>`) when it is told to, by lines on stdin: `seen`, `cut`, `resign`.
import 'reflect-metadata';
import { createServer } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Cron, Interval, ScheduleModule, Timeout } from '@nestjs/schedule';
import { createObserveModule, TracerService } from '@nestjs/observe';
import * as Sentry from '@sentry/nestjs';
import { trace } from '@opentelemetry/api';
import { BasicTracerProvider, SimpleSpanProcessor, InMemorySpanExporter } from '@opentelemetry/sdk-trace-base';
import { Span } from 'nestjs-otel';
import { createInterface } from 'node:readline';
import { ClusterJobs, MasterElection, MasterOnly, ZookeeperModule } from 'nestjs-cluster-cron';

const [, , role, connectString, address] = process.argv;
const candidate = role !== 'standby';
const bodies = [];
const collector = createServer((request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => {
    let body = Buffer.concat(parts);
    if (request.headers['content-encoding'] === 'gzip') body = gunzipSync(body);
    bodies.push({ url: request.url, text: body.toString() });
    response.setHeader('content-type', 'application/json');
    response.end('{}');
  });
}).listen(0, '127.0.0.1');
await new Promise((resolve) => collector.once('listening', resolve));
const { port } = collector.address();

Sentry.init({ dsn: `http://key@127.0.0.1:${port}/1`, tracesSampleRate: 0, skipOpenTelemetrySetup: true, registerEsmLoaderHooks: false });
const spans = new InMemorySpanExporter();
trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }));

const runs = [];
let tracer;
async function work(name, fails, tick) {
  const run = { name, ms: 300, tick, createSpan: undefined };
  runs.push(run);
  await new Promise((resolve) => setTimeout(resolve, 300));
  run.createSpan = await tracer.createSpan('step', async () => 'ok').catch((error) => String(error));
  if (fails) throw new Error('no ' + name);
}
class Jobs {
  async second(run) {
    await work('second', false, run.scheduledTime?.getTime());
  }
  /** Its first start is cut short. */
  async cut(run) {
    const started = performance.now();
    if (run.cause !== 'rerun')
      await new Promise((_, reject) => run.signal.addEventListener('abort', () => reject(run.signal.reason), { once: true })).finally(() =>
        runs.push({ name: 'cut', ms: performance.now() - started, createSpan: 'cut short' }),
      );
    await work('cut', false);
  }
  async failing() {
    await work('failing', true);
  }
  async often() {
    await work('often');
  }
  async plain() {
    await work('added');
  }
  async once() {
    await work('once');
  }
  async yearly() {
    await work('yearly');
  }
}
function decorate(key, ...decorators) {
  const descriptor = Object.getOwnPropertyDescriptor(Jobs.prototype, key);
  let now = descriptor;
  for (const each of decorators.reverse()) now = each(Jobs.prototype, key, now) ?? now;
  Object.defineProperty(Jobs.prototype, key, now);
}
decorate(
  'second',
  Sentry.SentryCron('second'),
  Span('above-second'),
  Cron('* * * * * *', { name: 'second' }),
  MasterOnly(),
  Span('below-second'),
);
decorate('failing', Cron('* * * * * *', { name: 'failing' }), Sentry.SentryCron('failing'), Span('above-failing'), MasterOnly());
decorate('often', Sentry.SentryCron('often'), Span('above-often'), MasterOnly(), Interval('often', 500));
decorate('once', Timeout('once', 100), Span('above-once'), MasterOnly(), Sentry.SentryCron('once'));
decorate('yearly', Sentry.SentryCron('yearly'), MasterOnly(), Cron('0 0 0 1 1 *', { name: 'yearly' }), Span('below-yearly'));
decorate(
  'cut',
  Sentry.SentryCron('cut'),
  Span('above-cut'),
  Cron('0 0 0 1 1 *', { name: 'cut' }),
  MasterOnly({ onInterrupted: { rerun: 1 } }),
  Span('below-cut'),
);
Injectable()(Jobs);

const { ObserveModule, ObserveInstrument } = createObserveModule();
class AppModule {}
Module({
  imports: [
    ObserveModule.forRoot({ appKey: 'k', appSecret: 's', serviceId: 'x', endpoint: `http://127.0.0.1:${port}` }),
    ScheduleModule.forRoot(),
    ZookeeperModule.forRoot(
      role === 'replica'
        ? { connectString, service: 'M', version: '1', address, sessionTimeoutMs: 6_000, drainTimeoutMs: 500 }
        : { connectString: '127.0.0.1:1', service: 'M', version: '1', address: 'h:1', standalone: true, candidate },
    ),
  ],
  providers: [Jobs],
})(AppModule);
const app = await NestFactory.createApplicationContext(AppModule, { instrument: ObserveInstrument, logger: ['warn', 'error'] });
tracer = app.get(TracerService, { strict: false });
if (role === 'replica') {
  app.get(ClusterJobs).add({ name: 'added', cronTime: '* * * * * *' }, () => app.get(Jobs).plain());
} else if (candidate) {
  const jobs = app.get(ClusterJobs);
  jobs.add({ name: 'added', cronTime: '* * * * * *' }, () => app.get(Jobs).plain());
  await jobs.trigger('yearly', { wait: 'done' });
}
const seen = () => {
  const observed = {};
  const walk = (value) => {
    if (Array.isArray(value)) value.forEach(walk);
    else if (value !== null && typeof value === 'object') {
      if ('q' in value && 's' in value) (observed[value.n] ??= []).push({ status: value.s, ms: value.d });
      Object.values(value).forEach(walk);
    }
  };
  const checkIns = {};
  for (const { url, text } of bodies) {
    if (!url.includes('/envelope')) walk(JSON.parse(text));
    else
      for (const line of text.split('\n').filter((each) => each.includes('monitor_slug'))) {
        const { monitor_slug: slug, status, duration } = JSON.parse(line);
        if (status !== 'in_progress') (checkIns[slug] ??= []).push({ status, ms: duration * 1000 });
      }
  }
  const traced = {};
  for (const { name, duration, status } of spans.getFinishedSpans())
    (traced[name] ??= []).push({ status: status.code === 2 ? 'failed' : 'ok', ms: duration[0] * 1000 + duration[1] / 1e6 });
  return { runs: runs.filter(({ createSpan }) => createSpan !== undefined), observed, checkIns, traced };
};
const names = ['second', 'failing', 'often', 'once', 'yearly', 'added'];
const unseen = () => {
  const { observed, checkIns } = seen();
  return names.filter((name) => observed[name] === undefined || (name !== 'added' && checkIns[name] === undefined));
};
if (role === 'replica') {
  const jobs = app.get(ClusterJobs);
  const election = app.get(MasterElection);
  const say = (message) => console.log(JSON.stringify(message));
  election.mastership$().subscribe(({ kind }) => say({ event: 'state', kind }));
  const commands = {
    seen: async () => {
      await Sentry.flush(2_000);
      return { event: 'seen', ...seen() };
    },
    list: async () => ({ event: 'seen', going: (await jobs.list()).filter(({ running }) => running.length > 0).map(({ job }) => job) }),
    cut: async () => {
      await jobs.trigger('cut');
      return { event: 'triggered' };
    },
    resign: async () => {
      await election.resign();
      return { event: 'resigned' };
    },
  };
  for await (const line of createInterface({ input: process.stdin }))
    say(await commands[JSON.parse(line).cmd]().catch((error) => ({ event: 'failed', error: String(error) })));
  process.exit(0);
}
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
if (candidate) {
  // The collectors are sent to every few seconds, and a monitor that is short of time leaves traces out. Some of the
  // jobs run once by themselves: whatever has not been shown yet runs again, until it is.
  for (const deadline = performance.now() + 200_000; unseen().length > 0 && performance.now() < deadline;) {
    for (const name of unseen())
      await app
        .get(ClusterJobs)
        .trigger(name, { wait: 'done' })
        .catch((error) => {
          // It runs at this moment, which is as good.
          if (error.code !== 'ZK_TRIGGER_REFUSED') throw error;
        });
    await Sentry.flush(2_000);
    await pause(500);
  }
} else {
  // As long as its timers need to have fired.
  await pause(8_000);
}
// Nothing starts any more, and what has started has ended: now each run has been told to those who keep count of all.
await app.close();
await Sentry.flush(2_000);
console.log(JSON.stringify({ event: 'seen', ...seen() }));
process.exit(0);
