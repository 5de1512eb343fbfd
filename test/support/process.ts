import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Writable } from 'node:stream';
import { ensureBuilt } from '../../scripts/build.mjs';
import { spawnGuarded } from '../../scripts/support/guard.mjs';
import { addWitness, dismissWitness } from './evidence.js';
import { eventually, WITHIN_MS } from './eventually.js';

/** A line of JSON that a process wrote to its stdout. */
export type Message = Readonly<Record<string, unknown>>;

export interface ProcessOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** In logs. Default: the program's name. */
  readonly name?: string;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The project's root directory. */
export const ROOT = join(import.meta.dirname, '..', '..');

/**
 * A real process. Lines of JSON objects on its stdout are its messages; `send` writes such lines to its stdin. It leads
 * its own process group and ends when this process ends, even by SIGKILL. A failed test keeps its output.
 */
export class TestProcess {
  readonly messages: Message[] = [];
  /** Resolves when it has ended and all its output was read. */
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  #output = '';
  #exit: Exit | undefined;

  constructor(
    readonly name: string,
    child: ChildProcess,
  ) {
    this.#child = child;
    const witness = { name: `${name}-${child.pid ?? 'unstarted'}`, logText: () => this.#output };
    addWitness(witness);
    for (const stream of [child.stdout, child.stderr]) {
      if (stream) createInterface({ input: stream }).on('line', (line) => this.#read(line, stream === child.stdout));
    }
    child.stdin?.on('error', () => {});
    this.exited = new Promise((resolve) => {
      const ended = (exit: Exit): void => {
        this.#exit = exit;
        dismissWitness(witness);
        resolve(exit);
      };
      child.once('close', (code, signal) => ended({ code, signal }));
      child.once('error', (error) => {
        this.#output += `${error.message}\n`;
        ended({ code: null, signal: null });
      });
    });
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error(`${this.name} did not start: ${this.#output}`);
    return this.#child.pid;
  }

  /** How it ended; undefined while it runs. */
  get exit(): Exit | undefined {
    return this.#exit;
  }

  /** All it wrote, both streams. */
  get output(): string {
    return this.#output;
  }

  /** Answers the first message that `matches`, counted from `since` (an index in `messages`), present or to come. */
  async message(
    matches: (message: Message) => boolean,
    what: string,
    options: { since?: number; withinMs?: number } = {},
  ): Promise<Message> {
    const { since = 0, withinMs = WITHIN_MS } = options;
    const search = (): Message | undefined => this.messages.slice(since).find(matches);
    await eventually(
      () => {
        if (search() === undefined && this.#exit === undefined)
          throw new Error(`no such message yet. Its output ends:\n${this.#output.slice(-2000)}`);
      },
      { what: `${what} from ${this.name}`, withinMs, everyMs: 5 },
    );
    const found = search();
    if (found !== undefined) return found;
    throw new Error(`${this.name} ended (${JSON.stringify(this.#exit)}) without ${what}. Its output ends:\n${this.#output.slice(-2000)}`);
  }

  send(message: unknown): void {
    (this.#child.stdin as Writable).write(`${JSON.stringify(message)}\n`);
  }

  /** Writes to its stdin, as it is. */
  write(text: string): void {
    (this.#child.stdin as Writable).write(text);
  }

  /** Sends a signal; false when it is gone. */
  signal(signal: NodeJS.Signals): boolean {
    return this.#exit === undefined && this.#child.kill(signal);
  }

  /** Sends a signal that ends it, and waits for the end. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Exit> {
    this.signal(signal);
    return this.exited;
  }

  pause(): void {
    this.signal('SIGSTOP');
  }

  resume(): void {
    this.signal('SIGCONT');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  #read(line: string, mayBeMessage: boolean): void {
    this.#output += `${line}\n`;
    if (!mayBeMessage || !line.startsWith('{')) return;
    try {
      this.messages.push(JSON.parse(line) as Message);
    } catch {
      // Output that only looks like a message stays in `output`.
    }
  }
}

/** Starts any program. */
export function startProgram(command: string, options: ProcessOptions = {}): TestProcess {
  const child = spawnGuarded(command, options.args ?? [], {
    cwd: options.cwd ?? ROOT,
    env: { ...process.env, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  return new TestProcess(options.name ?? command, child);
}

/**
 * Starts `node <script>`. The script is plain JavaScript; `require('nestjs-cluster-cron')` in it gives what was built
 * from src, which is brought up to date first.
 */
export async function startNode(
  script: string,
  options: ProcessOptions & { readonly nodeArgs?: readonly string[] } = {},
): Promise<TestProcess> {
  await ensureBuilt();
  const args = [...(options.nodeArgs ?? []), script, ...(options.args ?? [])];
  // Vitest's own environment is not the script's business.
  const env = { NODE_OPTIONS: '', NODE_ENV: undefined, VITEST: undefined, ...options.env };
  return startProgram(process.execPath, { ...options, name: options.name ?? script, args, env });
}
