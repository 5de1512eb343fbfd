import { ANY_VERSION, type OperationOptions } from '../../wire/operations.js';
import { childrenOf } from '../../session/nodes.js';
import type { Session } from '../../session/session.js';
import type { Latch } from '../../support/latch.js';

/** One standby as its place tells. */
export interface Place {
  readonly name: string;
  readonly address: string;
  /** Identifies the place's owner across a lost reply. */
  readonly id: string;
  readonly sequence: number;
}

/** `<host:port>~<id>-<sequence>`; undefined for a name that is no place (made by hand, say). */
export function parsePlace(name: string): Place | undefined {
  const match = /^(.+)~([^~]+?)-(-\d{9,}|\d{10,})$/s.exec(name);
  if (match === null) return undefined;
  const [, address = '', id = '', sequence = ''] = match;
  return { name, address, id, sequence: Number(sequence) };
}

/**
 * The places, first in line first. The server's counter is a signed 32-bit number that wraps
 * after 2^31 places: accepted.
 */
export function sortedPlaces(names: readonly string[]): Place[] {
  return names
    .map(parsePlace)
    .filter((place) => place !== undefined)
    .sort((a, b) => a.sequence - b.sequence);
}

/** The places in the line below `folder` now, first in line first; empty when there is no line. */
export async function placesIn(session: Session, folder: string, options?: OperationOptions): Promise<Place[]> {
  return sortedPlaces(await childrenOf(session, folder, options));
}

/**
 * This candidate's place in the line of standbys: an ephemeral sequential node, each watching the one before it, as in
 * ZooKeeper's recipe for leader election (Apache ZooKeeper, "Recipes and Solutions"). Here the line only orders the
 * attempts, so that a failover among a thousand standbys costs few writes; it elects nobody. Standbys whose place is
 * lost or stale just try later or earlier than they should.
 */
export class Line {
  private place: Place | undefined;
  private current: number | undefined;
  private stale = true;
  private watchedPaths: string[] = [];
  private twins: readonly string[] = [];

  constructor(
    private readonly session: Session,
    /** The node below which the places are made. It must exist before the first `stand`. */
    private readonly folder: string,
    private readonly address: string,
    readonly id: string,
    private readonly latch: Latch,
  ) {}

  /** How many stand before this one, as last read; undefined outside the line. */
  get rank(): number | undefined {
    return this.current;
  }

  /** The ids of others with this one's address, as last read. */
  get sameAddress(): readonly string[] {
    return this.twins;
  }

  /** The path of the place, if there is one. */
  get path(): string | undefined {
    return this.place === undefined ? undefined : `${this.folder}/${this.place.name}`;
  }

  /**
   * Takes a place, or looks at it again when the one before it, or this one, has gone. Cheap when nothing has changed.
   */
  async stand(): Promise<void> {
    while (this.stale) {
      this.stale = false;
      try {
        await this.look();
      } catch (thrown) {
        this.stale = true;
        throw thrown;
      }
    }
  }

  /** The place went with a transaction (the win), or is known to be gone. */
  placeLost(): void {
    this.place = undefined;
    this.current = undefined;
    this.stale = true;
    this.unwatch();
  }

  /** Gives the place up; best effort, since it ends with the session anyway. */
  async leave(): Promise<void> {
    const path = this.path;
    this.placeLost();
    if (path !== undefined) await this.session.delete(path, ANY_VERSION).catch(() => undefined);
  }

  private async look(): Promise<void> {
    if (this.place === undefined) await this.take();
    const places = await placesIn(this.session, this.folder);
    this.twins = places.filter(({ address, id }) => address === this.address && id !== this.id).map(({ id }) => id);
    const rank = places.findIndex((place) => place.id === this.id);
    const own = places[rank];
    if (own === undefined) {
      this.placeLost();
      return;
    }
    this.place = own;
    this.current = rank;
    const before = places[rank - 1];
    await this.watch(before === undefined ? [own] : [own, before]);
  }

  /** Makes the place unless an earlier attempt, whose reply was lost, has made it already. */
  private async take(): Promise<void> {
    const already = (await placesIn(this.session, this.folder)).find((place) => place.id === this.id);
    if (already !== undefined) return;
    const prefix = `${this.folder}/${this.address}~${this.id}-`;
    await this.session.create(prefix, Buffer.alloc(0), 'ephemeral-sequential');
  }

  private async watch(places: readonly Place[]): Promise<void> {
    this.unwatch();
    this.watchedPaths = places.map((place) => `${this.folder}/${place.name}`);
    const found = await Promise.all(this.watchedPaths.map((path) => this.session.exists(path, { watch: this.watcher })));
    if (found.includes(undefined)) this.stale = true;
  }

  private unwatch(): void {
    for (const path of this.watchedPaths) this.session.unwatch(path, this.watcher);
    this.watchedPaths = [];
  }

  private readonly watcher = (): void => {
    this.stale = true;
    this.latch.ring();
  };
}
