import { MAX_LEASE_MS, waitMsFor } from '../../session/lease-length.js';
import { childrenOf, getOrUndefined } from '../../session/nodes.js';
import type { Session } from '../../session/session.js';
import { Latch } from '../../support/latch.js';
import { floorForWin, tokenOf } from '../../support/token.js';
import { sharersWith, type Claimed } from './claim.js';
import { ContenderNode, type LockParts } from './contender-node.js';
import { permitsOf, lineOf } from './contenders.js';
import { LockCrowdedError } from './errors.js';
import { exchange, type Exchanged } from './exchange.js';
import { makeFolder, settle } from './folder.js';
import type { HeldLock } from './held-lock.js';
import type { Holds } from './holds.js';
import { MAX_IN_LINE } from './lock-campaign.js';
import { standInLine, untilChanged } from './looks.js';
import { holdersIn, readRecord, type LockRecord, type RecordedHolder, type RecordRead } from './record.js';
import type { Permits } from './permits.js';
import type { SemaphorePlace } from './semaphore.js';
import type { Wait } from './waiting.js';

/** What is held of a semaphore: one hold for each permit. */
export class HeldPermits {
  constructor(readonly holds: readonly HeldLock[]) {}

  async release(): Promise<void> {
    await Promise.all(this.holds.map((hold) => hold.release()));
  }
}

/** The permits as somebody who is first in line has seen them. */
interface Seen {
  readonly read: RecordRead;
  readonly names: readonly string[];
  readonly free: number;
  /** After so long there are more, without anybody's doing. */
  readonly moreAfterMs: number | undefined;
  readonly hasWaited: boolean;
}

/**
 * One session's attempt to get permits of a semaphore. In the layout of Curator's InterProcessSemaphoreV2: a line, in
 * which whoever is first looks how many nodes stand below `leases`. What is ours: it takes its permits and leaves the
 * line in one transaction, so that a node below `leases` is a permit that is held, and nothing else; and a holder that
 * the record names, and that has gone without a release, counts until it cannot believe any more.
 */
export class SemaphoreCampaign {
  constructor(
    private readonly session: Session,
    private readonly place: SemaphorePlace,
    private readonly wanted: { readonly permits: Permits; readonly count: number },
    private readonly wait: Wait,
    private readonly holds: Holds,
    private readonly parts: LockParts,
  ) {}

  /** Whatever happens: unless it has permits at the end, there is no node of it left, or there will not be. */
  run(): Promise<HeldPermits | 'busy' | 'session over'> {
    const { session, wait, place, parts } = this;
    return standInLine(
      session,
      wait,
      () => new ContenderNode(session, place.line, 'mutex', parts),
      (node) => this.look(node),
    );
  }

  private async look(node: ContenderNode): Promise<HeldPermits | 'busy' | 'gone' | 'again'> {
    const { session, wait, place, wanted } = this;
    const name = await node.make();
    // Before the line: who takes a permit meanwhile must not be counted in both.
    const free = wait.isPatient ? undefined : ((await this.see())?.free ?? 0);
    const line = lineOf(await childrenOf(session, place.line.path));
    const rank = line.findIndex((contender) => contender.name === name);
    if (rank < 0) return 'gone';
    if (rank >= MAX_IN_LINE) throw new LockCrowdedError(place.name, rank, MAX_IN_LINE);
    const before = line[rank - 1];
    if (before === undefined) return this.lookFirst(node);
    // Each who stands before takes one at least.
    if (free !== undefined && free < rank + wanted.count) return 'busy';
    const paths = [node.path, `${place.line.path}/${before.name}`];
    await untilChanged(session, paths, new Latch(this.parts.clock), { signal: wait.signal });
    return 'again';
  }

  private async lookFirst(node: ContenderNode): Promise<HeldPermits | 'busy' | 'gone' | 'again'> {
    const { session, wait, wanted, place } = this;
    const latch = new Latch(this.parts.clock);
    const ring = (): void => latch.ring();
    const unsubscribe = wanted.permits.onChange(ring);
    try {
      const seen = await this.see(ring);
      if (seen === undefined) {
        await makeFolder(session, place.line, this.parts.sightings);
        return 'again';
      }
      if (seen.free >= wanted.count) return await this.take(node, seen);
      if (!wait.isPatient) return 'busy';
      await untilChanged(session, [node.path], latch, { signal: wait.signal, limitMs: seen.moreAfterMs });
      return 'again';
    } finally {
      unsubscribe();
      session.unwatch(place.leases.path, ring);
    }
  }

