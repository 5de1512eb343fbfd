import { fileURLToPath } from 'node:url';
import type { LockMode } from '../../../src/zookeeper/recipes/locks/contenders.js';
import type { LockName } from '../../../src/zookeeper/recipes/locks/lock.js';
import { startNode, startProgram, type Message, type TestProcess } from '../process.js';

/** What a process that takes locks is started with. */
export interface LockHolderOptions {
  readonly connectString: string;
  readonly address: string;
  readonly sessionTimeoutMs?: number;
  readonly rootPath?: string;
  /** The built library to run. Default: what is built from src, brought up to date first. */
  readonly dist?: string | undefined;
}

/** How it is taken: as a mutex, unless said otherwise. */
interface Asked {
  readonly mode?: LockMode;
  /** Of a semaphore with so many. */
  readonly permits?: number;
}

/** A process that takes locks, and what it has said so far. */
export class LockHolder implements AsyncDisposable {
  private commands = 0;

  constructor(
    readonly process: TestProcess,
    readonly address: string,
  ) {}

  /** Takes the lock, and answers its token. */
  async acquire(name: LockName, options: Asked & { readonly waitMs?: number } = {}): Promise<bigint> {
    return BigInt(String(await this.ask('acquire', { name, ...options })));
  }

  async release(): Promise<void> {
    await this.ask('release');
  }

  /** Takes and releases it so often. */
  async turns(name: LockName, count: number, options: Asked = {}): Promise<void> {
    await this.ask('turns', { name, count, ...options });
  }

  async told(token: bigint): Promise<Message> {
    return this.process.message((one) => one['k'] === 'told' && one['token'] === String(token), 'news of the end of its lock');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
  }

  private async ask(cmd: string, given: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    this.commands += 1;
    const id = this.commands;
    this.process.send({ cmd, id, ...given });
    const { error, result } = await this.process.message((one) => one['k'] === 'done' && one['id'] === id, `the end of "${cmd}"`);
    if (error !== undefined) throw new Error(`${cmd}: ${JSON.stringify(error)}`);
    return result;
  }
}

/** Starts a process that takes locks, and waits for its session. `await using` it. */
export async function startLockHolder(options: LockHolderOptions): Promise<LockHolder> {
  const script = fileURLToPath(new URL('lock-holder.mjs', import.meta.url));
  const given = { sessionTimeoutMs: 10_000, ...options };
  const args = [JSON.stringify(given)];
  const name = `holder-${options.address}`;
  const started =
    options.dist === undefined
      ? await startNode(script, { args, name })
      : startProgram(process.execPath, { args: [script, ...args], name, env: { NODE_OPTIONS: '' } });
  await started.message((one) => one['k'] === 'session', 'a session');
  return new LockHolder(started, options.address);
}

/**
 * What must not be, in words: two who were seen to hold one lock at one time, or a token that was held after a higher
 * one. Only what is certain: one was seen to hold it after the other had been seen.
 */
export function overlaps(holders: readonly LockHolder[]): string[] {
  const seen = holders.flatMap(({ address, process }) =>
    process.messages
      .filter(({ k }) => k === 'held')
      .map(({ token, first, last }) => ({ address, token: BigInt(String(token)), first: Number(first), last: Number(last) })),
  );
  return seen.flatMap((later) =>
    seen
      .filter((earlier) => earlier.token < later.token && earlier.last > later.first)
      .map((earlier) => {
        const ms = (earlier.last - later.first) / 1_000;
        return `${earlier.address} with ${earlier.token} was seen ${ms.toFixed(1)} ms after ${later.address} with ${later.token}`;
      }),
  );
}
