import { startAdmin } from '../support/admin.js';
import { eventually, within } from '../support/eventually.js';
import { JobFleet, type JobSpec } from '../support/job-replica/job-replica.js';
import { runsOf, violations } from '../support/job-replica/runs.js';
import { Ledger } from '../support/job-replica/verdicts.js';
import { startProxy, type Frame } from '../support/proxy.js';
import type { ZooKeeperServer } from '../support/zookeeper.js';

/** Where a scenario takes place, and with which library, if it is not the project's own. */
export interface Place {
  readonly server: ZooKeeperServer;
  /** Below it are all nodes. Default: none. */
  readonly root?: string;
  readonly dist?: string | undefined;
}

const TICK: JobSpec = { name: 'tick', cronTime: '* * * * * *', options: { misfire: 'run-all' } };
const YEAR_MS = 365 * 86_400_000;

function fleetAt({ server, root = '', dist }: Place, name: string): JobFleet {
  const rootPath = `${root}${name}`;
  return new JobFleet({ connectString: server.connectString, jobs: [TICK], dist, module: { rootPath, sessionTimeoutMs: 10_000 } });
}

/** The masters of two versions want the same ticks. Answers what they did that must not be. */
export async function twoVersions(place: Place): Promise<readonly string[]> {
  await using fleet = fleetAt(place, '/two-versions');
  const replicas = await Promise.all([fleet.add({ version: 'v1' }), fleet.add({ version: 'v2' })]);
  for (const replica of replicas) await fleet.master(() => [replica]);
  const enough = runsOf(fleet).length + 6;
  await eventually(() => expectMore(runsOf(fleet).length, enough), { what: 'some runs' });
  return violations(runsOf(fleet));
}

function expectMore(count: number, wanted: number): void {
  if (count < wanted) throw new Error(`${count} of ${wanted}`);
}

/**
 * A claim is on its way when somebody who knows only the election node takes that node. Answers how often a tick was
 * claimed in the job's record after that: it must not be. (A run that was claimed before may write down its end.)
 */
export async function foreignParticipant(place: Place): Promise<number> {
  const root = `${place.root ?? ''}/foreign`;
  const node = `${root}/master/services/bank:v1`;
  await using link = await startProxy(place.server);
  await using admin = await startAdmin(place.server.connectString);
  await using fleet = fleetAt(place, '/foreign');
  const replica = await fleet.add({ connectString: link.connectString });
  await eventually(() => expectMore(runsOf(fleet).length, 2), { what: 'some runs' });
  const record = `${root}/jobs/bank/${TICK.name}`;
  const version = async (): Promise<number> => (await admin.info(record))?.version ?? -1;
  const isOther = ({ bytes }: Frame): boolean => bytes.includes(record) && !isClaim(bytes.toString('latin1'));
  let unanswered = 0;
  let others = 0;
  link.onFrame((frame) => {
    if (frame.op !== 'multi') return 'pass';
    unanswered += frame.kind === 'request' ? 1 : -1;
    if (frame.kind === 'request' && isOther(frame)) others += 1;
    return 'pass';
  });
  const claim = link.hold((frame) => frame.kind === 'request' && frame.op === 'multi' && isClaim(frame.bytes.toString('latin1')));
  await within(claim.held, 'a claim');
  // What was sent before it has been carried out; what comes after it, and is no claim, is not counted.
  await eventually(() => expectMore(1, unanswered), { what: 'the answers to what was sent before' });
  const before = await version();
  others = 0;
  await admin.delete(node);
  await admin.create(node, 'foreign:1', 'EPHEMERAL');
  claim.release();
  await eventually(() => expectNot(replica.state, 'master'), { what: 'the replica to know' });
  // What comes back over the same connection comes after the answer to the claim.
  await replica.jobs('verdicts', TICK.name);
  return Math.max(0, (await version()) - before - others);
}

/**
 * A write of a job's record (jobs/record/record-codec.ts) in which a run stands. The write that
 * ends a run takes it out.
 */
export function isClaim(request: string): boolean {
  const record = /\[1,\[.*\]/s.exec(request)?.[0];
  try {
    return record !== undefined && ((JSON.parse(record) as unknown[])[3] as unknown[]).length > 0;
  } catch {
    return false;
  }
}

function expectNot(state: string | undefined, unwanted: string): void {
  if (state === unwanted) throw new Error(`it is ${unwanted}`);
}

/** The only replica's event loop stalls for some ticks. Answers those without a verdict: there must be none. */
export async function stalled(place: Place): Promise<readonly string[]> {
  await using fleet = fleetAt(place, '/stalled');
  const ledger = new Ledger(1_000);
  const replica = await fleet.add();
  await eventually(() => expectMore(runsOf(fleet).length, 2), { what: 'some runs' });
  ledger.add(await replica.jobs('verdicts', TICK.name));
  await replica.stall(4_000);
  const enough = runsOf(fleet).length + 4;
  await eventually(() => expectMore(runsOf(fleet).length, enough), { what: 'some runs' });
  ledger.add(await replica.jobs('verdicts', TICK.name));
  return ledger.gaps();
}

/**
 * The only replica's clock is a year ahead. Answers how many runs it started until it said so, or
 * some: it must not start any.
 */
export async function yearAhead(place: Place): Promise<number> {
  await using fleet = fleetAt(place, '/year-ahead');
  const replica = await fleet.add({ clock: [{ atMs: 0, skewMs: YEAR_MS }] });
  const look = (): void => {
    if (replica.logged('clock.off').length === 0) expectMore(runsOf(fleet).length, 2);
  };
  await eventually(look, { what: 'a word about the clock, or runs' });
  return runsOf(fleet).length;
}
