import type { Session } from '../../session/session.js';
import {
  checkMembers,
  checkWait,
  placeOf,
  type Barrier,
  type BarrierName,
  type BarrierPlace,
  type BarrierSource,
  type BarrierWait,
  type DoubleBarrier,
  type GatherOptions,
} from './barrier.js';
import { Entering, type Entered } from './entering.js';
import { BadBarrierError, BarrierTimeoutError } from './errors.js';
import { Leaving } from './leaving.js';
import { atMost, CLEANUP_WAIT_MS, Patience, type BarrierParts } from './patience.js';
import { SingleBarrier } from './single-barrier.js';
import { withdraw } from './withdrawal.js';

export interface EnsembleBarriersOptions extends BarrierParts {
  readonly rootPath: string;
}

/** Barriers of an ensemble, in the layouts of Curator and kazoo. */
export class EnsembleBarriers implements BarrierSource {
  constructor(private readonly options: EnsembleBarriersOptions) {}

  barrier(name: BarrierName): Barrier {
    return new SingleBarrier(placeOf(name, 'single', this.options.rootPath), this.options);
  }

  double(name: BarrierName, members: number): DoubleBarrier {
    checkMembers(members);
    return new EnsembleDoubleBarrier(placeOf(name, 'double', this.options.rootPath), members, this.options);
  }

  async gather(name: BarrierName, { members, ...wait }: GatherOptions): Promise<void> {
    checkMembers(members);
    const place = placeOf(name, 'gather', this.options.rootPath);
    const entered = await enter({ place, members, doMembersStay: false }, this.options, wait);
    // Whoever has come need not wait for the others to take note of it.
    void leave(entered, place, this.options, {}).catch(() => undefined);
  }
}

/** Where one member is. */
type State =
  | { readonly kind: 'outside' }
  | { readonly kind: 'entering' }
  | { readonly kind: 'inside'; readonly entered: Entered }
  | { readonly kind: 'leaving' };

class EnsembleDoubleBarrier implements DoubleBarrier {
  readonly name: string;
  private state: State = { kind: 'outside' };

  constructor(
    private readonly place: BarrierPlace,
    private readonly members: number,
    private readonly parts: BarrierParts,
  ) {
    this.name = place.name;
  }

  async enter(wait: BarrierWait = {}): Promise<void> {
    if (this.state.kind !== 'outside')
      throw new BadBarrierError(`a member cannot enter ${JSON.stringify(this.name)} while it is ${this.state.kind}`);
    this.state = { kind: 'entering' };
    try {
      const { place, members } = this;
      this.state = { kind: 'inside', entered: await enter({ place, members, doMembersStay: true }, this.parts, wait) };
    } finally {
      if (this.state.kind === 'entering') this.state = { kind: 'outside' };
    }
  }

  async leave(wait: BarrierWait = {}): Promise<void> {
    if (this.state.kind !== 'inside')
      throw new BadBarrierError(`a member cannot leave ${JSON.stringify(this.name)} while it is ${this.state.kind}`);
    checkWait(wait);
    const { entered } = this.state;
    this.state = { kind: 'leaving' };
    try {
      await leave(entered, this.place, this.parts, wait);
    } finally {
      this.state = { kind: 'outside' };
    }
  }
}

interface Wanted {
  readonly place: BarrierPlace;
  readonly members: number;
  readonly doMembersStay: boolean;
}

async function enter({ place, members, doMembersStay }: Wanted, parts: BarrierParts, wait: BarrierWait): Promise<Entered> {
  const patience = new Patience(
    parts,
    wait,
    (ms) => new BarrierTimeoutError(place.name, ms, `not all of its ${members} members have come`),
  );
  const entering = new Entering(place, members, doMembersStay, parts, patience.signal);
  return patience.run(
    (session: Session) => entering.over(session),
    ({ node }) => node && withdraw(node, place),
  );
}

/** Whatever happens: the member's node is gone at the end, or will be. */
async function leave(entered: Entered, place: BarrierPlace, parts: BarrierParts, wait: BarrierWait): Promise<void> {
  try {
    const patience = new Patience(parts, wait, (ms) => new BarrierTimeoutError(place.name, ms, 'others have not left it'));
    const leaving = new Leaving(entered, place, parts, patience.signal);
    await patience.run((session: Session) => leaving.over(session));
  } catch (thrown) {
    if (entered.node !== undefined) await atMost(parts.clock, CLEANUP_WAIT_MS, withdraw(entered.node, place));
    throw thrown;
  }
}
