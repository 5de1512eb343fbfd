import { describe, expect, it } from 'vitest';
import { Declarations } from '../../../src/zookeeper/dispatch/declarations.js';
import type { DispatchParts } from '../../../src/zookeeper/dispatch/dispatch-parts.js';
import type { GatedJob } from '../../../src/zookeeper/dispatch/gated-job.js';
import { Recent } from '../../../src/zookeeper/support/recent.js';
import type { Elections } from '../../../src/zookeeper/mastership/election/election.js';
import { systemClock } from '../../../src/zookeeper/support/clock.js';
import { Listeners } from '../../../src/zookeeper/support/listeners.js';
import { deferred, failureOf } from '../../support/eventually.js';
import { HandClock } from '../mastership/hand-clock.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

class Scene {
  readonly sessions = new Listeners<[]>();
  readonly underWay: { readonly job: GatedJob; readonly done: () => void }[] = [];
  readonly declarations: Declarations;
  most = 0;

  constructor(candidate = true) {
    const elections = { claims: { kind: 'ensemble', sessions: { onSession: (listener: () => void) => this.sessions.add(listener) } } };
    const parts = { candidate, clock: systemClock, observer: { observe: () => undefined } } as unknown as DispatchParts;
    this.declarations = new Declarations(elections as unknown as Elections, parts, async (job) => {
      const end = deferred<void>();
      this.underWay.push({ job, done: () => end.resolve() });
      this.most = Math.max(this.most, this.underWay.length);
      await end.promise;
      this.declarations.made(job);
    });
  }

  add(...names: string[]): GatedJob[] {
    const jobs = names.map((name) => ({ identity: { name }, removed: new AbortController() }) as unknown as GatedJob);
    this.declarations.expect(jobs);
    this.declarations.begin(jobs);
    return jobs;
  }

  /** Until nothing is under way any more. */
  async finish(): Promise<number> {
    let ended = 0;
    for (; this.underWay.length > 0; await turn()) {
      this.underWay.shift()?.done();
      ended += 1;
    }
    return ended;
  }
}

describe('declarations', () => {
  it('begin with the first session, a few at a time, however many jobs are added and in however many calls', async () => {
    const scene = new Scene();
    for (let i = 0; i < 100; i += 1) scene.add(`early ${i}`);
    expect(scene.sessions.size).toBe(1);
    expect(scene.underWay).toHaveLength(0);
    scene.sessions.tell();
    for (let i = 0; i < 100; i += 1) scene.add(`late ${i}`);
    expect(await scene.finish()).toBe(200);
    expect(scene.most).toBe(32);
    expect(scene.sessions.size).toBe(0);
    scene.add('last');
    expect(await scene.finish()).toBe(1);
  });

  it('are waited for by who asks about one job, or about all', async () => {
    const scene = new Scene();
    const [a] = scene.add('a', 'b');
    const waiting = { timeoutMs: 86_400_000 };
    const order: string[] = [];
    const one = scene.declarations.known(() => [a as GatedJob], waiting).then(() => order.push('a'));
    const all = scene.declarations.known(() => undefined, waiting).then(() => order.push('all'));
    scene.sessions.tell();
    scene.underWay[0]?.done();
    await one;
    expect(order).toEqual(['a']);
    scene.underWay[1]?.done();
    await all;
    expect(order).toEqual(['a', 'all']);
  });

  it('are not waited for longer than asked, after the end, and where nothing is declared', async () => {
    const scene = new Scene();
    scene.add('a');
    await scene.declarations.known(() => undefined, { timeoutMs: 5 });
    const caller = new AbortController();
    const given = scene.declarations.known(() => undefined, { timeoutMs: 86_400_000, signal: caller.signal });
    caller.abort(new Error('gone'));
    expect(await failureOf(given)).toMatchObject({ message: 'gone' });
    const waiting = scene.declarations.known(() => undefined, { timeoutMs: 86_400_000 });
    scene.declarations.close();
    await waiting;
    const observer = new Scene(false);
    observer.add('a');
    await observer.declarations.known(() => undefined, { timeoutMs: 86_400_000 });
  });
});

it('asks once for many, and anew when the answer is old or has failed', async () => {
  const clock = new HandClock();
  const answers = ['one', new Error('away'), 'two', 'three'];
  const recent = new Recent(clock, 1_000, async () => {
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    return answer;
  });
  expect(await Promise.all([recent.get(), recent.get()])).toEqual(['one', 'one']);
  clock.pass(1_001);
  expect(await failureOf(recent.get())).toMatchObject({ message: 'away' });
  expect(await recent.get()).toBe('two');
  clock.pass(1_000);
  expect(await recent.get()).toBe('two');
  clock.pass(1);
  expect(await recent.get()).toBe('three');
});
