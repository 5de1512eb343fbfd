import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from '../../../scripts/support/guard.mjs';
import type { ZookeeperModuleOptions } from '../../../src/index.js';
import { eventually, WITHIN_MS } from '../eventually.js';
import { startNode, startProgram, type Message, type TestProcess } from '../process.js';

/** From `atMs` of the machine's clock on, the wall clock is off by `skewMs`. */
export interface ClockJump {
  readonly atMs: number;
  readonly skewMs: number;
}

/** A job of the service, and what its method does. */
export interface JobSpec {
  readonly name: string;
  readonly cronTime: string;
  readonly timeZone?: string;
  /** Of `@MasterOnly`. */
  readonly options?: Readonly<Record<string, unknown>>;
  /** `disabled: true` of `@Cron`. */
  readonly disabled?: boolean;
  /**
   * `work` (the default) takes `ms`; `hang` does not end until it is aborted; `kill` ends its process; `fail` throws
   * while the replica is told to.
   */
  readonly body?: 'work' | 'hang' | 'kill' | 'fail';
  readonly ms?: number;
  /** Work that looks neither at its signal nor at its mastership. */
  readonly heedless?: boolean;
  /** For how long a run that hangs goes on after its abort. Default 0. */
  readonly deafMs?: number;
}

/** What one process is started with. */
export interface JobReplicaOptions {
  readonly connectString: string;
  readonly jobs: readonly JobSpec[];
  readonly version?: string;
  /** What else `ZookeeperModule.forRoot` is given. */
  readonly module?: Partial<ZookeeperModuleOptions>;
  /** Its wall clock, oldest first. Default: the machine's. */
  readonly clock?: readonly ClockJump[];
  /** The ensemble's stamps go by this wall clock too. */
  readonly ensembleFollows?: boolean;
  /**
   * The built library to run. Default: `REPLICA_DIST`, and without it what is built from src, brought up to date first.
   */
  readonly dist?: string | undefined;
  readonly name?: string;
}

/** Microseconds of CLOCK_MONOTONIC, as in the replicas' lines. */
export function nowUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

let counted = 0;

/** A replica in a process of its own. */
export class JobReplica {
  private commands = 0;

  constructor(
    readonly process: TestProcess,
    readonly version: string,
    readonly address: string,
    /** The file in which it writes what its jobs do. */
    readonly log: string,
  ) {}

  get name(): string {
    return this.process.name;
  }

  get lives(): boolean {
    return this.process.exit === undefined;
  }

  /** The state of its election that it told last. */
  get state(): string | undefined {
    return this.process.messages.findLast((one) => one['k'] === 'state')?.['s'] as string | undefined;
  }

  /**
   * What the library has logged there about events of this name, in order. Errors go to stderr,
   * where there are no messages.
   */
  logged(event: string): Message[] {
    const lines = this.process.output.split('\n').filter((line) => line.startsWith('{') && line.includes(`"event":"${event}"`));
    return lines.map((line) => JSON.parse(line) as Message).filter(({ message }) => (message as { event?: string }).event === event);
  }

  /** Gives a command and answers its result. */
  async ask(cmd: string, given: Readonly<Record<string, unknown>> = {}, withinMs?: number): Promise<unknown> {
    this.commands += 1;
    const id = this.commands;
    const since = this.process.messages.length;
    this.process.send({ cmd, id, ...given });
    const options = withinMs === undefined ? { since } : { since, withinMs };
    const answer = await this.process.message((one) => one['k'] === 'done' && one['id'] === id, `the end of "${cmd}"`, options);
    const { error, result, code } = answer as { error?: string; result?: unknown; code?: string };
    if (error !== undefined) throw Object.assign(new Error(`${cmd}: ${error}`), { code });
    return result;
  }

  /** Calls a method of `ClusterJobs` there; instants come back as ISO texts, big integers as texts. */
  jobs(method: string, ...args: readonly unknown[]): Promise<unknown> {
    return this.ask('jobs', { method, args });
  }

