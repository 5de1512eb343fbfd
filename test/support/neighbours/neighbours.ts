import { join } from 'node:path';
import { CURATOR_JARS, provisionZooKeeper } from '../../../scripts/zookeeper/install.mjs';
import { startProgram, type Message, type TestProcess } from '../process.js';

/** Starts one Java file that uses Curator; Java compiles it by itself. */
export async function startCurator(file: string, args: readonly string[]): Promise<TestProcess> {
  const installation = await provisionZooKeeper();
  if (installation.kind !== 'java') throw new Error('Curator needs a local ZooKeeper: its jars are on the same class path.');
  const classPath = [...CURATOR_JARS, ...installation.classPath].join(':');
  const flags = ['-Xmx192m', '-XX:TieredStopAtLevel=1', '-Dorg.slf4j.simpleLogger.defaultLogLevel=error', '-cp', classPath];
  return startProgram(installation.java, { name: 'curator', args: [...flags, file, ...args] });
}

/** Starts a script that uses kazoo. */
export function startKazoo(file: string, args: readonly string[]): TestProcess {
  return startProgram('/usr/bin/python3', { name: 'kazoo', args: [file, ...args] });
}

export type Library = 'Curator' | 'kazoo';

export interface NeighbourOptions {
  readonly connectString: string;
  /** What it takes; `semaphore` with Curator alone. */
  readonly takes: 'mutex' | 'read' | 'write' | 'semaphore';
  readonly path: string;
  readonly permits?: number;
}

/** So short that a test need not wait long for the end of a killed one's session. */
const SESSION_TIMEOUT_MS = 2_000;

/** A process that takes what ours take, by another library. */
export class Neighbour implements AsyncDisposable {
  constructor(readonly process: TestProcess) {}

  /** Gives a command, and answers the first message of one of these kinds. */
  async ask(command: string, ...events: readonly string[]): Promise<Message> {
    const since = this.process.messages.length;
    this.process.send(command);
    return this.process.message(({ event }) => events.includes(String(event)), `the answer to "${command}"`, { since });
  }

  async acquire(): Promise<void> {
    await this.ask('acquire', 'held');
  }

  /** Whether it got it within so long; without, at once. */
  async tries(waitMs = 0): Promise<boolean> {
    return (await this.ask(`try ${waitMs}`, 'held', 'busy'))['event'] === 'held';
  }

  async release(): Promise<void> {
    await this.ask('release', 'released');
  }

  async turns(count: number): Promise<void> {
    await this.ask(`turns ${count}`, 'done');
  }

  /** When it held it, one entry for each turn that is over. */
  get held(): readonly Interval[] {
    return this.process.messages
      .filter(({ event }) => event === 'turn')
      .map(({ first, last }) => ({ first: Number(first), last: Number(last) }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
  }
}

/** Microseconds of CLOCK_MONOTONIC: since when at the latest, and until when at least, something was held. */
export interface Interval {
  readonly first: number;
  readonly last: number;
}

/** Starts a neighbour, and waits until it is connected. `await using` it. */
export async function startNeighbour(library: Library, { connectString, takes, path, permits }: NeighbourOptions): Promise<Neighbour> {
  const args = [connectString, String(SESSION_TIMEOUT_MS), takes, path, ...(permits === undefined ? [] : [String(permits)])];
  const file = (name: string): string => join(import.meta.dirname, name);
  const started =
    library === 'kazoo' ? startKazoo(file('kazoo-neighbour.py'), args) : await startCurator(file('CuratorNeighbour.java'), args);
  await started.message(({ event }) => event === 'connected', 'a connection');
  return new Neighbour(started);
}

/** At how many moments, at the most, more were held at once than `permits`; [] when never. */
export function crowded(intervals: readonly Interval[], permits = 1): readonly Interval[] {
  return intervals.filter(({ first }) => intervals.filter((one) => one.first <= first && one.last >= first).length > permits);
}
