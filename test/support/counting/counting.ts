import { fileURLToPath } from 'node:url';
import { startCurator, startKazoo, type Library } from '../neighbours/neighbours.js';
import { startNode, type TestProcess } from '../process.js';

/** Nobody waits for the end of the session of one that is killed. */
const SESSION_TIMEOUT_MS = 30_000;

/** A process that counts, by this library or another one. */
export class CountingProcess implements AsyncDisposable {
  constructor(readonly process: TestProcess) {}

  /** Gives a command that answers a number. */
  async ask(command: string): Promise<bigint> {
    const since = this.process.messages.length;
    this.process.send(command);
    const { value } = await this.process.message(({ event }) => event === 'value', `the answer to "${command}"`, { since });
    return BigInt(String(value));
  }

  /** Counts so often, one after the other. */
  async turns(count: number): Promise<void> {
    this.begin(count);
    await this.process.message(({ event }) => event === 'done', `the end of ${count} turns`);
  }

  begin(count: number): void {
    this.process.send(`turns ${count}`);
  }

  /** Resolves when it has counted so often. */
  async hasCounted(count: number): Promise<void> {
    await this.process.message(() => this.counted.length >= count, `${count} counts`);
  }

  /** What it was answered. */
  get counted(): readonly bigint[] {
    return this.process.messages.filter(({ event }) => event === 'counted').map(({ value }) => BigInt(String(value)));
  }

  /** How often nobody could tell it whether it had counted. */
  get uncertain(): number {
    return this.process.messages.filter(({ event }) => event === 'uncertain').length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
  }
}

export interface CountingOptions {
  readonly connectString: string;
  readonly by: Library | 'this library';
  /** `ids:10`: ids in blocks of 10, by this library. */
  readonly format: string;
  readonly path: string;
}

/** Starts one, and waits until it is connected. `await using` it. */
export async function startCounting({ connectString, by, format, path }: CountingOptions): Promise<CountingProcess> {
  const args = [connectString, String(SESSION_TIMEOUT_MS), format, path];
  const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
  const start = {
    'this library': () => startNode(file('counting.mjs'), { args, name: 'counting' }),
    Curator: () => startCurator(file('../neighbours/CuratorCounter.java'), args),
    kazoo: async () => startKazoo(file('../neighbours/kazoo-counter.py'), args),
  }[by];
  const started = await start();
  await started.message(({ event }) => event === 'connected', 'a connection');
  return new CountingProcess(started);
}