  /** Waits until it can ask the cluster. */
  async connected(): Promise<void> {
    await eventually(() => this.jobs('list'), { what: `${this.name} to have a session`, everyMs: 50 });
  }

  /** Stalls its event loop; answers when that began and ended, by the machine's clock. */
  async stall(ms: number): Promise<{ readonly fromMs: number; readonly untilMs: number }> {
    return (await this.ask('stall', { ms })) as { fromMs: number; untilMs: number };
  }
}

/** Replicas of one service, and all that any of them, the ended ones too, has done. */
export class JobFleet implements AsyncDisposable {
  readonly replicas: JobReplica[] = [];
  private readonly directory = temporaryDirectory('jobs');
  private readonly clock: ClockJump[];

  constructor(readonly options: JobReplicaOptions) {
    this.clock = [...(options.clock ?? [])];
  }

  /** Starts one more, and waits until its application is up. */
  async add(options: Partial<JobReplicaOptions> = {}): Promise<JobReplica> {
    counted += 1;
    const { clock = this.clock, version = this.version } = options;
    const given = { name: `replica-${counted}`, ...this.options, ...options, version, clock };
    const address = given.module?.address ?? `127.0.0.1:${20_000 + counted}`;
    const log = join(this.directory.path, `${given.name}-${counted}.jsonl`);
    const replica = new JobReplica(await startProcess(given, address, log), given.version, address, log);
    this.replicas.push(replica);
    await replica.process.message((one) => one['k'] === 'up', 'its application');
    return replica;
  }

  get version(): string {
    return this.options.version ?? 'v1';
  }

  /** Sets the wall clocks of all, and of those to come, to be off by `skewMs` from now on. */
  async setClock(skewMs: number): Promise<void> {
    // All of them at one instant, which none of them has passed when it hears of it.
    const jump = { atMs: Date.now() + 500, skewMs };
    this.clock.push(jump);
    await Promise.all(this.living().map((one) => one.ask('jump', { jump })));
  }

  living(): JobReplica[] {
    return this.replicas.filter((one) => one.lives);
  }

  /** Waits until at least one of these has told that it is master, and answers it. */
  master(among: () => readonly JobReplica[] = () => this.living(), withinMs = WITHIN_MS): Promise<JobReplica> {
    const look = (): JobReplica => {
      const master = among().find((one) => one.lives && one.state === 'master');
      if (master === undefined)
        throw new Error(
          `none of ${among()
            .map((one) => `${one.name}: ${one.state ?? 'silent'}`)
            .join(', ')}`,
        );
      return master;
    };
    return eventually(look, { what: 'a master', withinMs });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.replicas.map((replica) => replica.process.kill()));
    this.directory.remove();
  }
}

async function startProcess(options: JobReplicaOptions & { readonly name: string }, address: string, log: string): Promise<TestProcess> {
  const { connectString, jobs, version, module, clock, ensembleFollows, dist = process.env['REPLICA_DIST'], name } = options;
  const given = {
    jobs,
    log,
    ensembleFollows,
    module: { connectString, service: 'bank', version, address, sessionTimeoutMs: 3_000, drainTimeoutMs: 5_000, ...module },
  };
  const script = fileURLToPath(new URL('job-replica.mjs', import.meta.url));
  const args = [JSON.stringify(given)];
  const env = { CLOCK_JUMPS: JSON.stringify(clock ?? []), TZ: 'UTC' };
  if (dist === undefined) return startNode(script, { args, name, env });
  return startProgram(process.execPath, { args: [script, ...args], name, env: { ...env, NODE_OPTIONS: '', REPLICA_DIST: dist } });
}

/** Starts `size` replicas that differ in their addresses only. */
export async function startJobFleet(size: number, options: JobReplicaOptions): Promise<JobFleet> {
  const fleet = new JobFleet(options);
  try {
    await Promise.all(Array.from({ length: size }, () => fleet.add()));
    await fleet.master();
    return fleet;
  } catch (error) {
    await fleet[Symbol.asyncDispose]();
    throw error;
  }
}
