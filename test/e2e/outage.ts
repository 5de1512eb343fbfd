import { setTimeout as wait } from 'node:timers/promises';
import { eventually } from '../support/eventually.js';
import type { JobFleet, JobSpec } from '../support/job-replica/job-replica.js';
import { nowUs } from '../support/job-replica/job-replica.js';
import { runsOf, violations, type Run } from '../support/job-replica/runs.js';
import { Ledger } from '../support/job-replica/verdicts.js';

const LATEST_PERIOD_MS = 5_000;

/**
 * One job for each way to make up for what was missed. `latest` is due so seldom that a tick is rarely on time when
 * somebody can run it again.
 */
export const JOBS: readonly JobSpec[] = [
  { name: 'all', cronTime: '* * * * * *', options: { misfire: 'run-all' } },
  { name: 'latest', cronTime: '*/5 * * * * *', options: { misfire: 'run-latest' } },
  { name: 'skip', cronTime: '* * * * * *', options: { misfire: 'skip' } },
];

/** By the machine's clock: when it began, and when it was over. */
interface Outage {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** What is asked again and again about the three jobs of one fleet. */
export class Watch {
  private readonly ledgers = {
    all: new Ledger(1_000),
    latest: new Ledger(LATEST_PERIOD_MS),
    skip: new Ledger(1_000),
  };
  /** Of the machine's clock and the monotonic one, at one instant. */
  private readonly origin = { wallMs: Date.now(), us: nowUs() };

  constructor(private readonly fleet: JobFleet) {}

  /**
   * Waits until every job has run on time for a tick later than `sinceMs`, and no tick before it is without a verdict.
   */
  async settled(sinceMs = Date.now()): Promise<void> {
    const look = async (): Promise<void> => {
      for (const [job, ledger] of Object.entries(this.ledgers)) {
        ledger.add(await this.asked().jobs('verdicts', job));
        const newest = ledger.ticks.get(ledger.lastMs);
        if (ledger.lastMs < sinceMs || newest?.outcome !== 'ran')
          throw new Error(`the newest verdict of "${job}" is ${JSON.stringify(newest)}`);
        const gaps = ledger.gaps();
        if (gaps.length > 0) throw new Error(`${gaps.length} ticks of "${job}" have none: ${gaps.slice(0, 3).join(', ')} ...`);
      }
    };
    await eventually(look, { what: 'each job to have run again', everyMs: 250 });
  }

  /** What must never be, in words. */
  violations(): string[] {
    return [...violations(runsOf(this.fleet)), ...Object.values(this.ledgers).flatMap((ledger) => ledger.conflicts)];
  }

  /** Everything that is not as the options of the jobs say, in words. */
  problems({ fromMs, untilMs }: Outage): string[] {
    const runs = runsOf(this.fleet);
    const found = this.violations();
    // What was due just before it was over is still on time; what was due just after it began may have run.
    const isMeant = (tickMs: number): boolean => tickMs > fromMs + 1_000 && tickMs < untilMs - 1_200;
    const meant = (ledger: Ledger) => [...ledger.ticks].filter(([tickMs]) => isMeant(tickMs));
    for (const [tickMs, { outcome, cause }] of meant(this.ledgers.all))
      if (outcome !== 'ran' || cause !== 'misfire') found.push(`${at(tickMs)} of "all": ${outcome}, ${cause ?? ''}`);
    for (const [tickMs, { outcome, reason }] of meant(this.ledgers.skip))
      if (outcome !== 'missed' || reason !== 'late') found.push(`${at(tickMs)} of "skip": ${outcome}, ${reason ?? ''}`);
    const first = runs.find((run) => run.job === 'latest' && this.wallMs(run.beganUs) > untilMs);
    if (first?.tickMs === undefined) return [...found, '"latest" has not run again'];
    // Whatever was due when it ran, and was given up for it, was due before it.
    const givenUp = [...this.ledgers.latest.ticks].filter(([, { outcome, reason }]) => outcome === 'missed' && reason === 'late');
    for (const [tickMs] of givenUp)
      if (tickMs > first.tickMs && tickMs <= this.wallMs(first.beganUs))
        found.push(`"latest" ran for ${at(first.tickMs)}: not its latest, ${at(tickMs)} was due`);
    for (const [tickMs, { outcome, reason }] of meant(this.ledgers.latest)) {
      const isAsMeant = tickMs >= first.tickMs ? outcome === 'ran' : outcome === 'missed' && reason === 'late';
      if (!isAsMeant) found.push(`${at(tickMs)} of "latest": ${outcome}, ${reason ?? ''}`);
    }
    return [...found, ...disorder(runs.filter((run) => run.job === 'all' && run.cause === 'misfire'))];
  }

  /** How many ticks of `all` fell into it. */
  count({ fromMs, untilMs }: Outage): number {
    return [...this.ledgers.all.ticks.keys()].filter((tickMs) => tickMs > fromMs && tickMs < untilMs).length;
  }

  private asked(): JobFleet['replicas'][number] {
    const [first] = this.fleet.living();
    if (first === undefined) throw new Error('nobody lives');
    return first;
  }

  private wallMs(us: number): number {
    return this.origin.wallMs + (us - this.origin.us) / 1_000;
  }
}

/** Brings about what `begin` does, and undoes it with `end` after `ms`. */
export async function outage(ms: number, begin: () => Promise<unknown>, end: () => Promise<unknown>): Promise<Outage> {
  await begin();
  const fromMs = Date.now();
  await wait(ms);
  const untilMs = Date.now();
  await end();
  return { fromMs, untilMs };
}

/** Runs that made up for an earlier tick after one for a later tick. */
function disorder(runs: readonly Run[]): string[] {
  return runs.flatMap((run, index) => {
    const before = runs[index - 1];
    if (before?.tickMs === undefined || run.tickMs === undefined || before.tickMs < run.tickMs) return [];
    return [`${at(run.tickMs)} was made up for after ${at(before.tickMs)}`];
  });
}

function at(ms: number): string {
  return new Date(ms).toISOString();
}
