import { describe, expect, it } from 'vitest';
import { Audit } from '../../scripts/demo/audit.mjs';
import { report } from '../../scripts/demo/report.mjs';

type Verdicts = Parameters<Audit['ticks']>[0];

const BOUNDS_MS = { kill: 10_000, term: 5_000 };

/** An instant in the demo: second 0 is a multiple of every period. */
const at = (second: number): string => new Date(1_800_000_000_000 + second * 1000).toISOString();
const ms = (second: number): number => Date.parse(at(second));

describe('the audit of the demo', () => {
  it('finds nothing wrong in two masters that follow each other', () => {
    const audit = twoMasters();
    expect(audit.overlaps()).toEqual([]);
    expect(audit.duplicates()).toEqual([]);
    expect(audit.tokensGrow()).toBe(true);
  });

  it('counts runs of two replicas at one instant as an overlap, whatever their jobs', () => {
    const audit = twoMasters();
    run(audit, 'A', 'statements', 2.5, 4.5, 1);
    expect(audit.overlaps().map((pair) => pair.map((one) => `${one.replica} ${one.job}`))).toEqual([['B interest', 'A statements']]);
  });

  it('counts two runs of one job at one instant on one replica as an overlap, and of two jobs not', () => {
    const audit = new Audit({ interest: 1_000, statements: 5_000 });
    run(audit, 'A', 'interest', 1, 3, 1);
    run(audit, 'A', 'statements', 1, 3, 1);
    expect(audit.overlaps()).toHaveLength(0);
    run(audit, 'A', 'interest', 2, 2.5, 1);
    expect(audit.overlaps()).toHaveLength(1);
  });

  it('takes a run without an end for running, until its process has died', () => {
    const audit = twoMasters();
    audit.read('A', { event: 'run.started', job: 'statements', scheduledTime: at(1), startedAt: at(1), fencingToken: '1' });
    expect(audit.overlaps()).toHaveLength(1);
    audit.died('A', ms(2));
    expect(audit.overlaps()).toHaveLength(0);
    expect(audit.runs.filter((each) => each.cut)).toHaveLength(1);
  });

  it('counts two runs for one tick as a duplicate', () => {
    const audit = twoMasters();
    run(audit, 'B', 'interest', 1.9, 2, 2, 1);
    expect(audit.duplicates()).toEqual([`interest ${at(1)}`]);
  });

  it('counts what became of each tick, ranges included', () => {
    const verdicts = {
      interest: [tick('ran', 1), { ...tick('missed', 2), until: at(3) }, tick('ran', 4), tick('interrupted', 5)],
      statements: [tick('ran', 5)],
    };
    expect(twoMasters().ticks(verdicts, ms(0.5), ms(5.5))).toEqual({ outcomes: { ran: 3, missed: 2, interrupted: 1 }, wrong: [] });
  });

  it('finds ticks without a verdict, and with two', () => {
    const verdicts = { interest: [tick('ran', 1), tick('ran', 3), tick('missed', 3)], statements: [] };
    expect(twoMasters().ticks(verdicts, ms(0.5), ms(3.5)).wrong).toEqual([
      `interest ${at(2)} has 0 verdicts`,
      `interest ${at(3)} has 2 verdicts`,
    ]);
  });

  it('sees a fencing token that does not grow', () => {
    const audit = twoMasters();
    run(audit, 'C', 'interest', 6, 6.1, 1);
    expect(audit.tokensGrow()).toBe(false);
  });
});

describe('the verdict of the demo', () => {
  it('is good when all is as promised', () => {
    expect(verdict(twoMasters())).toBe(0);
  });

  it.each<[string, (audit: Audit) => void]>([
    ['an overlap', (audit) => run(audit, 'A', 'statements', 2.5, 4.5, 1)],
    ['a duplicate', (audit) => run(audit, 'B', 'interest', 1.2, 1.3, 2, 1)],
  ])('is bad after %s', (_, spoil) => {
    const audit = twoMasters();
    spoil(audit);
    expect(verdict(audit)).toBe(1);
  });

  it.each<[string, object]>([
    ['a late failover after SIGKILL', { killed: { electedMs: 10_001 } }],
    ['a next master from before the signal', { killed: { electedMs: -1 } }],
    ['a late failover after SIGTERM', { drained: { electedMs: 5_001 } }],
    ['an exit code that is not 0', { drained: { exit: { code: 1, signal: null, atMs: 0 } } }],
    ['an end by a signal', { drained: { exit: { code: null, signal: 'SIGTERM', atMs: 0 } } }],
    ['a tick without a verdict', { verdicts: { interest: [], statements: [] } }],
    ['a bad exit at the end', { exits: [{ replica: 'C', exit: { code: 1, signal: null, atMs: 0 } }] }],
  ])('is bad after %s', (_, change) => {
    expect(verdict(twoMasters(), change)).toBe(1);
  });
});

const GOOD: Verdicts = { interest: [tick('ran', 1)], statements: [] };

function twoMasters(): Audit {
  const audit = new Audit({ interest: 1_000, statements: 5_000 });
  run(audit, 'A', 'interest', 1.004, 1.1, 1, 1);
  run(audit, 'B', 'interest', 4, 4.1, 2);
  return audit;
}

function tick(outcome: string, second: number): { outcome: string; scheduledTime: string } {
  return { outcome, scheduledTime: at(second) };
}

function run(audit: Audit, replica: string, job: string, from: number, to: number, token: number, scheduled = from): void {
  const fields = { job, scheduledTime: at(scheduled), startedAt: at(from), fencingToken: String(token) };
  audit.read(replica, { event: 'run.started', ...fields });
  audit.read(replica, { event: 'run.ended', ...fields, endedAt: at(to) });
}

function verdict(audit: Audit, change: { killed?: object; drained?: object; exits?: unknown[]; verdicts?: Verdicts } = {}): number {
  const good = { replica: 'A', electedMs: 100, firstRunMs: 900, drainMs: 50, exit: { code: 0, signal: null, atMs: 0 } };
  const killed = { ...good, signal: 'SIGKILL' as const, ...change.killed };
  const drained = { ...good, signal: 'SIGTERM' as const, ...change.drained };
  const exits = (change.exits ?? [{ replica: 'C', exit: good.exit }]) as { replica: string; exit: typeof good.exit }[];
  return report(
    { write: () => undefined },
    audit,
    { killed, drained, exits, fromMs: ms(0.5), toMs: ms(1.5), verdicts: change.verdicts ?? GOOD },
    BOUNDS_MS,
  );
}
