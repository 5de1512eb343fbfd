import { afterAll, beforeAll, expect, it } from 'vitest';
import { startAdmin } from '../support/admin.js';
import { eventually, within } from '../support/eventually.js';
import { JobFleet, type JobReplica, type JobSpec } from '../support/job-replica/job-replica.js';
import { runsOf, violations } from '../support/job-replica/runs.js';
import { Ledger } from '../support/job-replica/verdicts.js';
import { startProxy, type FaultProxy } from '../support/proxy.js';
import { startServer, type ZooKeeperServer } from '../support/zookeeper.js';
import { isClaim } from './claims.js';

const TICK: JobSpec = { name: 'tick', cronTime: '* * * * * *', options: { misfire: 'run-all' } };
/** The lease is a third of it: long enough for a reconnection. */
const SESSION_TIMEOUT_MS = 9_000;

let server: ZooKeeperServer;

beforeAll(async () => {
  server = await startServer();
});

afterAll(() => server.dispose());

/** Replicas with a per-second job, the first of them behind a link that can be broken. */
class Scene implements AsyncDisposable {
  readonly ledger = new Ledger(1_000);

  private constructor(
    readonly fleet: JobFleet,
    readonly link: FaultProxy,
    readonly first: JobReplica,
    readonly rootPath: string,
  ) {}

  static async at(rootPath: string): Promise<Scene> {
    const link = await startProxy(server);
    const module = { rootPath, sessionTimeoutMs: SESSION_TIMEOUT_MS };
    const fleet = new JobFleet({ connectString: server.connectString, jobs: [TICK], module });
    const scene = new Scene(fleet, link, await fleet.add({ connectString: link.connectString }), rootPath);
    await scene.goesOn();
    return scene;
  }

  get record(): string {
    return `${this.rootPath}/jobs/bank/tick`;
  }

  /** Waits until a few more ticks have run, and none before them is without a verdict. */
  async goesOn(): Promise<void> {
    const sinceMs = Date.now() + 2_000;
    const look = async (): Promise<void> => {
      this.ledger.add(await (this.fleet.living().at(-1) as JobReplica).jobs('verdicts', 'tick'));
      expect(this.ledger.lastMs).toBeGreaterThan(sinceMs);
      expect(this.ledger.gaps()).toEqual([]);
    };
    await eventually(look, { what: 'the ticks to go on', everyMs: 200 });
  }

  /** The tick of the next claim of the first replica; its request waits until it is let go. */
  async nextClaim(): Promise<{ readonly xid: number | undefined; readonly release: () => void }> {
    const hold = this.link.hold((frame) => frame.kind === 'request' && frame.op === 'multi' && isClaim(frame.bytes.toString('latin1')));
    const { xid } = await within(hold.held, 'a claim');
    return { xid, release: () => hold.release() };
  }

  problems(): string[] {
    return [...violations(runsOf(this.fleet)), ...this.ledger.conflicts];
  }

  /** What became of the ticks, other than that a run was in the way of one. */
  outcomes(): string[] {
    return Object.keys(this.ledger.counts()).filter((outcome) => outcome !== 'skipped: overlap');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.fleet[Symbol.asyncDispose]();
    await this.link[Symbol.asyncDispose]();
  }
}

it.concurrent('runs a tick once when the reply to its claim is lost with the connection', async () => {
  await using scene = await Scene.at('/lost-reply');
  const claim = await scene.nextClaim();
  const lost = scene.link.loseReplyTo('multi', { where: (frame) => frame.xid === claim.xid });
  claim.release();
  await within(lost, 'the reply');
  await scene.goesOn();
  expect(scene.problems()).toEqual([]);
  expect(scene.outcomes()).toEqual(['ran']);
});

it.concurrent('runs a tick once when its claim is lost with the connection', async () => {
  await using scene = await Scene.at('/lost-request');
  const claim = await scene.nextClaim();
  scene.link.resetAll();
  claim.release();
  await scene.goesOn();
  expect(scene.problems()).toEqual([]);
  expect(scene.outcomes()).toEqual(['ran']);
});

it.concurrent(
  'runs a tick once, on either replica, when an operator names the other one in the election node while the claim is on its way',
  async () => {
    await using scene = await Scene.at('/edit');
    await using admin = await startAdmin(server.connectString);
    const second = await scene.fleet.add();
    await eventually(() => expect(second.state).toBe('standby'), { what: 'the second to stand by' });
    const claim = await scene.nextClaim();
    await admin.set(`${scene.rootPath}/master/services/bank:v1`, second.address);
    claim.release();
    await scene.fleet.master(() => [second]);
    await scene.goesOn();
    expect(scene.problems()).toEqual([]);
    expect(scene.outcomes()).toEqual(['ran']);
    expect(runsOf(scene.fleet).some((run) => run.replica === second)).toBe(true);
  },
);

it.concurrent('goes on, and runs no tick twice, when somebody deletes the record of the job while a claim is on its way', async () => {
  await using scene = await Scene.at('/deleted');
  await using admin = await startAdmin(server.connectString);
  const claim = await scene.nextClaim();
  await admin.wipe(scene.record);
  claim.release();
  await eventually(async () => expect(await admin.exists(scene.record)).toBe(true), { what: 'a new record' });
  // What was known before is lost with the record.
  const before = runsOf(scene.fleet).length;
  await eventually(() => expect(runsOf(scene.fleet).length).toBeGreaterThan(before + 3), { what: 'more runs' });
  expect(violations(runsOf(scene.fleet))).toEqual([]);
});