  /** Undefined: there is no place for permits. */
  private async see(watch?: () => void): Promise<Seen | undefined> {
    const { session, place, wanted, wait } = this;
    const { path } = place.leases;
    // In this order, as for a lock: see `unprovenIn`.
    const [found, names] = await Promise.all([getOrUndefined(session, path), childrenOf(session, path, watch && { watch })]);
    if (found === undefined) return undefined;
    const read = readRecord(found.data, found.stat);
    this.compare(holdersIn(read.record));
    wait.holder = holdersIn(read.record).find(({ address }) => address !== '')?.address;
    const present = new Set(permitsOf(names).map(({ id }) => id));
    const left = (what: string, waitMs: number): number => this.parts.sightings.leftMs(path, what, waitMs, wait.seen);
    if (read.record === undefined) {
      const leftMs = left(`nothing known at ${read.stat.czxid}:${read.stat.version}`, waitMsFor(MAX_LEASE_MS));
      const free = leftMs > 0 ? 0 : wanted.permits.value - names.length;
      return { read, names, free, moreAfterMs: leftMs > 0 ? leftMs : undefined, hasWaited: true };
    }
    const gone = holdersIn(read.record).filter(({ id }) => !present.has(id));
    const leftMs = gone.map(({ id, leaseMs }) => left(`sharer ${id}`, waitMsFor(leaseMs))).filter((ms) => ms > 0);
    return {
      ...{ read, names, hasWaited: gone.length > 0 },
      free: wanted.permits.value - names.length - leftMs.length,
      moreAfterMs: leftMs.length > 0 ? Math.min(...leftMs) : undefined,
    };
  }

  private compare(holders: readonly RecordedHolder[]): void {
    const { permits } = this.wanted;
    const other = holders.find((holder) => holder.permits !== undefined && holder.permits !== permits.value);
    if (other?.permits === undefined || !permits.isNews(other.permits)) return;
    this.parts.observer.observe({
      level: 'warn',
      event: 'lock.permits-differ',
      message:
        `Semaphore "${this.place.name}" has ${permits.value} permits here, and ${other.permits} at ${other.address}: ` +
        'each goes by its own number. Give all of them the same.',
      fields: { lock: this.place.name, permits: permits.value, others: other.permits, replica: other.address },
    });
  }

  private async take(node: ContenderNode, { read, names, hasWaited }: Seen): Promise<HeldPermits | 'again' | 'gone'> {
    const { session, place, wanted, holds } = this;
    const parts = holds.claimParts(session);
    const { keeper, address, seenToken } = parts;
    const leases = Array.from({ length: wanted.count }, () => new ContenderNode(session, place.leases, 'permit', this.parts));
    const own = leases.map(({ id }): RecordedHolder => ({ id, address, leaseMs: keeper.lengthMs, permits: wanted.permits.value }));
    const floor = floorForWin(read.record?.floor, seenToken, session.lastZxid);
    const sharers = sharersWith(own, read, { present: permitsOf(names), unknown: permitsOf(names) }, place.leases, parts);
    const record: LockRecord = { state: 'shared', sharers, floor };
    let done: Exchanged | 'gone' | 'moved' | undefined;
    try {
      done = await exchange({ from: node, to: leases, record, version: read.stat.version, whenMoved: 'refuse', address }, keeper);
    } finally {
      if (done === undefined || done === 'gone') for (const lease of leases) void lease.removeIfMade();
    }
    if (done === 'moved') return 'again';
    if (done === 'gone') return 'gone';
    const { root } = place.line;
    if (hasWaited && root !== undefined) void settle(session, root, this.parts.sightings).catch(() => undefined);
    const claimed: Claimed = { fencingToken: tokenOf(floor, done.zxid), record, version: done.version, lease: done.lease };
    return new HeldPermits(leases.map((lease) => holds.held(lease, claimed)));
  }
}
