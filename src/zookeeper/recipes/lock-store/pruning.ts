import { getOrUndefined } from '../../session/nodes.js';
import type { Session } from '../../session/session.js';
import type { Clock } from '../../support/clock.js';
import { compareAndSet } from '../../wire/compare-and-set.js';
import { isZooKeeperError } from '../../wire/errors.js';
import { decodeEntry, holdIn, isHeld } from './entry.js';

/** Fewer keys are left as they are. */
const PRUNE_ABOVE = 100;
/** A process looks for expired keys no more often than this, unless there is no room for another one. */
const PRUNE_EVERY_MS = 60_000;
/** So many keys are read in one round, and so many at a time. */
const PRUNED_IN_A_ROUND = 1_000;
const READ_AT_ONCE = 50;

/**
 * Removes the nodes of keys whose owner has died, and which nobody has asked for since: a key that is released has
 * none. Only what has expired by a time that the leader itself has just told; and only if it is as it was read.
 */
export class Pruning {
  private lastMs: number | undefined;
  private under: Promise<number> | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly folder: string,
  ) {}

  /** Called when a key was made: now and then it looks for old ones, in the background. */
  soon(session: Session, keys: number): void {
    const monotonicMs = this.clock.monotonicMs();
    if (keys < PRUNE_ABOVE || (this.lastMs !== undefined && monotonicMs - this.lastMs < PRUNE_EVERY_MS)) return;
    // What hinders it now may not the next time.
    this.now(session).catch(() => undefined);
  }

  /** How many were removed. Who asks while a round is under way hears of that one. Rejects as ZooKeeper does. */
  now(session: Session): Promise<number> {
    this.lastMs = this.clock.monotonicMs();
    this.under ??= this.round(session).finally(() => (this.under = undefined));
    return this.under;
  }

  private async round(session: Session): Promise<number> {
    const leaderMs = await this.leaderTime(session);
    if (leaderMs === undefined) return 0;
    const { names } = await session.children(this.folder);
    const from = names.length <= PRUNED_IN_A_ROUND ? 0 : Math.floor(Math.random() * names.length);
    const chosen = [...names.slice(from), ...names.slice(0, from)].slice(0, PRUNED_IN_A_ROUND);
    let removed = 0;
    for (let at = 0; at < chosen.length; at += READ_AT_ONCE) {
      const some = chosen.slice(at, at + READ_AT_ONCE);
      const done = await Promise.all(some.map((name) => this.removeExpired(session, `${this.folder}/${name}`, leaderMs)));
      removed += done.filter(Boolean).length;
    }
    return removed;
  }

  /** By a write that changes nothing; undefined when somebody else writes it. */
  private async leaderTime(session: Session): Promise<number | undefined> {
    const { data, stat } = await session.get(this.folder);
    try {
      const results = await session.multi(compareAndSet(this.folder, data, stat.version));
      return results.findLast((result) => result.kind === 'set')?.stat.mtimeMs;
    } catch (thrown) {
      if (isZooKeeperError(thrown, 'bad-version')) return undefined;
      throw thrown;
    }
  }

  private async removeExpired(session: Session, path: string, leaderMs: number): Promise<boolean> {
    const read = await getOrUndefined(session, path);
    const entry = read && decodeEntry(read.data);
    const hold = entry && read && holdIn(entry, read.stat);
    if (read === undefined || hold === undefined || isHeld(hold, leaderMs)) return false;
    try {
      await session.delete(path, read.stat.version);
      return true;
    } catch (thrown) {
      if (isZooKeeperError(thrown, 'no-node', 'bad-version')) return false;
      throw thrown;
    }
  }
}
