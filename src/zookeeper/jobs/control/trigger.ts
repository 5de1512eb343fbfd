import { createHash, randomUUID } from 'node:crypto';
import { sleep } from '../../support/abort.js';
import { messageOf } from '../../support/errors.js';
import { unreachable } from '../../support/invariant.js';
import { nameProblem } from '../../support/names.js';
import { addTrigger, withdrawTrigger } from '../record/changes.js';
import { MAX_WAITING_TRIGGERS } from '../record/job-record.js';
import type { Change } from '../persistence/job-store.js';
import type { KeptResult } from '../run/run-result.js';
import { MAX_TRIGGER_BYTES } from '../record/room.js';
import { endsBy, hasNotRun, type TriggerNode } from '../record/trigger.state.js';
import { loadExisting, MAX_TRIES, pauseAfterConflict, signature, unknownJob, type ControlParts } from './amend.js';
import {
  BadTriggerError,
  JobContendedError,
  OrderNotSentError,
  TooManyTriggersError,
  TriggerNotAcceptedError,
  TriggerRefusedError,
  TriggerUncertainError,
} from './errors.js';
import { reach } from './reach.js';
import { findTrigger, isConnectionAway, RETRY_MS, waitForTrigger, type Waited } from './trigger-wait.js';
import { askedFor } from './history-words.js';
import { jobVerdictOf, type JobVerdict } from './verdicts.js';

/** How a run is asked for. */
export interface TriggerOptions {
  /** What the run gets as `run.input`: JSON, at most 64 KiB encoded. */
  readonly input?: unknown;
  /**
   * Names the request, for at most 100 characters: asked for again with the same key it is not run a second time, and
   * has the same answer. Only one that was taken back, refused or lost before it started is asked for anew (with its
   * first input, as long as that is kept). A key is remembered for a week, and among the newest 100 000 requests for
   * the job, whichever ends first; and not beyond `remove`. Default: random.
   */
  readonly idempotencyKey?: string | undefined;
  /** `'accepted'`: until a master has started it. `'done'`: until its run has ended. Default `'accepted'`. */
  readonly wait?: 'accepted' | 'done' | undefined;
  /** How long to wait for ZooKeeper and for its start, milliseconds; then it is taken back. Default 30 000. */
  readonly timeoutMs?: number | undefined;
  /** Gives the request up: it is taken back, or if it has started only not waited for; throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Who asks, 1 to 100 characters; verdict and history have it before this replica's address. Default: that alone. */
  readonly by?: string | undefined;
}

/** A trigger that was started. */
export interface Triggered {
  /** Its id: the `idempotencyKey` (its digest when it is longer than 36 bytes), or random. The verdict carries it. */
  readonly id: string;
  /** What became of it, when that is known: with `wait: 'done'` always. */
  readonly verdict?: JobVerdict | undefined;
  /**
   * What the method has returned (a promise: its value; an Observable: the last one), as JSON has it, when the run
   * `ran`. Undefined when that was nothing, or is left out, or was returned on a replica of an older version; and for a
   * request that is repeated when a hundred newer ones of the job have come.
   */
  readonly result?: unknown;
  /** Why what was returned is left out, as a clause: it is not JSON, say, or has more than 64 KiB. */
  readonly resultLeftOut?: string | undefined;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const MAX_KEY_LENGTH = 100;
const MAX_RESULT_TRIES = 30;

/**
 * Asks the master of the job for a run, from any replica; also while the job is paused. Resolves when it was started
 * (or has ended), also when the run failed: its verdict tells.
 * @throws {NotConnectedError} when ZooKeeper could not be reached within `timeoutMs`: nothing was sent.
 * @throws {UnknownJobError} {UnreadableJobError} {BadTriggerError} {TooManyTriggersError}
 * @throws {TriggerRefusedError} when the job was running and does not overlap.
 * @throws {TriggerNotAcceptedError} when no master started it in time, or `signal` aborted: it was
 * taken back and will not run.
 * @throws {TriggerUncertainError} when it was to be taken back and ZooKeeper could not be reached: it may still run.
 * @throws {TriggerLostError} when it was removed, or the job's record has forgotten it, while it waited or ran.
 */
export async function trigger(parts: ControlParts, job: string, options: TriggerOptions = {}): Promise<Triggered> {
  const { wait = 'accepted', timeoutMs = DEFAULT_TIMEOUT_MS, signal } = options;
  const id = idOf(options.idempotencyKey);
  if (signal?.aborted === true) throw givenUp(job, id, signal);
  const deadlineMs = parts.clock.monotonicMs() + timeoutMs;
  await reach(parts, job, { timeoutMs, signal }, () => ask(parts, job, id, options)).catch((thrown: unknown) => {
    throw signal?.aborted === true && thrown === signal.reason ? givenUp(job, id, signal) : thrown;
  });
  const started = await waitForTrigger(parts, job, id, { until: 'started', signal, deadlineMs });
  const node =
    started.kind === 'node'
      ? started.node
      : await withdraw(parts, job, id, started).catch((thrown: unknown) => {
          throw isConnectionAway(thrown) ? new TriggerUncertainError(job, id, thrown) : thrown;
        });
  if (node.state === 'ended' || wait === 'accepted') return answer(parts, job, node, signal);
  const ended = await waitForTrigger(parts, job, id, { until: 'over', signal, deadlineMs: Infinity });
  if (ended.kind === 'node') return answer(parts, job, ended.node, signal);
  throw signal?.reason;
}

/** Before anything was sent. */
function givenUp(job: string, id: string, signal: AbortSignal): TriggerNotAcceptedError {
  return new TriggerNotAcceptedError(job, id, 'it was given up', { cause: signal.reason });
}

/** What becomes the name of a znode and a field of the record, which has little room. */
function idOf(key: string | undefined): string {
  if (key === undefined) return randomUUID();
  const problem = key.length > MAX_KEY_LENGTH ? `it has ${key.length} characters, at most ${MAX_KEY_LENGTH} are allowed` : nameProblem(key);
  if (problem !== undefined) throw new BadTriggerError(problem);
  return Buffer.byteLength(key) <= MAX_TRIGGER_BYTES ? key : createHash('sha256').update(key).digest('base64url').slice(0, 27);
}

async function ask(parts: ControlParts, job: string, id: string, { input, by, signal }: TriggerOptions): Promise<void> {
  const { store, address, changed } = parts;
  const atMs = Math.round(await store.ensembleMs());
  const node: TriggerNode = { id, input, by: signature(address, by), atMs, state: 'waiting' };
  const tell = (): void => changed?.(job, { atMs, by: node.by, change: askedFor(id) });
  const added = await store.addTrigger(job, node);
  switch (added) {
    case 'added':
      return tell();
    case 'exists':
      // What has not run may be removed between the two looks: then it is new after all.
      const asked = await askAgain(parts, job, node, signal);
      if (asked === 'asked' || (asked === 'gone' && (await store.addTrigger(job, node)) === 'added')) tell();
      return;
    case 'full':
      throw new TooManyTriggersError(job, MAX_WAITING_TRIGGERS);
    case 'contended':
      throw new JobContendedError(job, MAX_TRIES);
    case 'no job':
      await loadExisting(store, job);
      throw await unknownJob(store, job);
    default:
      unreachable(added);
  }
}

/**
 * One that was taken back or refused has not run, and neither has one that waits and was forgotten: it waits again.
 * `'stands'`: it did not have to.
 */
async function askAgain(
  { store, clock }: ControlParts,
  job: string,
  { id, by, atMs }: TriggerNode,
  signal: AbortSignal | undefined,
): Promise<'asked' | 'stands' | 'gone'> {
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    if (tries > 0) await pauseAfterConflict(clock, tries, signal);
    const standing = await store.loadTriggerAndRecord(job, id);
    if (standing === undefined) return 'gone';
    const { view } = standing;
    if (!hasNotRun(view.record, standing.trigger)) return 'stands';
    const record = addTrigger(view.record, id);
    if (record === undefined) throw new TooManyTriggersError(job, MAX_WAITING_TRIGGERS);
    // The master watches the control node, and so hears of it.
    const control = await store.loadControl(job);
    const told = control && { control: { view: control, control: control.control } };
    if (
      await write(store, job, {
        view,
        record,
        verdicts: [],
        triggers: [{ id, state: 'waiting', asked: { by, atMs } }],
        fence: undefined,
        ...told,
      })
    )
      return 'asked';
  }
  throw new JobContendedError(job, MAX_TRIES);
}

