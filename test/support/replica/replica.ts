import { fileURLToPath } from 'node:url';
import { eventually, WITHIN_MS } from '../eventually.js';
import { endGuards } from './guards.js';
import { startNode, startProgram, type Message, type TestProcess } from '../process.js';

/** What one replica process is started with. */
export interface ReplicaOptions {
  readonly connectString: string;
  /** Default 2000. */
  readonly sessionTimeoutMs?: number;
  /** `host:port` in the node. Default: one that is the replica's alone. */
  readonly address?: string;
  readonly rootPath?: string;
  readonly service?: string;
  readonly version?: string;
  readonly scope?: 'version' | 'service';
  readonly candidate?: boolean;
  readonly auth?: { readonly scheme: 'digest'; readonly credentials: readonly string[] };
  /** Default false. */
  readonly crashGuard?: boolean;
  /** Names of the elections it takes part in; null is the service's own. Default: that one alone. */
  readonly elections?: readonly (string | null)[];
  /**
   * A run is always in progress on the master. `finish`: it ends `ms` after it was asked to. `stuck`: it is given up
   * after `ms` and goes on until the process ends.
   */
  readonly drain?: { readonly kind: 'finish' | 'stuck'; readonly ms: number };
  /**
   * The built library to run. Default: `REPLICA_DIST`, and without it what is built from src, brought up to date first.
   */
  readonly dist?: string | undefined;
  readonly name?: string;
  /** Flags of Node. */
  readonly nodeArgs?: readonly string[];
}

/** Phases of the event loop in which a stall can begin. */
export type Phase = 'timer' | 'immediate' | 'io' | 'zookeeper';

/** Microseconds of CLOCK_MONOTONIC, as in the replicas' messages. */
export function nowUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

let counted = 0;

/** A replica in a process of its own, and what it has said so far. */
export class Replica {
  private commands = 0;

  constructor(
    readonly process: TestProcess,
    readonly address: string,
  ) {}

  get messages(): readonly Message[] {
    return this.process.messages;
  }

  /** When it last answered `isMaster() === true`, as far as it was heard; 0: never. */
  lastTrueUs(election = 0): number {
    const last = this.messages.findLast((one) => one['k'] === 'master' && one['e'] === election);
    return last === undefined ? 0 : (last['last'] as number);
  }

  /** Whether it was master when it was last heard. */
  isMaster(election = 0): boolean {
    const last = this.messages.findLast(
      (one) => one['e'] === election && (one['k'] === 'master' || (one['k'] === 'end' && one['of'] === 'master')),
    );
    return last?.['k'] === 'master';
  }

  /** The fencing token under which it was last master. */
  token(election = 0): bigint {
    const last = this.messages.findLast((one) => one['k'] === 'master' && one['e'] === election);
    if (last === undefined) throw new Error(`${this.process.name} has not been master.`);
    return BigInt(last['token'] as string);
  }

  /** The last state it reported. */
  state(election = 0): string | undefined {
    return this.messages.findLast((one) => one['k'] === 'state' && one['e'] === election)?.['s'] as string | undefined;
  }

  /** The observations of one kind, in order. */
  observed(event: string): Message[] {
    return this.messages.filter((one) => one['k'] === 'observed' && one['event'] === event);
  }

  /** Resolves when it is in this state, and has said so after `since` (an index in `messages`). */
  async reaches(
    state: string,
    options: { readonly since?: number; readonly election?: number; readonly withinMs?: number } = {},
  ): Promise<void> {
    const { election = 0, ...rest } = options;
    await this.process.message((one) => one['k'] === 'state' && one['e'] === election && one['s'] === state, `state "${state}"`, rest);
  }

  /**
   * Waits until it stands by, or is master again under another token: on a slow machine its successor may have lost
   * the mastership meanwhile.
   */
  async takesPartAgain(was: bigint, since: number): Promise<void> {
    const isNew = (one: Message): boolean => one['s'] === 'master' && BigInt(one['token'] as string) !== was;
    const takesPart = (one: Message): boolean => one['k'] === 'state' && one['e'] === 0 && (one['s'] === 'standby' || isNew(one));
    await this.process.message(takesPart, 'to take part again', { since });
  }

