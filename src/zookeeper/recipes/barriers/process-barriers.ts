import { unlessAborted } from '../../support/abort.js';
import type { Clock } from '../../support/clock.js';
import { Latch } from '../../support/latch.js';
import {
  checkMembers,
  checkWait,
  placeOf,
  type Barrier,
  type BarrierName,
  type BarrierSource,
  type BarrierWait,
  type DoubleBarrier,
  type GatherOptions,
} from './barrier.js';
import { BadBarrierError, BarrierFullError, BarrierTimeoutError } from './errors.js';

/** Those who come to one barrier, and those who have entered it. */
class Room {
  readonly coming = new Set<object>();
  /** Empty: whoever comes may come in. */
  inside = new Set<object>();
  readonly latches = new Set<Latch>();

  change(): void {
    for (const latch of this.latches) latch.ring();
  }
}

/** Barriers within this process: for `standalone`, and for tests of applications. */
export class ProcessBarriers implements BarrierSource {
  private readonly set = new Set<string>();
  private readonly rooms = new Map<string, Room>();

  constructor(
    private readonly clock: Clock,
    private readonly rootPath: string,
  ) {}

  barrier(given: BarrierName): Barrier {
    const { name, path } = placeOf(given, 'single', this.rootPath);
    const room = this.room(path);
    return {
      name,
      set: async (wait = {}) => {
        checkWait(wait);
        this.set.add(path);
      },
      open: async (wait = {}) => {
        checkWait(wait);
        this.set.delete(path);
        room.change();
      },
      wait: async (wait = {}) => {
        await this.until(
          room,
          wait,
          (ms) => new BarrierTimeoutError(name, ms, 'it is still set'),
          () => !this.set.has(path),
        );
      },
    };
  }

  double(given: BarrierName, members: number): DoubleBarrier {
    checkMembers(members);
    const { name, path } = placeOf(given, 'double', this.rootPath);
    const room = this.room(path);
    let round: Set<object> | undefined;
    let isBusy = false;
    const me = {};
    const once = async (work: () => Promise<void>): Promise<void> => {
      isBusy = true;
      await work().finally(() => (isBusy = false));
    };
    return {
      name,
      enter: async (wait = {}) => {
        if (isBusy || round !== undefined) throw new BadBarrierError(`a member cannot enter ${JSON.stringify(name)} twice`);
        await once(async () => void (round = await this.enter(room, { name, members, me, doMembersStay: true }, wait)));
      },
      leave: async (wait = {}) => {
        if (isBusy || round === undefined) throw new BadBarrierError(`a member cannot leave ${JSON.stringify(name)} before it has entered`);
        checkWait(wait);
        const own = round;
        round = undefined;
        own.delete(me);
        room.change();
        await once(() =>
          this.until(
            room,
            wait,
            (ms) => new BarrierTimeoutError(name, ms, 'others have not left it'),
            () => own.size === 0,
          ),
        );
      },
    };
  }

  async gather(given: BarrierName, { members, ...wait }: GatherOptions): Promise<void> {
    checkMembers(members);
    const { name, path } = placeOf(given, 'gather', this.rootPath);
    const me = {};
    const room = this.room(path);
    (await this.enter(room, { name, members, me, doMembersStay: false }, wait)).delete(me);
    room.change();
  }

  private async enter(
    room: Room,
    { name, members, me, doMembersStay }: { name: string; members: number; me: object; doMembersStay: boolean },
    wait: BarrierWait,
  ): Promise<Set<object>> {
    checkWait(wait);
    wait.signal?.throwIfAborted();
    const tooLate = (ms: number): Error => new BarrierTimeoutError(name, ms, `not all of its ${members} members have come`);
    try {
      await this.until(room, wait, tooLate, () => {
        if (room.inside.has(me)) return true;
        if (doMembersStay && room.inside.size >= members) throw new BarrierFullError(name, members);
        if (room.inside.size > 0) return false;
        room.coming.add(me);
        if (room.coming.size < members) return false;
        room.inside = new Set(room.coming);
        room.coming.clear();
        room.change();
        return true;
      });
      return room.inside;
    } catch (thrown) {
      room.coming.delete(me);
      room.inside.delete(me);
      throw thrown;
    }
  }

  /** Looks at each change of the room. */
  private async until(room: Room, { waitMs, signal }: BarrierWait, tooLate: (ms: number) => Error, isDone: () => boolean): Promise<void> {
    checkWait({ waitMs, signal });
    signal?.throwIfAborted();
    const startedMs = this.clock.monotonicMs();
    const ending = new AbortController();
    const onAbort = (): void => ending.abort(signal?.reason);
    const onTime = (): void => ending.abort(tooLate(Math.round(this.clock.monotonicMs() - startedMs)));
    const latch = new Latch(this.clock);
    room.latches.add(latch);
    signal?.addEventListener('abort', onAbort, { once: true });
    const timer = waitMs === undefined ? undefined : this.clock.after(waitMs, onTime);
    try {
      while (!isDone()) {
        await unlessAborted(latch.wait(ending.signal), ending.signal);
        ending.signal.throwIfAborted();
      }
    } finally {
      timer?.cancel();
      signal?.removeEventListener('abort', onAbort);
      room.latches.delete(latch);
    }
  }

  private room(path: string): Room {
    const known = this.rooms.get(path) ?? new Room();
    this.rooms.set(path, known);
    return known;
  }
}
