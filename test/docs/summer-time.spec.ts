import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { CronTime } from 'cron';
import { CronExpressionParser } from 'cron-parser';
import { Cron } from 'croner';
import { describe, expect, it } from 'vitest';
import { parseSchedule } from '../../src/zookeeper/jobs/schedule/parse.js';
import { endOf } from '../../src/zookeeper/jobs/schedule/tick.js';
import { LocalTimes } from '../unit/jobs/schedule/oracle.js';
import { ROOT } from './code-blocks.js';

const HOUR_MS = 3_600_000;
const FROM_MS = Date.UTC(2026, 0, 1);
const TO_MS = Date.UTC(2029, 0, 1);

const SCHEDULES = [
  '0 0 0 * * *',
  '0 0 2 * * *',
  '0 30 2 * * *',
  '0 0 1-3 * * *',
  '0 */30 0-5 * * *',
  '0 0 */2 * * *',
  '0 0 */24 * * *',
  '0 0 * * * *',
  '0 0 0-23/1 * * *',
  '0 */30 * * * *',
] as const;

/** All instants from `fromMs` (included) to `toMs` (excluded) at which a library would run the schedule. */
type Library = (cronTime: string, timeZone: string, fromMs: number, toMs: number) => number[];

function stepped(next: (afterMs: number) => number | undefined, fromMs: number, toMs: number): number[] {
  const found: number[] = [];
  for (let ms = next(fromMs - 1_000); ms !== undefined && ms < toMs && ms > (found.at(-1) ?? 0); ms = next(ms)) found.push(ms);
  return found;
}

const ours: Library = (cronTime, timeZone, fromMs, toMs) => {
  const schedule = parseSchedule({ cronTime, timeZone });
  return stepped((ms) => schedule.next(endOf(ms))?.dueMs, fromMs, toMs);
};

const LIBRARIES: Readonly<Record<string, Library>> = {
  cron: (cronTime, timeZone, fromMs, toMs) => {
    const time = new CronTime(cronTime, timeZone);
    return stepped((ms) => time.getNextDateFrom(new Date(ms), timeZone).toMillis(), fromMs, toMs);
  },
  'cron-parser': (cronTime, timeZone, fromMs, toMs) => {
    const expression = CronExpressionParser.parse(cronTime, { tz: timeZone, currentDate: new Date(fromMs - 1_000) });
    return stepped(() => expression.next().getTime(), fromMs, toMs);
  },
  croner: (cronTime, timeZone, fromMs, toMs) => {
    const job = new Cron(cronTime, { timezone: timeZone });
    return stepped((ms) => job.nextRun(new Date(ms))?.getTime(), fromMs, toMs);
  },
};

/** Ways in which a library's runs around a change differ from ours, as the page names them. */
const DIFFERENCES = [
  'runs in both passes',
  'runs in the second pass alone',
  'runs after the gap, as late as the gap is long',
  'does not run for the times in the gap',
  'runs at times that the schedule does not name',
  'leaves out times that it names',
  'throws an error',
] as const;
type Difference = (typeof DIFFERENCES)[number];

interface Change {
  readonly timeZone: string;
  readonly atMs: number;
  /** Negative: the clocks go back. */
  readonly byMs: number;
  readonly offsetBeforeMs: number;
}

const MINUTE_MS = 60_000;
const DAY_MS = 24 * HOUR_MS;

/**
 * Each kind of change once, however many zones and years have it: the same clocks, moved by as much at the same local
 * time. With `SUMMER_TIME=all`, each change of the three years by itself; and how many zones have changes.
 */
function allChanges(): { readonly changes: readonly Change[]; readonly zones: number } {
  const found = new Map<string, Change>();
  let zones = 0;
  for (const timeZone of Intl.supportedValuesOf('timeZone')) {
    const changes = changesOf(timeZone);
    zones += changes.length > 0 ? 1 : 0;
    for (const change of changes) {
      const { atMs, byMs, offsetBeforeMs } = change;
      const when = process.env['SUMMER_TIME'] === 'all' ? atMs : (atMs + offsetBeforeMs) % DAY_MS;
      const key = [when, byMs, offsetBeforeMs].join();
      if (!found.has(key)) found.set(key, change);
    }
  }
  return { changes: [...found.values()], zones };
}

/** Compared day by day, then by bisection, to the minute. */
function changesOf(timeZone: string): Change[] {
  const local = new LocalTimes(timeZone);
  const offsetAt = (ms: number): number => {
    const { day, hour, minute } = local.at(ms);
    return Date.parse(`${day}T00:00:00Z`) + hour * HOUR_MS + minute * MINUTE_MS - ms;
  };
  const changes: Change[] = [];
  for (let fromMs = FROM_MS; fromMs < TO_MS; fromMs += DAY_MS) {
    const offsetBeforeMs = offsetAt(fromMs);
    const byMs = offsetAt(fromMs + DAY_MS) - offsetBeforeMs;
    if (byMs === 0) continue;
    let [low, high] = [fromMs, fromMs + DAY_MS];
    while (high - low > MINUTE_MS) {
      const middle = low + Math.floor((high - low) / (2 * MINUTE_MS)) * MINUTE_MS;
      if (offsetAt(middle) === offsetBeforeMs) low = middle;
      else high = middle;
    }
    changes.push({ timeZone, atMs: high, byMs, offsetBeforeMs });
  }
  return changes;
}