  /** Gives a command and answers its result. */
  async ask(cmd: string, given: Readonly<Record<string, unknown>> = {}, withinMs?: number): Promise<unknown> {
    this.commands += 1;
    const id = this.commands;
    const since = this.messages.length;
    this.process.send({ cmd, id, ...given });
    const options = withinMs === undefined ? { since } : { since, withinMs };
    const answer = await this.process.message((one) => one['k'] === 'done' && one['id'] === id, `the end of "${cmd}"`, options);
    const { error, result } = answer as { error?: string; result?: unknown };
    if (error !== undefined) throw new Error(`${cmd}: ${error}`);
    return result;
  }

  async block(ms: number, phase: Phase): Promise<void> {
    await this.ask('block', { ms, phase });
  }

  /** Stops it in an orderly way; it ends, unless the answer is `stuck`. */
  async stop(limitMs = 10_000): Promise<unknown> {
    return this.ask('stop', { limitMs });
  }
}

/** Starts one replica. */
export async function startReplica(options: ReplicaOptions): Promise<Replica> {
  counted += 1;
  const { dist = process.env['REPLICA_DIST'], name = `replica-${counted}`, address = `127.0.0.1:${20_000 + counted}`, ...others } = options;
  const { nodeArgs = [], ...rest } = others;
  const given = {
    sessionTimeoutMs: 2_000,
    rootPath: '/soa',
    service: 'bank',
    version: 'v1',
    scope: 'version',
    candidate: true,
    ...rest,
    address,
  };
  const script = fileURLToPath(new URL('replica.mjs', import.meta.url));
  const args = [JSON.stringify(given)];
  const started =
    dist === undefined
      ? await startNode(script, { args, name, nodeArgs })
      : startProgram(process.execPath, { args: [...nodeArgs, script, ...args], name, env: { NODE_OPTIONS: '', REPLICA_DIST: dist } });
  await started.message((one) => one['k'] === 'up', 'its first line');
  return new Replica(started, address);
}

export interface MasterWanted {
  /** Answers only a master that was heard to be one after this moment (`nowUs()`). Default: now. */
  readonly sinceUs?: number;
  readonly not?: Replica | readonly Replica[];
  readonly election?: number;
  readonly withinMs?: number;
}

/** Replicas that compete, and all that any of them, the ended ones too, has said. */
export class Fleet implements AsyncDisposable {
  readonly replicas: Replica[] = [];

  constructor(readonly options: ReplicaOptions) {}

  /** Starts one more. */
  async add(options: Partial<ReplicaOptions> = {}): Promise<Replica> {
    const replica = await startReplica({ ...this.options, ...options });
    this.replicas.push(replica);
    return replica;
  }

  /**
   * The one master there is. Waits until exactly one says so, having been heard since then; a replica that cannot speak
   * (paused) must be named in `not`.
   */
  async master(wanted: MasterWanted = {}): Promise<Replica> {
    const { sinceUs = nowUs(), not = [], election = 0, withinMs = WITHIN_MS } = wanted;
    const excluded = new Set<Replica>(Array.isArray(not) ? not : [not as Replica]);
    const candidates = this.replicas.filter((one) => !excluded.has(one));
    return eventually(
      () => {
        const masters = candidates.filter(
          (one) => one.process.exit === undefined && one.isMaster(election) && one.lastTrueUs(election) > sinceUs,
        );
        const [master] = masters;
        if (master !== undefined && masters.length === 1) return master;
        const states = candidates.map(
          (one) => `${one.process.name}: ${one.process.exit === undefined ? (one.state(election) ?? 'silent') : 'ended'}`,
        );
        throw new Error(`${masters.length} masters (${states.join(', ')})`);
      },
      { what: 'exactly one master', withinMs },
    );
  }

  /** Those that live and are not this one. */
  others(replica: Replica): Replica[] {
    return this.replicas.filter((one) => one !== replica && one.process.exit === undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.replicas.map((replica) => replica.process.kill()));
    for (const replica of this.replicas) endGuards(replica);
  }
}

/** Starts `size` replicas that differ in their addresses only, and waits for their master. */
export async function startFleet(size: number, options: ReplicaOptions): Promise<Fleet> {
  const fleet = new Fleet(options);
  try {
    await Promise.all(Array.from({ length: size }, () => fleet.add()));
    await fleet.master();
    return fleet;
  } catch (error) {
    await fleet[Symbol.asyncDispose]();
    throw error;
  }
}
