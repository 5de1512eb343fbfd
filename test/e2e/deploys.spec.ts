import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually, within } from '../support/eventually.js';
import { JobFleet, type JobReplica } from '../support/job-replica/job-replica.js';
import { runsOf, violations } from '../support/job-replica/runs.js';
import { startServer, type ZooKeeperServer } from '../support/zookeeper.js';

/**
 * How many days the service is deployed at its tick, for each scope of the election:
 * `DEPLOYS=50 npm test -- test/e2e/deploys.spec.ts` for a long time.
 */
const DEPLOYS = Number(process.env['DEPLOYS'] ?? 4);
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
/** How long before the tick the clocks are set to: about as long as a replica needs to start. */
const LEAD_MS = 3_000;
const SIZE = 3;
/**
 * The first tick is due some hours after the test begins: no other comes before it, and nothing
 * depends on the time of day.
 */
const FIRST_MS = (Math.floor(Date.now() / HOUR_MS) + 3) * HOUR_MS;

let server: ZooKeeperServer;

beforeAll(async () => {
  server = await startServer();
});

afterAll(() => server.dispose());

/**
 * A service with a daily job, deployed each day at the job's tick. The clocks of all, the ensemble's too,
 * are set from day to day.
 */
class Deployment implements AsyncDisposable {
  readonly fleet: JobFleet;
  private day = -1;
  private version = 0;
  /** When the job was due on each of the days on which it was to run. */
  readonly expected: number[] = [];

  constructor(electionScope: 'version' | 'service') {
    this.fleet = new JobFleet({
      connectString: server.connectString,
      jobs: [{ name: 'daily', ...dailyAt(FIRST_MS), ms: 100 }],
      version: 'v0',
      module: { electionScope, rootPath: `/${electionScope}`, sessionTimeoutMs: 3_000 },
      ensembleFollows: true,
    });
  }

  async begin(): Promise<void> {
    await Promise.all(Array.from({ length: SIZE }, () => this.fleet.add()));
    await this.fleet.master();
  }

  /**
   * Goes on to the job's hour of the next day, and replaces the replicas one by one by those of a new version; the
   * master is told to end when the tick is due.
   */
  async deploy(options: { readonly anHourLater?: boolean; readonly runs?: boolean; readonly sameDay?: boolean } = {}): Promise<void> {
    this.day += options.sameDay === true ? 0 : 1;
    this.version += 1;
    const version = `v${this.version}`;
    const tickMs = FIRST_MS + this.day * DAY_MS + (options.anHourLater === true ? HOUR_MS : 0);
    const dueMs = Date.now() + 500 + LEAD_MS;
    const old = this.fleet.living();
    const master = await this.fleet.master(() => old);
    await this.fleet.setClock(tickMs - dueMs);
    await this.fleet.add({ version });
    // From a quarter of a second before it is due until a quarter after.
    await wait(Math.max(0, dueMs - Date.now() + ((this.version % 5) - 2) * 125));
    await end(master);
    for (const replica of old.filter((one) => one !== master)) {
      await this.fleet.add({ version });
      await end(replica);
    }
    await this.fleet.master();
    if (options.runs === false) return this.undisturbed(tickMs);
    this.expected.push(tickMs);
    await eventually(() => expect(this.ticks()).toEqual(this.expected), { what: 'the run of the day' });
  }

  /** Calls a method of `ClusterJobs` on a replica of the newest version. */
  async order(method: string, ...args: unknown[]): Promise<unknown> {
    return (this.fleet.living().at(-1) as JobReplica).jobs(method, ...args);
  }

  /** The ticks that were run, in order. */
  ticks(): (number | undefined)[] {
    return runsOf(this.fleet).map((run) => run.tickMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.fleet[Symbol.asyncDispose]();
  }

  /** The present master has looked at the tick, and has not run it. */
  private async undisturbed(tickMs: number): Promise<void> {
    const look = async (): Promise<void> =>
      expect(String(await this.order('why', 'daily', new Date(tickMs).toISOString()))).toMatch(/paused/);
    await eventually(look, { what: 'why it did not run' });
    expect(this.ticks()).toEqual(this.expected);
  }
}

/** Every day at this time, in a zone without changes to summer time. */
function dailyAt(ms: number): { readonly cronTime: string; readonly timeZone: string } {
  const hour = (new Date(ms).getUTCHours() + 8) % 24;
  return { cronTime: `0 0 ${hour} * * *`, timeZone: 'Asia/Shanghai' };
}

async function end(replica: JobReplica): Promise<void> {
  const { code } = await within(replica.process.kill('SIGTERM'), `${replica.name} to end`);
  expect(code).toBe(0);
}

it.concurrent.each(['version', 'service'] as const)(
  'runs a daily job on each day that its service is deployed at its tick, and keeps a pause and a reschedule (one master for each %s)',
  { timeout: DEPLOYS * 60_000 + 240_000 },
  async (scope) => {
    await using deployment = new Deployment(scope);
    await deployment.begin();
    const half = Math.ceil(DEPLOYS / 2);
    for (let count = 0; count < half; count += 1) await deployment.deploy();

    await deployment.order('pause', 'daily');
    await deployment.deploy({ runs: false });
    await deployment.deploy({ runs: false });
    await deployment.order('resume', 'daily');

    await deployment.order('reschedule', 'daily', dailyAt(FIRST_MS + HOUR_MS));
    for (let count = half; count < DEPLOYS; count += 1) await deployment.deploy({ anHourLater: true, sameDay: count === half });

    expect(deployment.expected).toHaveLength(DEPLOYS);
    expect(deployment.ticks()).toEqual(deployment.expected);
    expect(violations(runsOf(deployment.fleet))).toEqual([]);
  },
);
