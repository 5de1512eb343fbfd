import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { temporaryDirectory } from '../../scripts/support/guard.mjs';
import { runNode } from '../../scripts/support/run.mjs';
import { startAdmin, type Admin } from '../support/admin.js';
import { eventually } from '../support/eventually.js';
import { ROOT, startNode, type TestProcess } from '../support/process.js';
import { Chance, seedFrom } from '../support/random.js';
import { startServer, type ZooKeeperServer } from '../support/zookeeper.js';

/**
 * How often the working replica is killed: `BACKUP_KILLS=100 npm test -- test/e2e/backup.spec.ts` for a long time;
 * `BACKUP_SEED` chooses as an earlier run did.
 */
const KILLS = Number(process.env['BACKUP_KILLS'] ?? 6);
const SEED = seedFrom('BACKUP_SEED');
const STEP_BYTES = 1_024;
/** What is appended before each kill: enough to be in the middle of it when the kill comes. */
const BATCH_BYTES = 200_000;
/** Inside of the project, so that the example finds the package by its name. */
const BUILT = join(ROOT, '.cache', 'examples', `backup-task-${process.pid}`);

let server: ZooKeeperServer;

beforeAll(async () => {
  const compiler = join(ROOT, 'node_modules', 'typescript-native', 'bin', 'tsc');
  const { code, output } = await runNode([compiler, '-p', join(ROOT, 'examples', 'backup-task'), '--outDir', BUILT], { cwd: ROOT });
  expect(output).toBe('');
  expect(code).toBe(0);
  server = await startServer();
});

afterAll(async () => {
  await server.dispose();
  rmSync(BUILT, { recursive: true, force: true });
});

/** Servers of the backup task that share one disk, and a log that grows. */
class Task implements AsyncDisposable {
  private readonly directory = temporaryDirectory('backup');
  private readonly source = join(this.directory.path, 'commits.log');
  private readonly copy = join(this.directory.path, 'copy.log');
  private readonly servers = new Map<string, TestProcess>();
  private started = 0;
  private commits = 0;

  constructor(
    private readonly admin: Admin,
    private readonly chance: Chance,
  ) {
    writeFileSync(this.source, '');
    writeFileSync(this.copy, '');
  }

  async add(): Promise<void> {
    this.started += 1;
    const address = `127.0.0.1:${10_000 + this.started}`;
    const env = {
      ZOOKEEPER_CONNECT: server.connectString,
      ZOOKEEPER_SESSION_TIMEOUT_MS: '2000',
      SERVER_ADDRESS: address,
      BACKUP_SOURCE: this.source,
      BACKUP_COPY: this.copy,
      BACKUP_STEP_BYTES: String(STEP_BYTES),
    };
    this.servers.set(address, await startNode(join(BUILT, 'main.js'), { env, name: `backup-${this.started}` }));
  }

  /** Appends whole commits, of a few bytes each up to most of a step, and the beginning of one more. */
  append(bytes: number): void {
    let text = '';
    while (text.length < bytes) {
      this.commits += 1;
      text += `${this.commits} ${'x'.repeat(this.chance.below(STEP_BYTES / 3))}\n`;
    }
    const torn = Math.floor(this.chance.below(text.length));
    appendFileSync(this.source, text.slice(0, torn));
    appendFileSync(this.source, text.slice(torn));
  }

  /** Waits until the master copies, and kills it at some moment. Answers how much had been copied of what there was. */
  async kill(): Promise<number> {
    const before = this.copied().length;
    const look = (): void => expect(this.copied().length).toBeGreaterThan(before);
    await eventually(look, { what: 'something to be copied', everyMs: 5 });
    await wait(this.chance.below(200));
    const master = this.servers.get((await this.admin.read('/soa/master/services/BackupService:1.0.0')) ?? '');
    await master?.kill();
    return this.copied().length / readFileSync(this.source).length;
  }

  copied(): Buffer {
    return readFileSync(this.copy);
  }

  /** The part of the log that is as long as the copy. */
  original(): Buffer {
    return readFileSync(this.source).subarray(0, this.copied().length);
  }

  /** How far the monitors of the servers have heard that the copy has come, in order. */
  progress(): number[] {
    const told = [...this.servers.values()].flatMap((one) => one.messages.filter((message) => message['event'] === 'task.status'));
    return told.flatMap(({ progress }) => (progress as { fraction?: number } | undefined)?.fraction ?? []);
  }

  async complete(): Promise<void> {
    const look = (): void => expect(this.copied().length).toBe(readFileSync(this.source).length);
    await eventually(look, { what: 'all to be copied' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.servers.values()].map((one) => one.kill()));
    this.directory.remove();
  }
}

it(
  `copies a growing log without a gap and without a repetition, though its replica is killed again and again (seed ${SEED})`,
  { timeout: KILLS * 60_000 + 180_000 },
  async () => {
    await using admin = await startAdmin(server.connectString);
    await using task = new Task(admin, new Chance(SEED));
    await Promise.all([task.add(), task.add(), task.add()]);
    const reached: number[] = [];
    for (let count = 0; count < KILLS; count += 1) {
      task.append(BATCH_BYTES);
      reached.push(await task.kill());
      expect(task.copied().equals(task.original())).toBe(true);
      await task.add();
    }
    await task.complete();
    expect(task.copied().equals(task.original())).toBe(true);
    expect(task.progress().length).toBeGreaterThan(0);
    // Otherwise nothing was shown: the kills came when all was done.
    expect(reached.filter((part) => part < 1).length).toBeGreaterThan(KILLS / 3);
  },
);
