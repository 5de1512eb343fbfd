import fc from 'fast-check';
import { it } from 'vitest';
import { play, scenarios } from './search.js';

it('try', async () => {
  const mix = JSON.parse(process.env['MIX'] ?? '{}');
  const t = performance.now();
  let n = 0;
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random()*2**31));
  if (process.env['SCEN']) {
    const { World } = await import('./model/world.js');
    World.prototype.trace = function (l: string) { console.log(this.nowMs.toFixed(1), l); };
    const sc = JSON.parse(process.env['SCEN']);
    await play(sc, mix).catch((e: Error) => console.log(e.message.split('\n')[0]));
    return;
  }
  const out = await fc.check(fc.asyncProperty(scenarios(mix), async (s) => { n++; await play(s, mix).catch((e: Error) => { if (!(process.env['IGNORE'] && new RegExp(process.env['IGNORE']).test(e.message))) throw e; }); }), { numRuns: Number(process.env['RUNS'] ?? 50), seed, ...(process.env['PATHX'] ? { path: process.env['PATHX'] } : {}), endOnFailure: process.env['NOSHRINK'] === '1' });
  console.log('runs', n, 'ms', performance.now() - t, 'per run', (performance.now() - t) / n, 'seed', seed, 'shrinks', out.numShrinks);
  if (out.failed) {
    console.log('PATH', out.counterexamplePath, JSON.stringify(out.counterexample, null, 0));
    console.log(String((out.errorInstance as Error)?.stack).slice(-Number(process.env['TAIL'] ?? 12000)));
    console.log(String((out.errorInstance as Error)?.message).split('\n')[0]);
  }
}, 600000);
