import { isConnectionLost, isReplyLost, isSessionLost, isZooKeeperError, type ZooKeeperError } from '../wire/errors.js';
import { reattached } from './connected.js';
import type { Session } from './session.js';

/** A change that ZooKeeper carries out only if nothing has moved: a transaction, with conditions of its own. */
export interface ConditionalWrite<T> {
  /**
   * Prepares it, sends it as one transaction, and makes its answer of what ZooKeeper has answered. Called again after
   * a lost reply (`replyLost`): each call must send the same change under the same conditions, so that only one of
   * them can be carried out.
   */
  send(replyLost: boolean): Promise<T>;
  /**
   * What ZooKeeper's answer is about. `'the change'`: one of its conditions. `'something beside it'`: what
   * goes along with it has moved, so it is prepared and sent anew. `'no refusal'`: it says nothing about what
   * has moved, and is thrown.
   */
  meaningOf(answer: ZooKeeperError): 'the change' | 'something beside it' | 'no refusal';
  /**
   * Called when it was refused after a lost reply: reads whether an earlier attempt was carried out, and answers
   * with what that has made.
   */
  find(): Promise<T | undefined>;
  /** What `find` reads; the server catches up with its leader before. */
  readonly path: string;
  /** Whether to wait for the connection before anything was sent. Once something was, it is waited for in any case. */
  readonly isPatient: boolean;
  /** How often it is sent at most. Default: for as long as the session lives, which ends every wait. */
  readonly maxTries?: number;
  /**
   * Awaited before it is sent anew because something beside it has moved; `tries`: how often that was so by now. So
   * that those who change one thing at once do not only get in each other's way. Default: no pause.
   */
  pause?(tries: number): Promise<void>;
}

/** What became of it. */
export type WriteOutcome<T> =
  | { readonly kind: 'done'; readonly value: T }
  /** It was not carried out, and will not be. */
  | { readonly kind: 'refused'; readonly error: ZooKeeperError }
  /** There was no connection, and nothing has left this process. */
  | { readonly kind: 'unsent'; readonly error: ZooKeeperError }
  /** The session has ended, or the signal has aborted, before it was known: it may have been carried out. */
  | { readonly kind: 'unknown'; readonly error: ZooKeeperError }
  /** What goes along with it has moved each time. `mayBeDone`: a reply was lost meanwhile. */
  | { readonly kind: 'contended'; readonly mayBeDone: boolean };

/**
 * Carries out a conditional write once, and says exactly what became of it, also when the reply is lost.
 *
 * A reply that is lost leaves open whether the request was carried out, and a read cannot tell: the first attempt may
 * still be in flight, and commit after a read that did not see it. So the same conditional write is sent again, on the
 * same session, as soon as that is attached. Once the leader has answered that, the first attempt cannot happen any
 * more: either the repetition was carried out in its place, or it is refused. Only then what is there is read, behind a
 * `sync`, because the refusal may be the work of the first attempt.
 *
 * @throws {ZooKeeperError} that is no refusal, and what `send` and `find` throw that is not of ZooKeeper.
 */
export async function writeOnce<T>(session: Session, write: ConditionalWrite<T>, signal?: AbortSignal): Promise<WriteOutcome<T>> {
  let replyLost = false;
  let moved = 0;
  const maxTries = write.maxTries ?? Infinity;
  for (let tries = 0; tries < maxTries; tries += 1) {
    try {
      return { kind: 'done', value: await write.send(replyLost) };
    } catch (thrown) {
      if (!isZooKeeperError(thrown)) throw thrown;
      replyLost ||= isReplyLost(thrown);
      const open = { kind: replyLost ? 'unknown' : 'unsent', error: thrown } as const;
      if (isSessionLost(thrown)) return open;
      if (isConnectionLost(thrown)) {
        if (!replyLost && !write.isPatient) return open;
        if (!(await reattached(session, signal))) return open;
      } else {
        const meaning = write.meaningOf(thrown);
        if (meaning === 'no refusal') throw thrown;
        if (meaning === 'the change') return replyLost ? await findOut(session, write, thrown) : { kind: 'refused', error: thrown };
        moved += 1;
        if (tries + 1 < maxTries) await write.pause?.(moved);
      }
    }
  }
  return { kind: 'contended', mayBeDone: replyLost };
}

async function findOut<T>(session: Session, write: ConditionalWrite<T>, refusal: ZooKeeperError): Promise<WriteOutcome<T>> {
  try {
    await session.sync(write.path);
    const value = await write.find();
    return value === undefined ? { kind: 'refused', error: refusal } : { kind: 'done', value };
  } catch (thrown) {
    if (!isZooKeeperError(thrown)) throw thrown;
    return { kind: 'unknown', error: thrown };
  }
}
