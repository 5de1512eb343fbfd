import type { HeldTenure } from '../../mastership/election/held-tenure.js';
import { MastershipLostError } from '../../mastership/election/errors.js';
import { sleep } from '../../support/abort.js';
import { backoffMs } from '../../support/backoff.js';
import type { Clock } from '../../support/clock.js';
import { messageOf } from '../../support/errors.js';
import { NotConnectedError } from '../../session/connected.js';
import { isConnectionLost, isZooKeeperError } from '../../wire/errors.js';
import { BadCheckpointError } from './errors.js';
import type { NoteStore } from './note-store.js';
import type { RunSignal } from '../../support/run-signal.js';

/** The longest checkpoint, as JSON in UTF-8. ZooKeeper takes 1 MiB for a node. */
export const MAX_CHECKPOINT_BYTES = 512 * 1_024;

/**
 * How often a refused write is tried again while this replica is still master: its nodes may have been edited by hand.
 */
const MAX_REFUSALS = 5;

/** One value of a job that outlives its runs and replicas. */
export interface Checkpoint {
  /** The value that was last set, by whichever replica; undefined when none ever was. */
  get<T = unknown>(): Promise<T | undefined>;
  /**
   * Keeps `value` (JSON). Resolves when ZooKeeper has it; sets of one run happen in the order of the calls. While the
   * connection is lost it waits, as long as the run's signal does not abort.
   * @throws {BadCheckpointError} for what is not JSON, or longer than 512 KiB; before anything is sent.
   * @throws {MastershipLostError} when this replica is not master any more: ZooKeeper itself refuses it.
   */
  set(value: unknown): Promise<void>;
}

/** In this process only: where there is no ZooKeeper. */
export class MemoryCheckpoint implements Checkpoint {
  private encoded: Buffer | undefined;

  constructor(initial?: unknown) {
    if (initial !== undefined) this.encoded = encodeCheckpoint('in memory', initial);
  }

  async get<T>(): Promise<T | undefined> {
    return this.encoded && (JSON.parse(this.encoded.toString('utf8')) as T);
  }

  async set(value: unknown): Promise<void> {
    this.encoded = encodeCheckpoint('in memory', value);
  }
}

/** What a checkpoint in ZooKeeper needs. */
export interface StoredCheckpointParts {
  readonly store: NoteStore;
  readonly job: string;
  readonly election: string;
  readonly tenure: HeldTenure;
  readonly signal: RunSignal;
  readonly clock: Clock;
  /** Whether the record may be made where there is none. */
  readonly mayCreate: () => boolean;
}

/** The checkpoint of a job, as one run writes it: fenced by the tenure of that run. */
export class StoredCheckpoint implements Checkpoint {
  private last: Promise<void> = Promise.resolve();

  constructor(private readonly parts: StoredCheckpointParts) {}

  async get<T>(): Promise<T | undefined> {
    const { store, job } = this.parts;
    // A set of this run that is under way counts.
    await this.last.catch(() => undefined);
    return (await this.whileConnected(() => store.loadNote(job, 'checkpoint'))) as T | undefined;
  }

  async set(value: unknown): Promise<void> {
    const encoded = encodeCheckpoint(this.parts.job, value);
    const done = this.last.catch(() => undefined).then(() => this.write(encoded));
    this.last = done;
    await done;
  }

  private async write(encoded: Buffer): Promise<void> {
    const { store, job, election, tenure, mayCreate } = this.parts;
    for (let refusals = 0; ; refusals += 1) {
      if (!tenure.isValid()) throw new MastershipLostError(election, tenure.token, 'its lease is over, so the checkpoint was not set');
      try {
        return await this.whileConnected(() => store.saveNote(job, 'checkpoint', encoded, tenure.fence, mayCreate()));
      } catch (thrown) {
        if (!isZooKeeperError(thrown, 'no-node', 'bad-version', 'session-expired')) throw thrown;
        if (thrown.reason === 'no-node' && !mayCreate())
          throw new BadCheckpointError(job, 'the job was removed, or another replica is master now');
        await tenure.fence?.refused();
        if (!tenure.isValid() || refusals === MAX_REFUSALS)
          throw new MastershipLostError(election, tenure.token, `ZooKeeper refused the checkpoint (${messageOf(thrown)})`);
      }
    }
  }

  /**
   * The same write again is harmless: nobody else writes under this tenure, and this run writes one after the other.
   */
  private async whileConnected<T>(work: () => Promise<T>): Promise<T> {
    const { signal, clock } = this.parts;
    for (let failures = 0; ; failures += 1) {
      signal.signal.throwIfAborted();
      try {
        return await work();
      } catch (thrown) {
        if (!isConnectionLost(thrown) && !(thrown instanceof NotConnectedError)) throw thrown;
        await sleep(clock, backoffMs(failures, 50, 1_000), signal.signal);
      }
    }
  }
}

function encodeCheckpoint(job: string, value: unknown): Buffer {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (thrown) {
    throw new BadCheckpointError(job, `it cannot be written as JSON (${messageOf(thrown)}); keep plain objects, lists, text and numbers`);
  }
  if (text === undefined) throw new BadCheckpointError(job, `expected a JSON value, received ${typeof value}`);
  const encoded = Buffer.from(text);
  if (encoded.length > MAX_CHECKPOINT_BYTES) {
    throw new BadCheckpointError(
      job,
      `it takes ${encoded.length} bytes, at most ${MAX_CHECKPOINT_BYTES} are allowed; keep the position, and the data elsewhere`,
    );
  }
  return encoded;
}
