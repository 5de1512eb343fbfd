import { sleep } from '../../support/abort.js';
import { isUnreachable } from '../../session/connected.js';
import { isForgotten, isGivenBack, isOpen, type TriggerNode } from '../record/trigger.state.js';
import type { ControlParts } from './amend.js';
import { OrderNotSentError, TriggerLostError } from './errors.js';

/** Before ZooKeeper is asked again that could not be reached. */
export const RETRY_MS = 1_000;
/** Looks again at least this often: an event may be lost with a connection. */
const LOOK_AGAIN_MS = 5_000;

/** `'started'`: its run has begun or will not begin. `'over'`: it has ended or will not begin. */
type Until = 'started' | 'over';

/** How a wait has ended. */
export type Waited = { readonly kind: 'node'; readonly node: TriggerNode } | { readonly kind: 'late' | 'aborted' };

/** A trigger as it is, and whether what is waited for has come. */
interface FoundTrigger {
  readonly node: TriggerNode;
  readonly isReached: boolean;
}

/**
 * Until the trigger is as wanted. A connection that is away is waited for, too.
 * @throws {TriggerLostError} when it will never be.
 */
export async function waitForTrigger(
  { store, clock }: ControlParts,
  job: string,
  id: string,
  { until, signal, deadlineMs }: { readonly until: Until; readonly signal: AbortSignal | undefined; readonly deadlineMs: number },
): Promise<Waited> {
  let wake = new AbortController();
  const unwatch = store.watchTrigger(job, id, () => wake.abort());
  const abort = (): void => wake.abort();
  signal?.addEventListener('abort', abort, { once: true });
  try {
    for (;;) {
      wake = new AbortController();
      const found = await look(store, job, id, until);
      if (found !== 'unknown' && found.isReached) return { kind: 'node', node: found.node };
      if (signal?.aborted === true) return { kind: 'aborted' };
      const leftMs = deadlineMs - clock.monotonicMs();
      if (leftMs <= 0) return { kind: 'late' };
      const pauseMs = Math.min(leftMs, found === 'unknown' ? RETRY_MS : LOOK_AGAIN_MS);
      await sleep(clock, pauseMs, wake.signal).catch(() => undefined);
    }
  } finally {
    signal?.removeEventListener('abort', abort);
    unwatch();
  }
}

async function look(...asked: Parameters<typeof findTrigger>): Promise<FoundTrigger | 'unknown'> {
  try {
    return await findTrigger(...asked);
  } catch (thrown) {
    if (isConnectionAway(thrown)) return 'unknown';
    throw thrown;
  }
}

/**
 * The trigger, as wanted or not yet. Its node says that it was started from when a master has claimed it; whether that
 * claim was given back before the run began the record tells.
 * @throws {TriggerLostError} when it will never be as wanted.
 */
export async function findTrigger(store: ControlParts['store'], job: string, id: string, until: Until): Promise<FoundTrigger> {
  const node = await store.loadTrigger(job, id);
  if (node === undefined) throw new TriggerLostError(job, id, undefined);
  if (!isOpen(node)) return { node, isReached: true };
  const standing = await store.loadTriggerAndRecord(job, id);
  // A record that cannot be read does not tell that it was given back.
  if (standing === undefined) return { node, isReached: until === 'started' && node.state === 'started' };
  const { trigger, view } = standing;
  if (!isOpen(trigger)) return { node: trigger, isReached: true };
  if (until === 'started' && trigger.state === 'started' && !isGivenBack(view.record, trigger)) return { node: trigger, isReached: true };
  if (isForgotten(view.record, trigger)) throw new TriggerLostError(job, id, trigger.state === 'waiting' ? 'waiting' : 'started');
  return { node: trigger, isReached: false };
}

/** Whether ZooKeeper could not be asked or told. */
export function isConnectionAway(thrown: unknown): boolean {
  return isUnreachable(thrown) || thrown instanceof OrderNotSentError;
}
