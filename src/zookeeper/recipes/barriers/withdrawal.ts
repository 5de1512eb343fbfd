import { childrenOf, getOrUndefined } from '../../session/nodes.js';
import type { Session } from '../../session/session.js';
import { isZooKeeperError } from '../../wire/errors.js';
import { ANY_VERSION, type Op } from '../../wire/operations.js';
import { decodeReady, READY } from './arrival.js';
import type { BarrierPlace } from './barrier.js';
import type { MemberNode } from './member-node.js';

/** Takes a member out that has not entered, or whose caller does not wait any more. Never rejects. */
export async function withdraw(node: MemberNode, place: BarrierPlace): Promise<void> {
  await node.remove();
  // It may be among those for whom somebody has just said that all have come.
  await sweep(node.session, place, { names: [node.name], ready: undefined }).catch(() => undefined);
}

/** A round as somebody of it knows it. */
interface Swept {
  readonly names: readonly string[];
  /** The czxid of its `ready`; undefined: it is known by the names in it. */
  readonly ready: bigint | undefined;
}

/**
 * Deletes the `ready` of a round of which one of `names` was a member, when none of that round is there any more: the
 * last of them has died inside, or has given up. Whoever opens a barrier changes the folder in the same transaction.
 */
export async function sweep(session: Session, { path }: BarrierPlace, { names, ready: own }: Swept): Promise<void> {
  const [folder, ready, present] = await Promise.all([
    getOrUndefined(session, path),
    getOrUndefined(session, `${path}/${READY}`),
    childrenOf(session, path),
  ]);
  if (folder === undefined || ready === undefined) return;
  const admitted = decodeReady(ready.data) ?? [];
  const isOfRound = ready.stat.czxid === own || admitted.some((name) => names.includes(name));
  if (!isOfRound || present.some((name) => admitted.includes(name) || names.includes(name))) return;
  const operations: readonly Op[] = [
    { kind: 'check', path, version: folder.stat.version },
    { kind: 'delete', path: `${path}/${READY}`, version: ANY_VERSION },
  ];
  await session.multi(operations).catch((thrown: unknown) => {
    if (!isZooKeeperError(thrown, 'no-node', 'bad-version')) throw thrown;
  });
}
