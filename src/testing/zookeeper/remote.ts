import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../zookeeper/support/errors.js';
import {
  TestZookeeperError,
  type CutOptions,
  type RestartOptions,
  type TestZookeeper,
  type TestZookeeperOptions,
  type TestZookeeperSession,
} from './test-zookeeper.js';

/** What can be asked of a server in another process. */
export type Order = Exclude<keyof TestZookeeper, 'host' | 'port' | 'connectString' | symbol>;

/** From this process to the child. The first one starts the server. */
export type ToChild =
  | { readonly kind: 'start'; readonly options: TestZookeeperOptions }
  | { readonly kind: 'order'; readonly id: number; readonly order: Order; readonly args: readonly unknown[] };

/** From the child. */
export type FromChild =
  | { readonly kind: 'started'; readonly host: string; readonly port: number; readonly connectString: string }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'done'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'refused'; readonly id: number; readonly message: string }
  | { readonly kind: 'log'; readonly line: string };

interface Pending {
  readonly resolve: (value: never) => void;
  readonly reject: (thrown: Error) => void;
}

/** The test ZooKeeper in a process of its own, which ends when this one does. */
export class RemoteZookeeper implements TestZookeeper {
  host = '';
  port = 0;
  connectString = '';
  private readonly pending = new Map<number, Pending>();
  private lastId = 0;
  private readonly gone: Promise<unknown>;

  private constructor(
    private readonly child: ChildProcess,
    private readonly log: (line: string) => void,
  ) {
    this.gone = once(child, 'exit');
    child.once('exit', (code, signal) => {
      const why = new TestZookeeperError(`Its process has ended (${signal ?? `code ${code}`}).`);
      for (const { reject } of this.pending.values()) reject(why);
      this.pending.clear();
    });
  }

  static async start({ log, ...options }: TestZookeeperOptions): Promise<RemoteZookeeper> {
    const program = join(__dirname, 'child.js');
    if (!existsSync(program)) throw new TestZookeeperError(`${program} is missing: a child process needs the compiled package.`);
    const child = fork(program, { serialization: 'advanced', stdio: ['ignore', 'inherit', 'inherit', 'ipc'], execArgv: [] });
    const remote = new RemoteZookeeper(child, log ?? ((): void => undefined));
    await remote.begin(options);
    return remote;
  }

  sessions(): Promise<readonly TestZookeeperSession[]> {
    return this.ask('sessions');
  }

  ownerOf(path: string): Promise<bigint | undefined> {
    return this.ask('ownerOf', path);
  }

  paths(): Promise<readonly string[]> {
    return this.ask('paths');
  }

  async read(path: string): Promise<Buffer | undefined> {
    const data = await this.ask<Uint8Array | undefined>('read', path);
    return data === undefined ? undefined : Buffer.from(data);
  }

  expire(session: bigint): Promise<void> {
    return this.ask('expire', session);
  }

  disconnect(session?: bigint): Promise<void> {
    return this.ask('disconnect', session);
  }

  cut(options?: CutOptions): Promise<void> {
    return this.ask('cut', options);
  }

  heal(): Promise<void> {
    return this.ask('heal');
  }

  pause(): Promise<void> {
    return this.ask('pause');
  }

  resume(): Promise<void> {
    return this.ask('resume');
  }

  latency(ms: number): Promise<void> {
    return this.ask('latency', ms);
  }

  advance(ms: number): Promise<void> {
    return this.ask('advance', ms);
  }

  backup(): Promise<void> {
    return this.ask('backup');
  }

  restart(options: RestartOptions): Promise<void> {
    return this.ask('restart', options);
  }

  stop(): Promise<void> {
    return this.ask('stop');
  }

  start(): Promise<void> {
    return this.ask('start');
  }

  async close(): Promise<void> {
    if (this.child.connected) await this.ask('close').catch(() => undefined);
    if (this.child.connected) this.child.disconnect();
    await this.gone;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private async begin(options: TestZookeeperOptions): Promise<void> {
    const started = new Promise<void>((resolve, reject) => {
      this.child.once('error', reject);
      this.child.once('exit', () => reject(new TestZookeeperError('Its process ended before it served.')));
      this.child.on('message', (message: FromChild) => this.hear(message, resolve, reject));
    });
    this.tell({ kind: 'start', options });
    try {
      await started;
    } catch (thrown) {
      if (this.child.connected) this.child.disconnect();
      throw thrown;
    }
  }

  private hear(message: FromChild, started: () => void, failed: (why: Error) => void): void {
    switch (message.kind) {
      case 'started':
        Object.assign(this, { host: message.host, port: message.port, connectString: message.connectString });
        return started();
      case 'failed':
        return failed(new TestZookeeperError(message.message));
      case 'log':
        return this.log(message.line);
      case 'done':
        return this.settle(message.id, ({ resolve }) => resolve(message.value as never));
      case 'refused':
        return this.settle(message.id, ({ reject }) => reject(new TestZookeeperError(message.message)));
    }
  }

  private settle(id: number, how: (pending: Pending) => void): void {
    const pending = this.pending.get(id);
    this.pending.delete(id);
    if (pending !== undefined) how(pending);
  }

  private ask<T>(order: Order, ...args: readonly unknown[]): Promise<T> {
    const id = (this.lastId += 1);
    return new Promise<T>((resolve, reject) => {
      if (!this.child.connected) return reject(new TestZookeeperError('Its process has ended. Start another one.'));
      this.pending.set(id, { resolve, reject });
      this.tell({ kind: 'order', id, order, args });
    });
  }

  private tell(message: ToChild): void {
    this.child.send(message, (error) => {
      if (error !== null) this.log(`The process of the test ZooKeeper cannot be told anything: ${messageOf(error)}`);
    });
  }
}
