import { childrenOf, getOrUndefined } from '../../session/nodes.js';
import type { Session } from '../../session/session.js';
import { Latch } from '../../support/latch.js';
import { claim, type Claimed } from './claim.js';
import { ContenderNode, type LockParts } from './contender-node.js';
import { lineOf, type Contender, type LockMode } from './contenders.js';
import { decide, unprovenIn, type Step } from './decide.js';
import { LockCrowdedError } from './errors.js';
import { settle } from './folder.js';
import { HeldLock } from './held-lock.js';
import type { Holds } from './holds.js';
import { standInLine, untilChanged } from './looks.js';
import { oneAtATime } from './one-at-a-time.js';
import { holdersIn, readRecord, type RecordRead } from './record.js';
import type { Wait } from './waiting.js';

/** So many stand in one line at most: each who joins reads all of their names. */
export const MAX_IN_LINE = 5_000;

/** The line as somebody in it has seen it. */
interface Seen {
  readonly read: RecordRead;
  readonly line: readonly Contender[];
  readonly step: Step;
  /** What is left of the wait for those whose end is not proven. */
  readonly leftMs: number;
  /** There are, or were, such. */
  readonly hasWaited: boolean;
}

/**
 * One session's attempt to get one lock. A line of ephemeral sequential nodes, each watching the one before it that
 * excludes it, as in ZooKeeper's recipes for locks and shared locks (Apache ZooKeeper, "Recipes and Solutions"). What
 * is ours: who is first takes the lock by a transaction that moves the lock's record, and waits before if a holder that
 * the record names has not released.
 */
export class LockCampaign {
  constructor(
    private readonly session: Session,
    private readonly wait: Wait,
    private readonly mode: LockMode,
    private readonly holds: Holds,
    private readonly parts: LockParts,
  ) {}

  /** Whatever happens: unless it has the lock at the end, there is no node of it left, or there will not be. */
  run(): Promise<HeldLock | 'busy' | 'session over'> {
    const { session, wait, mode, parts } = this;
    return standInLine(
      session,
      wait,
      () => new ContenderNode(session, wait.place, mode, parts),
      (node) => this.look(node),
    );
  }

  private async look(node: ContenderNode): Promise<HeldLock | 'busy' | 'gone' | 'again'> {
    const { session, wait } = this;
    const seen = await this.see(node);
    if (seen === undefined || seen.step.kind === 'gone') return 'gone';
    const { step, leftMs } = seen;
    if (step.kind === 'first' && leftMs === 0) return this.take(node, seen);
    if (!wait.isPatient) return 'busy';
    const others = step.kind === 'behind' ? [`${wait.place.path}/${step.before.name}`] : [];
    const limitMs = step.kind === 'first' ? leftMs : undefined;
    await untilChanged(session, [node.path, ...others], new Latch(this.parts.clock), { signal: wait.signal, limitMs });
    return 'again';
  }

  /** Undefined: the whole line is gone. */
  private async see(node: ContenderNode): Promise<Seen | undefined> {
    const { session, wait } = this;
    const { place, id } = node;
    const name = await node.make();
    // In this order: see `unprovenIn`.
    const [found, names] = await Promise.all([getOrUndefined(session, place.path), childrenOf(session, place.path)]);
    if (found === undefined) return undefined;
    const read = readRecord(found.data, found.stat);
    const line = lineOf(names);
    // Whoever stands within the limit stays, however many come behind.
    const rank = line.findIndex((contender) => contender.name === name);
    if (rank >= MAX_IN_LINE) throw new LockCrowdedError(place.name, rank, MAX_IN_LINE);
    wait.holder = holdersIn(read.record).find(({ address }) => address !== '')?.address;
    // Also while it stands behind others, the wait for somebody who has gone goes on.
    const unproven = unprovenIn(line, id, read);
    const { sightings } = this.parts;
    const leftMs = Math.max(0, ...unproven.map(({ what, waitMs }) => sightings.leftMs(place.path, what, waitMs, wait.seen)));
    return { read, line, step: decide(line, { name, id }, read), leftMs, hasWaited: unproven.length > 0 };
  }

  private async take(node: ContenderNode, seen: Seen): Promise<HeldLock | 'again' | 'gone'> {
    const { session, place } = node;
    const work = async (hasWaited: boolean): Promise<Claimed | 'again' | 'gone'> => {
      const now = hasWaited ? await this.see(node) : seen;
      if (now === undefined || now.step.kind === 'gone') return 'gone';
      if (now.step.kind !== 'first' || now.leftMs > 0) return 'again';
      return claim(node, now.read, now.line, this.holds.claimParts(session));
    };
    // Readers who come at once all change the record that each of them has read.
    const claimed = this.mode === 'read' ? await oneAtATime(session, place.path, work) : await work(false);
    if (typeof claimed === 'string') return claimed;
    if (seen.hasWaited && place.root !== undefined) void settle(session, place.root, this.parts.sightings).catch(() => undefined);
    return this.holds.held(node, claimed);
  }
}
