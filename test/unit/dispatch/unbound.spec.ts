import { expect, it } from 'vitest';
import { EVERY_SECOND, JOB, LoneReplica } from './lone-replica.js';

it('a job with a schedule that nobody has registered claims nothing, and is not declared: there would be nobody to do the work', async () => {
  const replica = new LoneReplica({ schedule: EVERY_SECOND });
  const nobody = replica.gate.job({ ...replica.identity, name: 'nobody', method: 'Nobody.pays', kind: 'cron' });
  await replica.pass(4);
  expect(replica.runs.length).toBeGreaterThan(2);
  expect(await replica.store.jobs()).toEqual([JOB]);
  expect(nobody.loop).toBeUndefined();
  expect(replica.observed.filter(({ level }) => level === 'error')).toEqual([]);
  expect(nobody.fire()).toBeUndefined();
  await replica.pass(1);
  expect(nobody.gate.inProgress.list()).toEqual([]);
  expect(await replica.store.jobs()).toEqual([JOB]);
  await replica.leave();
});
