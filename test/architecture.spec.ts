import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ensureBuilt } from '../scripts/build.mjs';
import { ParsedFile, RULES, tarballProblems, type SourceText } from './support/architecture.js';
import { MAX_COMMENT_COLUMNS, wideComments } from './support/comment-width.js';
import { importCycles } from './support/import-cycles.js';
import { ROOT } from './support/process.js';

/** The source files below a folder. */
function sourcesOf(folder: string, name: RegExp): SourceText[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && name.test(entry.name) && !entry.parentPath.split(sep).includes('node_modules'))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ path: relative(ROOT, path), text: readFileSync(path, 'utf8') }));
}

const files = sourcesOf('src', /\.ts$/).map((source) => new ParsedFile(source));

/** For each rule: what it must find in a file at that path, and what it must leave alone. */
const PLANTED: Record<keyof typeof RULES, { readonly refused: Sample[]; readonly allowed: Sample[] }> = {
  'imports go down the listing': {
    refused: [
      ['src/zookeeper/session/a.ts', "import { x } from '../mastership/elections.js';"],
      ['src/zookeeper/session/a.ts', "import type { X } from '../mastership/elections.js';"],
      ['src/zookeeper/session/a.ts', "export * from '../mastership/elections.js';"],
      ['src/zookeeper/session/a.ts', "const x = await import('../mastership/elections.js');"],
      ['src/zookeeper/session/a.ts', "type X = import('../mastership/elections.js').X;"],
      ['src/zookeeper/session/a.ts', "const x = require('../mastership/elections.js');"],
      ['src/zookeeper/recipes/lock/lock.ts', "import { x } from '../../mastership/elections.js';"],
      ['src/zookeeper/support/a.ts', "import { x } from '../wire/errors.js';"],
      ['src/zookeeper/gate/a.ts', "import { x } from '../zookeeper.options.js';"],
      ['src/zookeeper/gate/a.ts', "import { x } from '../../index.js';"],
      ['src/zookeeper/adapters/cli/a.ts', "import { x } from '../health/index.js';"],
      ['src/zookeeper/gate/a.ts', "import type { X } from '../execution/execution.js';"],
      ['src/zookeeper/execution/a.ts', "import type { X } from '../dispatch/gated-job.js';"],
      ['src/zookeeper/dispatch/a.ts', "import { GATE } from '../decorators/inject.js';"],
      ['src/zookeeper/decorators/a.ts', "import { x } from '../boot/explorer.js';"],
      ['src/zookeeper/boot/a.ts', "import { x } from '../api/cluster-jobs.js';"],
    ],
    allowed: [
      [
        'src/zookeeper/mastership/a.ts',
        "import { x } from '../session/session.js'; import { y } from './election/timing.js'; import z from 'node:fs';",
      ],
      ['src/zookeeper/wire/a.ts', "import { x } from '../support/errors.js';"],
      ['src/zookeeper/zookeeper.module.ts', "import { x } from './decorators/guard.js'; import { y } from './zookeeper.options.js';"],
    ],
  },
  'imports go down the listing inside a stage': {
    refused: [
      ['src/zookeeper/jobs/record/changes.ts', "import { decide } from '../decide/decide.js';"],
      ['src/zookeeper/jobs/decide/draft.ts', "import type { Amendment } from '../control/amend.js';"],
      ['src/zookeeper/jobs/record/room.ts', "import { encodeRecord } from '../persistence/codec/record-codec.js';"],
      ['src/zookeeper/jobs/persistence/codec/record-codec.ts', "import { decide } from '../../decide/decide.js';"],
      ['src/zookeeper/recipes/membership/membership.ts', "import { x } from '../line/line.js';"],
      ['src/zookeeper/jobs/schedule/parse.ts', "import { x } from '../beside.js';"],
      ['src/zookeeper/mastership/tenure/tenure.ts', "import type { Campaign } from '../campaign/campaign.js';"],
      ['src/zookeeper/mastership/election/memory.ts', "import { x } from '../tenure/tenure.js';"],
      ['src/zookeeper/mastership/tenure/tenure.ts', "import { x } from '../elections.js';"],
    ],
    allowed: [
      ['src/zookeeper/jobs/decide/draft.ts', "import * as changes from '../record/changes.js'; import { x } from './plan.js';"],
      [
        'src/zookeeper/jobs/persistence/codec/record-codec.ts',
        "import { x } from '../job-store.js'; import { y } from '../../schedule/tick.js';",
      ],
      ['src/zookeeper/jobs/beside.ts', "import { x } from './control/amend.js';"],
      [
        'src/zookeeper/mastership/campaign/campaign.ts',
        "import { x } from '../tenure/tenure.js'; import { y } from '../election/election-context.js';",
      ],
      ['src/zookeeper/jobs/schedule/parse.ts', "import { x } from '../../session/session.js';"],
    ],
  },
  'the app stays outside': {
    refused: [
      ['src/app/app.module.ts', "import { x } from '../zookeeper/gate/gate.js';"],
      ['src/main.ts', "import { x } from './index.js';"],
      ['src/zookeeper/dispatch/dispatcher.ts', "import { x } from '../../app/app.config.js';"],
      ['src/index.ts', "import { x } from './app/app.config.js';"],
    ],
    allowed: [
      [
        'src/app/jobs/a.job.ts',
        "import { MasterOnly } from '../../index.js'; import { h } from '../../zookeeper/adapters/health/index.js';",
      ],
      ['src/main.ts', "import { startApp } from './app/app.js';"],
    ],
  },
  'the test ZooKeeper stands alone': {
    refused: [
      ['src/testing/zookeeper/state/tree.ts', "import { x } from '../protocol/jute.js';"],
      ['src/testing/zookeeper/state/tree.ts', "import { createHash } from 'node:crypto';"],
      ['src/testing/zookeeper/protocol/jute.ts', "import { x } from '../server/core.js';"],
      ['src/testing/zookeeper/server/core.ts', "import { x } from '../local.js';"],
      ['src/testing/zookeeper/local.ts', "import { x } from '../../zookeeper/wire/client.js';"],
      ['src/testing/zookeeper/local.ts', "import { x } from '../run-job.js';"],
      ['src/testing/zookeeper/local.ts', "import { x } from 'rxjs';"],
    ],
    allowed: [
      ['src/testing/zookeeper/local.ts', "import { x } from './server/core.js'; import { y } from '../../zookeeper/support/clock.js';"],
      ['src/testing/zookeeper/server/core.ts', "import { x } from '../state/tree.js'; import { y } from 'node:net';"],
      ['src/testing/run-job.ts', "import { x } from '../zookeeper/jobs/job-run.js';"],
    ],
  },
  'Nest only in app, adapters, decorators, the module and the testing kit': {
    refused: [['src/zookeeper/dispatch/dispatcher.ts', "import { Injectable } from '@nestjs/common';"]],
    allowed: [['src/zookeeper/decorators/guard.ts', "import { Injectable } from '@nestjs/common';"]],
  },
  'other processes only in the crash guard, the command line and the testing kit': {
    refused: [
      ['src/zookeeper/session/sessions.ts', "import { spawn } from 'node:child_process';"],
      ['src/zookeeper/dispatch/a.ts', "const { fork } = require('child_process');"],
    ],
    allowed: [['src/zookeeper/session/crash-guard/guard-process.ts', "import { spawn } from 'node:child_process';"]],
  },
  'rxjs only where an Observable is handed out': {
    refused: [
      ['src/zookeeper/dispatch/dispatcher.ts', "import { Subject } from 'rxjs'; export const s = new Subject();"],
      [
        'src/zookeeper/dispatch/dispatcher.ts',
        "import { Observable } from 'rxjs'; export class A { private x: Observable<number>; #y: Observable<number>; }",
      ],
    ],
    allowed: [
      [
        'src/zookeeper/decorators/a.ts',
        "import { Observable } from 'rxjs'; export class A { mastership$(): Observable<number> { return f(); } }",
      ],
    ],
  },
  'node-zookeeper-client only in wire': {
    refused: [['src/zookeeper/session/a.ts', "import jute from 'node-zookeeper-client/lib/jute/index.js';"]],
    allowed: [['src/zookeeper/wire/package.ts', "import zookeeper from 'node-zookeeper-client';"]],
  },
  'timers and clocks only in support/clock.ts': {
    refused: [
      ['src/zookeeper/gate/a.ts', 'setTimeout(() => {}, 1);'],
      ['src/zookeeper/gate/a.ts', 'globalThis.setInterval(() => {}, 1);'],
      ['src/zookeeper/gate/a.ts', 'const now = performance.now();'],
      ['src/zookeeper/gate/a.ts', 'const now = Date.now();'],
      ['src/zookeeper/gate/a.ts', 'const now = new Date();'],
      ['src/zookeeper/gate/a.ts', 'const now = process.hrtime.bigint();'],
      ['src/zookeeper/gate/a.ts', 'const signal = AbortSignal.timeout(5);'],
      ['src/zookeeper/gate/a.ts', "import * as timers from 'node:timers/promises';"],
    ],
    allowed: [
      ['src/zookeeper/support/clock.ts', 'export const now = () => performance.now();'],
      ['src/zookeeper/gate/a.ts', 'const at = new Date(clock.wallMs()); clock.after(5, run);'],
    ],
  },
  'process.env only in the files that read it': {
    refused: [
      ['src/zookeeper/gate/a.ts', 'const port = process.env.PORT;'],
      ['src/app/app.ts', "const port = process.env['PORT'];"],
      ['src/app/app.ts', 'const { env } = process;'],
      ['src/app/app.ts', 'const { env: all } = process;'],
    ],
    allowed: [
      ['src/app/app.config.ts', 'const port = process.env.PORT;'],
      ['src/zookeeper/zookeeper.options.ts', 'const production = process.env.NODE_ENV;'],
    ],
  },
  'files are small': {
    refused: [['src/app/a.ts', 'const x = 1;\n'.repeat(301)]],
    allowed: [['src/app/a.ts', 'const x = 1;\n'.repeat(300)]],
  },
  'functions are small': {
    refused: [
      ['src/app/a.ts', `function f() {\n${'g();\n'.repeat(59)}}`],
      ['src/app/a.ts', `class A { m = () => {\n${'g();\n'.repeat(59)}}; }`],
    ],
    allowed: [['src/app/a.ts', `function f() {\n${'g();\n'.repeat(58)}}`]],
  },
  'no barrels': {
    refused: [
      ['src/zookeeper/gate/index.ts', 'export const x = 1;'],
      ['src/zookeeper/gate/all.ts', "export * from './gate.js'; export { x } from './outcome.js';"],
    ],
    allowed: [
      ['src/zookeeper/adapters/health/index.ts', "export * from './indicator.js';"],
      ['src/index.ts', "export * from './zookeeper/gate/gate.js';"],
    ],
  },
  "a job's record changes in one place": {
    refused: [
      ['src/zookeeper/jobs/control/pause.ts', 'const record = { ...view.record, pausedMs: nowMs };'],
      ['src/zookeeper/jobs/control/pause.ts', 'const next = { ...was, pausedMs: nowMs };'],
      ['src/zookeeper/jobs/decide/draft.ts', 'this.current = { ...this.current, cursor };'],
      ['src/zookeeper/dispatch/job-loop.ts', 'const record = { ...record, running: [] };'],
      ['src/zookeeper/jobs/control/reset.ts', 'const record = { ...EMPTY_RECORD, schedule };'],
      ['src/zookeeper/jobs/control/reset.ts', 'const record = { schedule, cursor, running: [], triggers: [], pausedMs };'],
    ],
    allowed: [
      ['src/zookeeper/jobs/record/changes.ts', 'const next = { ...record, pausedMs: nowMs };'],
      ['src/zookeeper/mastership/tenure/take-over.ts', 'const next = { ...record, floor };'],
      ['src/zookeeper/jobs/control/pause.ts', 'const view = { ...was, record }; const known = { cursor, running };'],
    ],
  },
};

