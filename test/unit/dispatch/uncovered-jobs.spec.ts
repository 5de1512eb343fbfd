import { expect, it } from 'vitest';
import type { GatedJob } from '../../../src/zookeeper/dispatch/gated-job.js';
import { UncoveredJobs } from '../../../src/zookeeper/dispatch/uncovered-jobs.js';
import type { MemberView } from '../../../src/zookeeper/jobs/persistence/job-store.js';
import type { Observation } from '../../../src/zookeeper/support/observer.js';
import { member } from '../jobs/control/kept-store.js';
import { HandClock } from '../mastership/hand-clock.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

class Scene {
  readonly clock = new HandClock();
  readonly told: Observation[] = [];
  readonly names = ['everywhere', 'here'];
  members: MemberView[] | Error = [member('1.0', ['everywhere'], 'a:1'), member('1.0', ['everywhere', 'here'], 'b:1')];
  state: { readonly kind: string; readonly master?: string } = { kind: 'standby', master: 'a:1' };
  readonly uncovered = new UncoveredJobs({
    clock: this.clock,
    observer: { observe: (observation) => void this.told.push(observation) },
    store: { members: () => (this.members instanceof Error ? Promise.reject(this.members) : Promise.resolve(this.members)) },
    jobs: () => this.names.map((name) => this.job(name)),
  });

  async settle(): Promise<void> {
    this.uncovered.soon();
    this.clock.pass(10_000);
    await turn();
  }

  private job(name: string): GatedJob {
    const gate = { election: { state: () => this.state } };
    return { identity: { name, kind: 'added', disabled: false }, gate } as unknown as GatedJob;
  }
}

it('warns once of a job that the present master does not have, and again under another master', async () => {
  const scene = new Scene();
  await scene.settle();
  await scene.settle();
  expect(scene.told).toMatchObject([
    {
      level: 'warn',
      event: 'job.not-on-master',
      message: expect.stringMatching(/^The master, a:1 \(version 1\.0\), does not have job "here": /),
    },
  ]);
  scene.members = [member('0.9', [], 'c:1')];
  scene.state = { kind: 'standby', master: 'c:1' };
  await scene.settle();
  expect(scene.told.at(-1)?.message).toMatch(/^The master, c:1 \(version 0\.9\), does not have jobs "everywhere", "here": /);
});

it('says nothing where the master has it, may have it, is this replica, or is not known', async () => {
  const scene = new Scene();
  scene.members = [member('1.0', [], 'a:1'), member('1.1', ['everywhere', 'here'], 'a:1')];
  await scene.settle();
  scene.members = [member('1.0', undefined, 'a:1')];
  await scene.settle();
  scene.members = [];
  await scene.settle();
  scene.members = [member('1.0', [], 'a:1')];
  scene.state = { kind: 'master' };
  await scene.settle();
  expect(scene.told).toEqual([]);
});

it('waits until replicas that start together have told of their jobs, and asks again when it could not', async () => {
  const scene = new Scene();
  const { members } = scene;
  scene.members = new Error('no connection');
  scene.uncovered.soon();
  scene.clock.pass(9_999);
  await turn();
  expect(scene.clock.waiting).toBe(1);
  scene.clock.pass(1);
  await turn();
  scene.members = members;
  scene.clock.pass(10_000);
  await turn();
  expect(scene.told).toHaveLength(1);
  scene.uncovered.soon();
  scene.uncovered.close();
  expect(scene.clock.waiting).toBe(0);
});