/** How `theirs` differs from `mine` around a change. */
function differences(cronTime: string, change: Change, mine: readonly number[], theirs: readonly number[]): Set<Difference> {
  const { atMs, byMs, offsetBeforeMs } = change;
  const onPaper = parseSchedule({ cronTime, timeZone: 'UTC' });
  const isNamed = (ms: number): boolean => {
    const localMs = ms + offsetBeforeMs + (ms < atMs ? 0 : byMs);
    return onPaper.next(endOf(localMs - 1))?.dueMs === localMs;
  };
  const missing = new Set(mine.filter((ms) => !theirs.includes(ms)));
  const found = new Set<Difference>();
  for (const ms of theirs.filter((each) => !mine.includes(each))) {
    const isSecondPass = byMs < 0 && ms >= atMs && ms < atMs - byMs;
    if (isNamed(ms))
      found.add(
        isSecondPass && missing.delete(ms + byMs)
          ? 'runs in the second pass alone'
          : isSecondPass
            ? 'runs in both passes'
            : 'runs at times that the schedule does not name',
      );
    else
      found.add(
        byMs > 0 && ms > atMs && ms < atMs + byMs && missing.delete(atMs)
          ? 'runs after the gap, as late as the gap is long'
          : 'runs at times that the schedule does not name',
      );
  }
  for (const ms of missing)
    found.add(byMs > 0 && ms === atMs && !isNamed(ms) ? 'does not run for the times in the gap' : 'leaves out times that it names');
  return found;
}

/** Hours before and after a change in which runs are compared. */
const [BEFORE, AFTER] = [2, 4];

function compare(library: Library, cronTime: string, change: Change): Set<Difference> {
  const { timeZone, atMs } = change;
  const [fromMs, toMs] = [atMs - BEFORE * HOUR_MS, atMs + AFTER * HOUR_MS];
  const mine = ours(cronTime, timeZone, fromMs, toMs);
  let theirs: number[];
  try {
    theirs = library(cronTime, timeZone, fromMs, toMs);
  } catch {
    return new Set(['throws an error']);
  }
  return differences(cronTime, change, mine, theirs);
}

const page = readFileSync(join(ROOT, 'docs', 'summer-time.md'), 'utf8');

/** The table of differences: `| library | difference | example | why |`. */
const ROWS = [...page.matchAll(/^\| `([a-z-]+)` \| ([^|]+) \| `([^`]+)`, ([\w/]+), (\d{4}-\d\d-\d\d) \| ([^|]+) \|$/gmu)].map(
  ([, library = '', difference = '', cronTime = '', timeZone = '', day = '', why = '']) => ({
    library,
    difference,
    cronTime,
    timeZone,
    day,
    why,
  }),
);

describe('the page on summer time', () => {
  it('lists every difference from the other libraries, over all zones and changes from 2026 to 2028, and no other', () => {
    const { changes, zones } = allChanges();
    expect(zones).toBeGreaterThan(100);
    expect(changes.length).toBeGreaterThan(40);
    const found = new Map<string, string>();
    for (const change of changes)
      for (const cronTime of SCHEDULES)
        for (const [name, library] of Object.entries(LIBRARIES))
          for (const difference of compare(library, cronTime, change))
            found.set(`${name} ${difference}`, `${cronTime} in ${change.timeZone} at ${new Date(change.atMs).toISOString()}`);
    const listed = ROWS.map(({ library, difference }) => `${library} ${difference}`);
    expect(Object.fromEntries([...found].filter(([key]) => !listed.includes(key)))).toEqual({});
    expect(listed.filter((key) => !found.has(key))).toEqual([]);
    expect(new Set(listed).size).toBe(listed.length);
  });

  it.each(ROWS)('has an example that shows it: $library $difference', ({ library, difference, cronTime, timeZone, day, why }) => {
    const change = changesOf(timeZone).find(({ atMs, offsetBeforeMs }) => new Date(atMs + offsetBeforeMs).toISOString().startsWith(day));
    if (change === undefined) throw new Error(`${timeZone} has no change on ${day}.`);
    expect(compare(LIBRARIES[library] as Library, cronTime, change)).toContain(difference);
    expect(why.length).toBeGreaterThan(20);
  });

  it('names the versions that were compared, and the rule as the page on ticks has it', () => {
    const require = createRequire(import.meta.url);
    for (const name of Object.keys(LIBRARIES)) {
      const manifest = join(dirname(require.resolve(name)).replace(/(node_modules\/[^/]+).*$/u, '$1'), 'package.json');
      const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
      expect(page).toContain(`\`${name}\` ${version}`);
    }
    const rule = /^> (.+(?:\n> .+)*)$/mu.exec(page)?.[1]?.replaceAll('\n> ', ' ') ?? 'no rule';
    const ticks = readFileSync(join(ROOT, 'docs', 'ticks.md'), 'utf8').replaceAll(/\s+/gu, ' ');
    expect(ticks).toContain(rule);
  });
});