type Sample = readonly [path: string, text: string];

describe.each(Object.entries(RULES))('%s', (name, rule) => {
  const { refused, allowed } = PLANTED[name as keyof typeof RULES];

  it('holds for every source file', () => {
    expect(files.length).toBeGreaterThan(20);
    expect(files.flatMap((file) => rule(file))).toEqual([]);
  });

  it.each(refused.map(([path, text]) => ({ path, text: text.slice(0, 60), file: new ParsedFile({ path, text }) })))(
    'is broken by $text in $path',
    ({ file }) => {
      expect(rule(file)).toHaveLength(1);
    },
  );

  it('leaves alone what keeps to it', () => {
    expect(allowed.flatMap(([path, text]) => rule(new ParsedFile({ path, text })))).toEqual([]);
  });
});

describe('import cycles', () => {
  const parsed = (texts: Readonly<Record<string, string>>): ParsedFile[] =>
    Object.entries(texts).map(([path, text]) => new ParsedFile({ path, text }));

  it('are nowhere', () => {
    expect(importCycles(files)).toEqual([]);
  });

  it('would be found, through however many files, also where only types are imported', () => {
    const round = {
      'src/a.ts': "import type { B } from './b.js';",
      'src/b.ts': "export * from './c/c.js';",
      'src/c/c.ts': "type A = import('../a.js').A;",
    };
    const beside = { 'src/d.ts': "import { a } from './a.js';", 'src/e.ts': "import { e } from './e.js';" };
    expect(importCycles(parsed({ ...beside, ...round }))).toEqual([
      'import each other in the end: src/a, src/b, src/c/c',
      'import each other in the end: src/e',
    ]);
  });

  it('are not where two ways lead to one file', () => {
    const both = "import { b } from './b.js'; import { c } from './c.js';";
    expect(importCycles(parsed({ 'src/a.ts': both, 'src/b.ts': "import { d } from './c.js';", 'src/c.ts': 'export {};' }))).toEqual([]);
  });
});

