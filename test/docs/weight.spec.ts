import { readFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ensureBuilt } from '../../scripts/build.mjs';
import { ROOT } from './code-blocks.js';

it('asks for no more than three packages of its own, and shares class-validator with the application', () => {
  const { dependencies, peerDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Record<string, object>;
  expect(Object.keys(dependencies ?? {}).length).toBeLessThanOrEqual(3);
  expect(Object.keys(peerDependencies ?? {})).toContain('class-validator');
  expect(JSON.stringify(dependencies)).not.toContain('class-');
});

it('loads class-validator when options are checked, and not before; the testing kit without options of its own does not', async () => {
  await ensureBuilt();
  const program = `
    const isLoaded = () => Object.keys(require.cache).some((path) => path.includes('class-validator'));
    const told = [];
    const { resolveOptions } = require('./dist/zookeeper/zookeeper.options.js');
    require('./dist/index.js');
    told.push(isLoaded());
    require('./dist/testing.js').ZookeeperTestingModule.forRoot({ master: true });
    told.push(isLoaded());
    resolveOptions({ standalone: true, service: 'A', version: '1' });
    told.push(isLoaded());
    console.log(JSON.stringify(told));`;
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', program], { cwd: ROOT, encoding: 'utf8' });
  expect(stdout.trim(), stderr).toBe('[false,false,true]');
});
