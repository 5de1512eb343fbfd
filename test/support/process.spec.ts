import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryDirectory } from '../../scripts/support/guard.mjs';
import { startOfProcess } from '../../scripts/support/process-start.mjs';
import { eventually } from './eventually.js';
import { ROOT, startProgram } from './process.js';

it('ends the children of a killed process, and removes its directories', async () => {
  const directory = temporaryDirectory('fixture');
  const script = join(directory.path, 'parent.mjs');
  writeFileSync(
    script,
    `import { spawnGuarded, temporaryDirectory } from '${ROOT}/scripts/support/guard.mjs';
     const child = spawnGuarded('sleep', ['1000'], { stdio: 'ignore' });
     console.log(JSON.stringify({ child: child.pid, directory: temporaryDirectory('orphan').path }));`,
  );
  await using parent = startProgram(process.execPath, { args: [script] });
  const { child } = await parent.message((message) => 'child' in message, 'its ready line');
  expect(startOfProcess(child as number)).toBeDefined();
  expect(await parent.kill('SIGKILL')).toEqual({ code: null, signal: 'SIGKILL' });
  await eventually(() => expect(startOfProcess(child as number)).toBeUndefined(), { what: 'the orphan to end' });
  directory.remove();
});