describe('comments', () => {
  const longest = 'x'.repeat(MAX_COMMENT_COLUMNS - '  // '.length);

  it('have at most 120 columns, wherever there is code', () => {
    const places = ['src', 'test', 'scripts', 'bench', 'examples'];
    const sources = places.map((place) => sourcesOf(place, /\.[cm]?[jt]s$/));
    for (const found of sources) expect(found.length).toBeGreaterThan(5);
    expect(sources.flat().flatMap(wideComments)).toEqual([]);
  });

  it.each([
    ['a line', `f();\n  // ${longest}x\n`],
    ['the last line of a file', `f();\n  // ${longest}x`],
    ['a line before a brace', `function f() {\n  // ${longest}x\n}`],
    ['one of a block', `f();\n  /** ${longest}\n */\nconst x = 1;`],
    ['an inner line of a block', `/**\n * short\n  * ${longest}xx\n */\nconst x = 1;`],
    ['one in a class', `class A {\n  // ${longest}x\n  b = 1;\n}`],
  ])('that are longer are found: %s', (_, text) => {
    expect(wideComments({ path: 'test/a.ts', text })).toHaveLength(1);
  });

  it.each([
    ['of the greatest length', `f();\n  // ${longest}\n`],
    ['behind code', `f(); // ${longest}\n`],
    ['in a text', `const text = \`\n// ${longest}x\n\`;`],
    ['before code on one line', `/* short */ f('${longest}');`],
  ])('are left alone: %s', (_, text) => {
    expect(wideComments({ path: 'test/a.ts', text })).toEqual([]);
  });
});

