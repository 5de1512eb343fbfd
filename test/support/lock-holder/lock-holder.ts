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
export interface Asked {
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

  /** Takes one of these and releases it, again and again, until `stop`. */
  loop(name: LockName, asked: readonly Asked[]): void {
    this.commands += 1;
    this.process.send({ cmd: 'loop', id: this.commands, name, asked });
  }

  /** Ends the loop when its turn is over. */
  async stop(): Promise<void> {
    await this.ask('stop');
  }

  /** How long each turn of the loop was waited for, milliseconds. */
  get waitsMs(): readonly number[] {
    return this.process.messages.filter(({ k }) => k === 'turn').map(({ waitedMs }) => Number(waitedMs));
  }

  get turnsMade(): number {
    return this.waitsMs.length;
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

/** Since when at the latest, and until when at least, a process has held a lock; microseconds. */
interface Holding {
  readonly address: string;
  readonly token: bigint;
  readonly shares: boolean;
  readonly first: number;
  readonly last: number;
}

function holdingsOf(holders: readonly LockHolder[]): readonly Holding[] {
  return holders.flatMap(({ address, process }) =>
    process.messages
      .filter(({ k }) => k === 'held')
      .map(({ token, shares, first, last }) => ({
        ...{ address, token: BigInt(String(token)), shares: shares === true },
        ...{ first: Number(first), last: Number(last) },
      })),
  );
}

/**
 * What must not be, in words: two who were seen to hold one lock at one time and do not share it, or a token that was
 * held after a higher one. Only what is certain: one was seen to hold it after the other had been seen.
 */
export function overlaps(holders: readonly LockHolder[]): string[] {
  const byToken = holdingsOf(holders).toSorted((a, b) => (a.token < b.token ? -1 : a.token > b.token ? 1 : 0));
  const found: string[] = [];
  // Of those with smaller tokens, the one that was seen last; and the same of those who do not share.
  let anybody: Holding | undefined;
  let alone: Holding | undefined;
  for (let from = 0; from < byToken.length;) {
    const { token } = byToken[from] ?? { token: 0n };
    let end = from;
    while (byToken[end]?.token === token) end += 1;
    const same = byToken.slice(from, end);
    for (const later of same) {
      const earlier = later.shares ? alone : anybody;
      if (earlier === undefined || earlier.last <= later.first) continue;
      const ms = (earlier.last - later.first) / 1_000;
      found.push(`${earlier.address} with ${earlier.token} was seen ${ms.toFixed(1)} ms after ${later.address} with ${later.token}`);
    }
    for (const one of same) {
      if (one.last > (anybody?.last ?? 0)) anybody = one;
      if (!one.shares && one.last > (alone?.last ?? 0)) alone = one;
    }
    from += same.length;
  }
  return found;
}

/** Moments at which more were seen to hold a permit than there are, in words. */
export function crowds(holders: readonly LockHolder[], permits: number): string[] {
  // Who was seen once only was so at some moment in between: that is not certain of any.
  const certain = holdingsOf(holders).filter(({ first, last }) => last >= first);
  const events = certain.flatMap((holding) => [
    { atUs: holding.first, holding, begins: true },
    // What ends at a moment is held at it.
    { atUs: holding.last, holding, begins: false },
  ]);
  const inOrder = events.toSorted((a, b) => a.atUs - b.atUs || Number(b.begins) - Number(a.begins));
  const inside = new Set<Holding>();
  const found: string[] = [];
  for (const { holding, begins } of inOrder) {
    if (begins) inside.add(holding);
    else inside.delete(holding);
    if (begins && inside.size > permits)
      found.push(`${[...inside].map(({ address, token }) => `${address} with ${token}`).join(', ')} at once`);
  }
  return found;
}