/**
 * Takes the trigger back, also one whose claim was given back before its run began. Answers its node when it was
 * started meanwhile, which is what was asked for.
 */
async function withdraw({ store, clock, address }: ControlParts, job: string, id: string, waited: Waited): Promise<TriggerNode> {
  const why = waited.kind === 'late' ? 'no master has started it in time' : 'it was given up';
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    if (tries > 0) await pauseAfterConflict(clock, tries);
    const view = await loadExisting(store, job);
    const changed = withdrawTrigger(view.record, id, address);
    if (changed === undefined) {
      const { node, isReached } = await findTrigger(store, job, id, 'started');
      if (isReached) return node;
      // It was asked for again, or given back, between the two looks.
      continue;
    }
    const { record, verdicts } = changed;
    const change = { view, record, verdicts, triggers: endsBy(verdicts), fence: undefined };
    if (await write(store, job, change)) throw new TriggerNotAcceptedError(job, id, why);
  }
  throw new JobContendedError(job, MAX_TRIES);
}

async function write(store: ControlParts['store'], job: string, change: Change): Promise<boolean> {
  const { kind } = await store.write(job, change);
  if (kind === 'unsent') throw new OrderNotSentError(job);
  return kind === 'written';
}

async function answer(parts: ControlParts, job: string, node: TriggerNode, signal: AbortSignal | undefined): Promise<Triggered> {
  const { id, by, state, verdict } = node;
  if (state === 'refused') {
    const reason = verdict?.reason ?? 'refused';
    if (reason === 'withdrawn') throw new TriggerNotAcceptedError(job, id, 'another caller with the same key has given it up');
    throw new TriggerRefusedError(job, id, reason);
  }
  const kept = verdict?.outcome === 'ran' ? await resultOf(parts, job, id, signal) : undefined;
  return {
    id,
    verdict: verdict && jobVerdictOf(job, verdict, undefined, by),
    ...(kept?.value !== undefined && { result: kept.value }),
    ...(kept?.leftOut !== undefined && { resultLeftOut: kept.leftOut }),
  };
}

/**
 * The run has ended, and its verdict is known: whatever keeps its result from being read is told, and is
 * no failure of the request.
 */
async function resultOf(
  { store, clock }: ControlParts,
  job: string,
  id: string,
  signal: AbortSignal | undefined,
): Promise<KeptResult | undefined> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await store.loadResult(job, id);
    } catch (thrown) {
      if (!isConnectionAway(thrown)) throw thrown;
      const leftOut = `it could not be read (${messageOf(thrown, 200)})`;
      if (tries >= MAX_RESULT_TRIES || signal?.aborted === true) return { value: undefined, leftOut };
      await sleep(clock, RETRY_MS, signal).catch(() => undefined);
    }
  }
}
