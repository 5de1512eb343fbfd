import { ON_TIME_MS } from '../run/job-rules.js';
import { isHeld } from '../record/job-record.js';
import { viewIn, type MemberView } from '../persistence/job-store.js';
import { runningOf } from './list.js';
import { electionsOf, hasJob } from './members.js';
import type { Question, WhyParts } from './question.js';
import { addressesOf, uncovered, uncoveredInWords } from './uncovered.js';
import { at, lasting } from './words.js';

/** How many jobs are read at once, and how many named. */
const READING = 32;
const MAX_NAMED = 4;

/** Overdue for longer than this, with a master elected, there is something wrong with that master. */
const SUSPICIOUS_MS = 30_000;

/** Why a tick that is to run has not run: it is in the future, or what it waits for. */
export async function waitingInWords(parts: WhyParts, question: Question, isFuture: boolean): Promise<string> {
  const { job, tickMs, ensembleMs, timeZone, members } = question;
  const holders = members.filter((member) => hasJob(member, job));
  const clock = ownClockInWords(parts, ensembleMs);
  const head = isFuture
    ? `It is in the future: due in ${lasting(tickMs - ensembleMs)}, at ${at(tickMs, timeZone)}.`
    : `Due since ${lasting(ensembleMs - tickMs)}, and not decided about yet.`;
  if (holders.length === 0 && !parts.own.has(job)) return `${head} ${orphanedInWords(job, members)}${clock}`;
  const lacking = await uncovered(job, { ...question, masterOf: (election) => parts.masterOf(election) });
  const left = lacking && uncoveredInWords(job, lacking);
  if (isFuture) return `${head}${left === undefined ? '' : ` ${left}`}${clock}`;
  const overlap = overlapInWords(question);
  const reason = overlap ?? left;
  if (reason !== undefined) return `${head} ${reason}${clock}`;
  const turn = turnInWords(parts, job);
  if (turn !== undefined) return `${head} ${turn}${clock}`;
  const masters = await mastersInWords(parts, question, holders);
  const others = ensembleMs - tickMs > ON_TIME_MS ? await othersInWords(parts, question) : '';
  return `${head} ${masters}${others}${clock}`;
}

/** Behind what a job waits for its turn in catching up, where this replica is the master that knows. */
export function turnInWords({ catchUp }: WhyParts, job: string): string | undefined {
  const wait = catchUp?.(job);
  if (wait === undefined) return undefined;
  const { ahead, behind } = wait;
  const before = ahead === 0 ? 'it is the next' : ahead === 1 ? 'one job comes before it' : `${ahead} jobs come before it`;
  const runs = behind.length === 0 ? '' : `, behind the late runs of ${quoted(behind)}`;
  return `It waits for its turn in catching up${runs}; ${before}. A few late runs begin at once, and one that takes long lets the next begin.`;
}

/** From the records of the other jobs: their late runs that go on, behind which the master may let this tick wait. */
async function othersInWords({ store }: WhyParts, { job }: Question): Promise<string> {
  const others = (await store.jobs()).filter((name) => name !== job);
  const late: string[] = [];
  const readOn = async (): Promise<void> => {
    for (let name = others.shift(); name !== undefined && late.length < MAX_NAMED; name = others.shift()) {
      const view = viewIn(await store.load(name));
      if (view?.record.running.some((each) => isHeld(each) && (each.cause === 'misfire' || each.cause === 'rerun'))) late.push(name);
    }
  };
  await Promise.all(Array.from({ length: READING }, readOn));
  return late.length === 0
    ? ''
    : ` Late runs of other jobs go on (${quoted(late.sort().slice(0, MAX_NAMED))}): it may wait for its turn in catching up behind them. The master's own answer tells.`;
}

function quoted(jobs: readonly string[]): string {
  return jobs.map((name) => `"${name}"`).join(', ');
}

function orphanedInWords(job: string, members: readonly MemberView[]): string {
  const replicas = members.filter(({ name }) => !name.startsWith('observer~'));
  if (replicas.length === 0) return 'No replica of the service lives that could run it.';
  const versions = [...new Set(replicas.map(({ version }) => version))].join(', ');
  return `No living replica has job "${job}" in its code (versions: ${versions}), so it is orphaned: nobody runs it until a version that has it is deployed.`;
}

function overlapInWords({ view, members, timeZone }: Question): string | undefined {
  const entry = view.record.running.find(isHeld);
  if (entry === undefined) return undefined;
  const { replica, since, scheduledTime } = runningOf(entry, members);
  const what = scheduledTime === undefined ? 'a triggered run' : `the run of ${at(scheduledTime.getTime(), timeZone)}`;
  const where = replica === undefined ? 'a replica that is gone; the master takes it over' : replica;
  return `It waits for ${what}, which has been going on since ${at(since.getTime(), timeZone)} on ${where}.`;
}

async function mastersInWords(
  parts: WhyParts,
  { job, control, members, tickMs, ensembleMs }: Question,
  holders: readonly MemberView[],
): Promise<string> {
  const elections = electionsOf(control, members, job);
  const masters = await Promise.all(elections.map(async (election) => ({ election, address: await parts.masterOf(election) })));
  const found = masters.filter(({ address }) => address !== undefined && address !== 'unknown');
  const names = elections.map((election) => `"${election}"`).join(', ');
  if (found.length === 0) {
    if (masters.some(({ address }) => address === 'unknown'))
      return `It waits for the master of ${names}, whom this replica cannot ask for. The replicas that have the job: ${addressesOf(holders)}.`;
    return `It waits for a master: nobody is master of ${names} at the moment. The replicas that have the job: ${addressesOf(holders)}.`;
  }
  const list = found.map(({ election, address }) => `${address} (of "${election}")`).join(', ');
  const overdue =
    ensembleMs - tickMs > SUSPICIOUS_MS ? ` That takes too long: look into its log, for ZK_CLOCK_OFF (its clock) or job.not-decided.` : '';
  return `It waits to be decided about by the master, ${list}.${overdue}`;
}

function ownClockInWords({ clock, maxClockSkewMs }: WhyParts, ensembleMs: number): string {
  const offMs = clock.wallMs() - ensembleMs;
  if (Math.abs(offMs) <= maxClockSkewMs) return '';
  return ` The clock of the replica that answers is ${lasting(Math.abs(offMs))} ${offMs > 0 ? 'ahead of' : 'behind'} ZooKeeper's, so it decides about no tick (ZK_CLOCK_OFF), unless more of the other hosts agree with it. Set the clock that is off.`;
}
