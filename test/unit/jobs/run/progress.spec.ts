import { describe, expect, it } from 'vitest';
import { Progress, PROGRESS_PERIOD_MS } from '../../../../src/zookeeper/jobs/run/progress.js';
import { MemoryJobStore } from '../../../../src/zookeeper/jobs/persistence/memory-store.js';
import type { Fence, HeldTenure } from '../../../../src/zookeeper/mastership/election/held-tenure.js';
import type { Observation } from '../../../../src/zookeeper/support/observer.js';
import { ZooKeeperError } from '../../../../src/zookeeper/wire/errors.js';
import { HandClock } from '../../mastership/hand-clock.js';

/** The election's record has moved on: what checks its version is refused until the master has read it again. */
class MovedOnStore extends MemoryJobStore {
  readonly written: unknown[] = [];
  isRefused = true;

  override async saveNote(...[, , encoded]: Parameters<MemoryJobStore['saveNote']>): Promise<void> {
    if (this.isRefused) throw new ZooKeeperError('bad-version', { operation: 'multi', sent: true, opIndex: 1 });
    this.written.push((JSON.parse(encoded.toString('utf8')) as { fraction: number }).fraction);
  }
}

function setUp(reread: (store: MovedOnStore) => void) {
  const clock = new HandClock();
  const store = new MovedOnStore({ clock });
  let rereads = 0;
  const refused = async (): Promise<void> => {
    rereads += 1;
    reread(store);
  };
  const tenure = { token: 5n, isValid: () => true, fence: { refused } as unknown as Fence } as unknown as HeldTenure;
  const observed: Observation[] = [];
  const observer = { observe: (one: Observation) => void observed.push(one) };
  const progress = new Progress({ store, job: 'backup', tenure, clock, observer, mayCreate: () => true });
  return { clock, store, progress, observed, rereads: () => rereads };
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}

describe('the progress of a run, after another replica has moved the record of its election on', () => {
  it('is written as soon as the master has read that again, and from then on', async () => {
    const { clock, store, progress } = setUp((read) => (read.isRefused = false));
    progress.report(0.1);
    progress.report(0.2);
    await settle();
    expect(store.written).toEqual([0.2]);
    clock.pass(PROGRESS_PERIOD_MS);
    progress.report(0.3);
    clock.pass(PROGRESS_PERIOD_MS);
    await settle();
    expect(store.written).toEqual([0.2, 0.2, 0.3]);
  });

  it('is dropped, once for each value, when it is refused again and again', async () => {
    const { progress, store, observed, rereads } = setUp(() => undefined);
    progress.report(0.1);
    await settle();
    expect([store.written, rereads()]).toEqual([[], 3]);
    expect(observed.map(({ event }) => event)).toEqual(['job.progress-not-noted']);
  });
});
