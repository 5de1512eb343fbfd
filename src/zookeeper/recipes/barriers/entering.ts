import { childrenOf, getOrUndefined } from '../../session/nodes.js';
import type { Session } from '../../session/session.js';
import { compareAndSetOrHeal } from '../../wire/compare-and-set.js';
import { isZooKeeperError } from '../../wire/errors.js';
import { ANY_VERSION, type Op } from '../../wire/operations.js';
import { arrival, decodeReady, encodeReady, READY, type Arrival, type Ready } from './arrival.js';
import type { BarrierPlace } from './barrier.js';
import { BarrierFullError } from './errors.js';
import { MemberNode } from './member-node.js';
import { lookUntil, type BarrierParts, type Looking } from './patience.js';
import { withdraw } from './withdrawal.js';

/** One member who has entered. */
export interface Entered {
  /** Undefined: it was of a session that is over. */
  readonly node: MemberNode | undefined;
  /** The names of the nodes of those who have entered with it, its own among them. */
  readonly round: readonly string[];
  /** The czxid of the `ready` of its round, where it is known. */
  readonly ready: bigint | undefined;
}

/** One member's way in, over as many sessions as it takes. */
export class Entering {
  private readonly names = new Set<string>();
  private readonly readyPath: string;

  constructor(
    private readonly place: BarrierPlace,
    private readonly limit: number,
    /**
     * Whether those who have entered stay: then whoever comes beside all of them is one too many, and does not wait.
     */
    private readonly doMembersStay: boolean,
    private readonly parts: BarrierParts,
    private readonly signal: AbortSignal,
  ) {
    this.readyPath = `${place.path}/${READY}`;
  }

  /** Over one session. Whatever happens: unless it has entered at the end, its node is gone, or will be. */
  async over(session: Session): Promise<Entered> {
    for (;;) {
      const before = await this.untilFree(session);
      if (before !== undefined) return before;
      const node = new MemberNode(session, this.place, this.parts);
      this.names.add(node.name);
      let arrived: Arrival | undefined;
      try {
        arrived = await this.untilDecided(node);
        if (arrived.kind === 'entered') return { node, round: arrived.with, ready: arrived.ready };
        if (arrived.kind === 'full') throw new BarrierFullError(this.place.name, this.limit);
      } finally {
        if (arrived?.kind !== 'entered') await withdraw(node, this.place);
      }
    }
  }

  /**
   * Waits until those of the last time have left. Answers when it is one of them, by a node of an earlier session.
   */
  private untilFree(session: Session): Promise<Entered | undefined> {
    const { path } = this.place;
    const free = { isFree: true } as const;
    return lookUntil(session, this.parts.clock, this.signal, async ({ watch, watches }) => {
      watches(path);
      // In this order: what is deleted as left behind was there when the folder was read.
      const [folder, ready, names] = await Promise.all([
        getOrUndefined(session, path),
        this.readReady(session),
        childrenOf(session, path, { watch }),
      ]);
      if (folder === undefined || ready === undefined) return free;
      const entered = ready.admitted?.some((name) => this.names.has(name)) === true;
      if (entered) return { node: undefined, round: ready.admitted ?? [], ready: ready.czxid };
      const members = names.filter((name) => name !== READY);
      if (this.doMembersStay && members.length >= this.limit) throw new BarrierFullError(this.place.name, this.limit);
      if (members.length > 0) return undefined;
      // All of them have died inside. Whoever opens the barrier changes the folder in the same transaction.
      const check: Op = { kind: 'check', path, version: folder.stat.version };
      await tolerant(session.multi([check, { kind: 'delete', path: this.readyPath, version: ANY_VERSION }]));
      return free;
    }).then((found) => ('isFree' in found ? undefined : found));
  }

  private async untilDecided(node: MemberNode): Promise<Arrival> {
    const { session } = node;
    await node.make();
    let wasReady = false;
    return lookUntil(
      session,
      this.parts.clock,
      this.signal,
      async (looking) => {
        const arrived = await this.look(node, looking, wasReady);
        if (arrived.kind === 'wait') return undefined;
        if (arrived.kind !== 'open') return arrived;
        await this.open(session, arrived.for);
        // What has become of it is seen by looking again.
        looking.watch({ type: 'changed', path: this.place.path });
        return undefined;
      },
      ({ type, path }) => {
        wasReady ||= type === 'created' && path === this.readyPath;
      },
    );
  }

  private async look(node: MemberNode, { watch, watches }: Looking, wasReady: boolean): Promise<Arrival> {
    const { session } = node;
    for (const path of [this.readyPath, node.path]) watches(path);
    // Only `ready` and the own node are watched: whoever comes last finds itself the last.
    const [, own, ready, names] = await Promise.all([
      session.exists(this.readyPath, { watch }),
      session.exists(node.path, { watch }),
      this.readReady(session),
      childrenOf(session, this.place.path),
    ]);
    const members = await this.inOrder(
      session,
      names.filter((name) => name !== READY),
    );
    const { name } = node;
    return arrival({ own: own && { name, czxid: own.czxid }, names: this.names, members, ready, wasReady, limit: this.limit });
  }

  private async readReady(session: Session): Promise<Ready | undefined> {
    const read = await getOrUndefined(session, this.readyPath);
    return read && { czxid: read.stat.czxid, admitted: decodeReady(read.data) };
  }

  /** Who came first, where there are more than may enter. */
  private async inOrder(session: Session, members: readonly string[]): Promise<readonly string[]> {
    if (members.length <= this.limit) return members;
    const stats = await Promise.all(
      members.map(async (name) => ({ name, czxid: (await session.exists(`${this.place.path}/${name}`))?.czxid })),
    );
    const present = stats.flatMap(({ name, czxid }) => (czxid === undefined ? [] : [{ name, czxid }]));
    return present.toSorted((a, b) => (a.czxid < b.czxid ? -1 : 1)).map(({ name }) => name);
  }

  /** Says that all have come; for nothing, when somebody else has said so. */
  private async open(session: Session, members: readonly string[]): Promise<void> {
    const { path } = this.place;
    const folder = await getOrUndefined(session, path);
    if (folder === undefined) return;
    const ready: Op = { kind: 'create', path: this.readyPath, data: encodeReady(members), mode: 'persistent', access: 'parent' };
    await tolerant(session.multi([ready, ...compareAndSetOrHeal(path, folder.data, folder.stat.version)]));
  }
}

/** Others do the same at the same time; what has come of it is seen by looking again. */
async function tolerant(changing: Promise<unknown>): Promise<void> {
  await changing.catch((thrown: unknown) => {
    if (!isZooKeeperError(thrown, 'no-node', 'node-exists', 'bad-version')) throw thrown;
  });
}
