import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureBuilt } from '../../scripts/build.mjs';
import { temporaryDirectory } from '../../scripts/support/guard.mjs';
import { startProgram, type TestProcess } from '../support/process.js';
import { eventually } from '../support/eventually.js';
import { startServer } from '../support/zookeeper.js';
import { succeeded, Tarball } from './package/scratch-app.js';

// What @nestjs/observe, @sentry/nestjs and OpenTelemetry (nestjs-otel) see of jobs, from the registry and in both
// versions of Nest; their collectors are on loopback.

/** Against hangs: a registry may be slow, and so may this machine. */
const PREPARED_WITHIN_MS = 900_000;
const SEEN_WITHIN_MS = 240_000;
/** How long each run takes, with which a monitor's figure is compared from below only: this machine may be slow. */
const RUN_MS = 300;
const ROUNDING_MS = 5;

const MONITORS = {
  '@nestjs/observe': '0.3.3',
  '@opentelemetry/api': '1.9.1',
  '@opentelemetry/context-async-hooks': '2.12.1',
  '@opentelemetry/sdk-trace-base': '2.12.1',
  '@sentry/nestjs': '10.75.3',
  'class-validator': '0.15.1',
  'nestjs-otel': '8.1.1',
  'reflect-metadata': '0.2.2',
  rxjs: '7.8.2',
};
const NEST = {
  11: { '@nestjs/common': '11.2.10', '@nestjs/core': '11.2.10', '@nestjs/microservices': '11.2.6', '@nestjs/schedule': '6.1.3' },
  12: { '@nestjs/common': '12.5.1', '@nestjs/core': '12.5.1', '@nestjs/microservices': '12.1.1', '@nestjs/schedule': '12.0.2' },
} as const;

/** The methods that have a span above or below `@MasterOnly` (templates/monitors/monitors.mjs). */
const hasSpan = new Set(['above-second', 'below-second', 'above-failing', 'above-often', 'above-once', 'below-yearly']);

interface Figure {
  readonly status: string;
  readonly ms: number;
}
interface Seen {
  readonly runs: readonly { readonly name: string; readonly createSpan: string; readonly tick?: number }[];
  readonly observed: Readonly<Record<string, readonly Figure[]>>;
  readonly checkIns: Readonly<Record<string, readonly Figure[]>>;
  readonly traced: Readonly<Record<string, readonly Figure[]>>;
}

const apps = new Map<string, { readonly path: string; remove(): void }>();

beforeAll(async () => {
  await ensureBuilt();
  using tarball = await Tarball.pack();
  for (const [version, nest] of Object.entries(NEST)) {
    const app = temporaryDirectory(`monitors-nest${version}`);
    apps.set(version, app);
    const dependencies = { ...nest, ...MONITORS, 'nestjs-cluster-cron': `file:${tarball.path}` };
    writeFileSync(join(app.path, 'package.json'), JSON.stringify({ name: 'monitors', private: true, dependencies }));
    cpSync(join(import.meta.dirname, 'package', 'templates', 'monitors', 'monitors.mjs'), join(app.path, 'monitors.mjs'));
    // @sentry/nestjs does not name Nest 12 among its peers yet.
    const args = ['install', '--legacy-peer-deps', '--prefer-offline', '--no-audit', '--no-fund'];
    const program = startProgram('npm', { args, cwd: app.path, env: {}, name: `npm install for Nest ${version}` });
    const { code } = await program.exited;
    succeeded({ code, output: program.output });
  }
}, PREPARED_WITHIN_MS);

afterAll(() => {
  for (const app of apps.values()) app.remove();
});

interface Told extends Seen {
  readonly event: string;
  readonly going: readonly string[];
}

/** Gives a replica a command, and answers what it says. */
async function tell(replica: TestProcess, cmd: string, event = 'seen'): Promise<Told> {
  const since = replica.messages.length;
  replica.send({ cmd });
  return (await replica.message((one) => one['event'] === event || one['event'] === 'failed', event, {
    since,
    withinMs: SEEN_WITHIN_MS,
  })) as unknown as Told;
}

async function stateOf(replica: TestProcess, kind: string): Promise<void> {
  await replica.message((one) => one['event'] === 'state' && one['kind'] === kind, `to be ${kind}`, { withinMs: SEEN_WITHIN_MS });
}