describe('the tarball', () => {
  it('holds the library, and neither the app nor tests', async () => {
    await ensureBuilt();
    const packed = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts', '--loglevel=error'], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    const [{ files: inside }] = JSON.parse(packed.stdout) as [{ files: Array<{ path: string }> }];
    expect(tarballProblems(inside.map(({ path }) => path))).toEqual([]);
  });

  it('would be refused with the app, a test or the sources in it, or without its types', () => {
    const docs = ['README.md', 'LICENSE', 'docs/operations.md', 'docs/safety.md', 'docs/summer-time.md'];
    const good = [
      'dist/index.js',
      'dist/index.d.ts',
      'dist/locks.js',
      'dist/locks.d.ts',
      'dist/testing.js',
      'dist/testing.d.ts',
      'package.json',
      ...docs,
    ];
    expect(tarballProblems(good)).toEqual([]);
    for (const bad of [
      'dist/main.js',
      'dist/main.d.ts',
      'dist/app/app.js',
      'dist/a.spec.js',
      'test/a.ts',
      'bench/a.mjs',
      'src/index.ts',
      '.env',
      'dist/x.tsbuildinfo',
    ]) {
      expect(tarballProblems([...good, bad])).toEqual([`the tarball holds ${bad}`]);
    }
    expect(tarballProblems(good.slice(1))).toEqual(['the tarball lacks dist/index.js']);
  });
});
