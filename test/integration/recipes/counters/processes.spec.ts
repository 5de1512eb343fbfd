import { afterAll, beforeAll, expect, it } from 'vitest';
import { startCounting, type CountingProcess } from '../../../support/counting/counting.js';
import { startEnsemble, type Ensemble } from '../../../support/zookeeper.js';

let ensemble: Ensemble;

beforeAll(async () => {
  ensemble = await startEnsemble(3);
});

afterAll(async () => {
  await ensemble?.dispose();
});

const start = (format: string, path: string): Promise<CountingProcess> =>
  startCounting({ connectString: ensemble.connectString, by: 'this library', format, path });

for (const { what, format } of [
  { what: 'counters', format: 'int64' },
  { what: 'ids', format: 'ids:1' },
  { what: 'ids in blocks', format: 'ids:10' },
]) {
  it(`of five processes on an ensemble, one of which is killed, and then a server: ${what} give no number twice`, async () => {
    const path = `/processes/${format.replace(':', '-')}`;
    const all = await Promise.all([1, 2, 3, 4, 5].map(() => start(format, path)));
    const [victim, ...others] = all as [CountingProcess, ...CountingProcess[]];
    try {
      for (const one of all) one.begin(300);
      await victim.hasCounted(30);
      await victim.process.kill('SIGKILL');
      await Promise.all(others.map((one) => one.hasCounted(100)));
      const leader = await ensemble.leader();
      await leader.kill();
      await Promise.all(others.map((one) => one.process.message(({ event }) => event === 'done' || event === 'failed', 'the end')));
      await leader.start();
      expect(others.flatMap(({ process }) => process.messages.filter(({ event }) => event === 'failed'))).toEqual([]);
      const told = all.flatMap(({ counted }) => counted);
      expect(new Set(told).size).toBe(told.length);
      const highest = Number(told.reduce((a, b) => (a > b ? a : b)));
      // What the killed process was not told, and what nobody could be told.
      const untold = all.reduce((sum, { uncertain }) => sum + uncertain, 1);
      if (format === 'int64') expect(highest - told.length).toBeLessThanOrEqual(untold);
      for (const { counted } of all) expect(counted).toEqual(counted.toSorted((a, b) => (a < b ? -1 : 1)));
    } finally {
      await Promise.all(all.map((one) => one[Symbol.asyncDispose]()));
    }
  });
}