describe.each(['11', '12'])('beside the monitors, Nest %s', (version) => {
  async function seenOn(role: 'master' | 'standby'): Promise<Seen> {
    const cwd = apps.get(version)?.path ?? expect.fail('it was not installed');
    const env = { NODE_ENV: undefined };
    await using program = startProgram(process.execPath, { args: ['monitors.mjs', role], cwd, env, name: `${role}, Nest ${version}` });
    return (await program.message(({ event }) => event === 'seen', 'what was seen', { withinMs: SEEN_WITHIN_MS })) as unknown as Seen;
  }

  it(
    'each run is one call, with its duration, its error and its context',
    async () => {
      const { runs, observed, checkIns, traced } = await seenOn('master');
      // Inside of the run its trace is open, to its end.
      expect(runs.filter(({ createSpan }) => createSpan !== 'ok')).toEqual([]);
      for (const name of ['second', 'failing', 'often', 'once', 'yearly', 'added']) {
        const count = runs.filter((run) => run.name === name).length;
        expect(count).toBeGreaterThan(0);
        const figures = [
          ['observe', observed[name]],
          ['sentry', checkIns[name]],
          ['above', traced[`above-${name}`]],
          ['below', traced[`below-${name}`]],
        ] as const;
        for (const [monitor, all = []] of figures) {
          // One for each run at most: a monitor that is short of time does not send all that it was told. The spans are
          // kept where they are made, so there is exactly one of each decorator for each run.
          expect([name, monitor, all.length <= count]).toEqual([name, monitor, true]);
          if (hasSpan.has(`${monitor}-${name}`)) expect([name, monitor, all.length]).toEqual([name, monitor, count]);
          expect(all.filter(({ ms }) => ms < RUN_MS - ROUNDING_MS)).toEqual([]);
          const failed = all.filter(({ status }) => status === 'failed' || status === 'error').length;
          expect([name, monitor, failed]).toEqual([name, monitor, name === 'failing' ? all.length : 0]);
        }
        expect(observed[name]).toBeDefined();
        if (name !== 'added') expect(checkIns[name]).toBeDefined();
      }
    },
    SEEN_WITHIN_MS,
  );

  it(
    'in a cluster each tick is one call on one of its replicas, a standby calls nothing, and a run that is cut short is a second call where it runs again',
    async () => {
      await using server = await startServer();
      const cwd = apps.get(version)?.path ?? expect.fail('it was not installed');
      const start = (address: string): TestProcess =>
        startProgram(process.execPath, {
          args: ['monitors.mjs', 'replica', server.connectString, address],
          cwd,
          env: { NODE_ENV: undefined },
          name: `${address}, Nest ${version}`,
        });
      await using first = start('h:1');
      await stateOf(first, 'master');
      await using second = start('h:2');
      await stateOf(second, 'standby');
      const before = await tell(first, 'seen');
      await eventually(async () => expect((await tell(first, 'seen')).runs.length).toBeGreaterThan(before.runs.length + 10), {
        what: 'runs beside a standby',
        everyMs: 500,
        withinMs: SEEN_WITHIN_MS,
      });
      await tell(first, 'cut', 'triggered');
      await eventually(async () => expect((await tell(first, 'list')).going).toContain('cut'), {
        what: 'the start of a run',
        withinMs: SEEN_WITHIN_MS,
      });
      expect(await tell(second, 'seen')).toMatchObject({ runs: [], observed: {}, checkIns: {}, traced: {} });
      await tell(first, 'resign', 'resigned');
      await eventually(async () => expect((await tell(second, 'seen')).runs.filter(({ name }) => name === 'cut')).toHaveLength(1), {
        what: 'the second start',
        everyMs: 500,
        withinMs: SEEN_WITHIN_MS,
      });
      const [one, other] = [await tell(first, 'seen'), await tell(second, 'seen')];
      const ticks = [...one.runs, ...other.runs].flatMap(({ name, tick }) => (name === 'second' ? [tick] : []));
      expect(new Set(ticks).size).toBe(ticks.length);
      // The first has stood down: nothing is on its way there any more, and each run is one call of each decorator.
      for (const name of ['second', 'failing', 'often', 'cut']) {
        const count = one.runs.filter((run) => run.name === name).length;
        expect([name, count > 0]).toEqual([name, true]);
        const wanted = name === 'failing' || name === 'cut' ? 'failed' : 'ok';
        const spans = one.traced[`above-${name}`] ?? [];
        expect([name, spans.map(({ status }) => status)]).toEqual([name, Array.from({ length: count }, () => wanted)]);
      }
      expect(other.traced['above-cut']).toEqual([{ status: 'ok', ms: expect.any(Number) }]);
      expect(other.traced['below-cut']).toEqual([{ status: 'ok', ms: expect.any(Number) }]);
      expect(other.traced['above-cut']?.[0]?.ms).toBeGreaterThanOrEqual(RUN_MS - ROUNDING_MS);
    },
    SEEN_WITHIN_MS * 3,
  );

  it(
    'a standby calls nothing',
    async () => {
      expect(await seenOn('standby')).toMatchObject({ runs: [], observed: {}, checkIns: {}, traced: {} });
    },
    SEEN_WITHIN_MS,
  );
});
