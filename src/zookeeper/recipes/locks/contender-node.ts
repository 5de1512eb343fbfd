import { randomUUID } from 'node:crypto';
import { reattached } from '../../session/connected.js';
import { childrenOf } from '../../session/nodes.js';
import type { Session } from '../../session/session.js';
import { sleep } from '../../support/abort.js';
import { backoffMs } from '../../support/backoff.js';
import type { Clock } from '../../support/clock.js';
import { messageOf } from '../../support/errors.js';
import type { Observer } from '../../support/observer.js';
import { isConnectionLost, isSessionLost, isZooKeeperError } from '../../wire/errors.js';
import { ANY_VERSION } from '../../wire/operations.js';
import { contenderPrefix, downgradePrefix, lineOf, type LockMode } from './contenders.js';
import { makeFolder } from './folder.js';
import type { LockPlace } from './lock.js';
import type { Sightings } from './sightings.js';

/** What everything about locks needs. */
export interface LockParts {
  readonly clock: Clock;
  readonly observer: Observer;
  readonly sightings: Sightings;
  /** `host:port` of this replica, for people. */
  readonly address: string;
}

/** A folder that is deleted as often as this, each time it was made, is somebody else's business. */
const MAX_FOLDERS_MADE = 100;

/** The pauses between attempts to delete a node that the server refuses to delete. */
const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 5_000;

/** The session ended before the node was made; with it, whatever was made. */
export class SessionOver extends Error {}

/**
 * One node in the line of a lock, by one session: ephemeral, with a sequence, and with a random id by which it is found
 * again when the reply is lost. An id is used on one session alone, so a node of a session that is ending is never
 * taken for the own one.
 */
export class ContenderNode {
  readonly id = randomUUID();
  /** Undefined before it is made. */
  name: string | undefined;
  private mayHaveTwins = false;
  private making: Promise<string> | undefined;

  constructor(
    readonly session: Session,
    readonly place: LockPlace,
    readonly mode: LockMode,
    private readonly parts: LockParts,
    /** The node of a writer whose place it is to have. */
    private readonly insteadOf?: string,
  ) {}

  /** What begins its name; ZooKeeper adds the sequence. */
  get prefix(): string {
    const { id, mode, insteadOf } = this;
    return insteadOf === undefined ? contenderPrefix(id, mode) : downgradePrefix(id, insteadOf);
  }

  get path(): string {
    return `${this.place.path}/${this.name}`;
  }

  /** Makes the node, once, and answers its name. @throws {SessionOver}; what ZooKeeper refuses. */
  make(): Promise<string> {
    this.making ??= this.makeOnce();
    return this.making;
  }

  /**
   * Deletes what was made of it, also what is still on its way; resolves when it is gone, or the session is over. Never
   * rejects: what ZooKeeper refuses is tried again for as long as the session lives.
   */
  async remove(): Promise<void> {
    await this.making?.catch(() => undefined);
    await untilSessionEnds(this.session, this.parts, this.place, () => this.removeOnce());
  }

  /** As `remove`, for a node that was made in a transaction whose outcome is not known. */
  removeIfMade(): Promise<void> {
    this.mayHaveTwins = true;
    return this.remove();
  }

  private async removeOnce(): Promise<void> {
    const names = this.mayHaveTwins ? await this.twins() : [this.name].filter((name) => name !== undefined);
    for (const name of names) {
      await this.session.delete(`${this.place.path}/${name}`, ANY_VERSION).catch((thrown: unknown) => {
        if (!isZooKeeperError(thrown, 'no-node')) throw thrown;
      });
    }
  }

  /**
   * A lost reply: the node may be there, or come yet. It is made again, and then what has come of both attempts is
   * read; once the second was answered, the first has either happened or never will. Of two the first in line stays.
   */
  private async makeOnce(): Promise<string> {
    const { session, place, parts } = this;
    const data = Buffer.from(parts.address);
    for (let foldersMade = 0; ;) {
      try {
        const path = await session.create(`${place.path}/${this.prefix}`, data, 'ephemeral-sequential');
        this.name = path.slice(place.path.length + 1);
        if (this.mayHaveTwins) await this.dropTwins();
        return this.name;
      } catch (thrown) {
        if (isSessionLost(thrown) || session.ended.aborted) throw new SessionOver();
        if (isConnectionLost(thrown)) {
          this.mayHaveTwins ||= thrown.outcomeUnknown;
          if (!(await reattached(session))) throw new SessionOver();
        } else if (isZooKeeperError(thrown, 'no-node') && foldersMade < MAX_FOLDERS_MADE) {
          foldersMade += 1;
          await this.makeFolder();
        } else throw thrown;
      }
    }
  }

  private async makeFolder(): Promise<void> {
    try {
      await makeFolder(this.session, this.place, this.parts.sightings);
    } catch (thrown) {
      // The next attempt to make the node finds out what has become of it, and of the connection.
      if (!isConnectionLost(thrown)) throw thrown;
    }
  }

  private async dropTwins(): Promise<void> {
    const [first, ...others] = await this.twins();
    if (first !== undefined) this.name = first;
    for (const name of others) await this.session.delete(`${this.place.path}/${name}`, ANY_VERSION);
    this.mayHaveTwins = false;
  }

  private async twins(): Promise<string[]> {
    const line = lineOf(await childrenOf(this.session, this.place.path));
    return line.filter(({ id }) => id === this.id).map(({ name }) => name);
  }
}

/** Tries until it is done or the session is over; a refusal is told once. Never rejects. */
export async function untilSessionEnds(
  session: Session,
  { clock, observer }: LockParts,
  place: LockPlace,
  attempt: () => Promise<unknown>,
): Promise<void> {
  for (let refusals = 0; !session.ended.aborted;) {
    try {
      await attempt();
      return;
    } catch (thrown) {
      if (isSessionLost(thrown)) return;
      if (isConnectionLost(thrown)) {
        if (!(await reattached(session))) return;
        continue;
      }
      if (refusals === 0) {
        observer.observe({
          level: 'warn',
          event: 'lock.not-removed',
          message:
            `A node of this replica in the line of lock "${place.name}" cannot be deleted: ${messageOf(thrown)} ` +
            'It is tried again for as long as the session lives; until then nobody behind it gets the lock.',
          fields: { lock: place.name },
        });
      }
      await sleep(clock, backoffMs(refusals++, FIRST_PAUSE_MS, MAX_PAUSE_MS), session.ended).catch(() => undefined);
    }
  }
}
