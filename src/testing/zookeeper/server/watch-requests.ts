import type { ZooKeeperReason } from '../../../zookeeper/wire/errors.js';
import type { WatchEvent } from '../../../zookeeper/wire/operations.js';
import type { JuteWriter } from '../protocol/jute.js';
import type { WatchRequest, WatchTarget } from '../protocol/requests.js';
import type { Tree } from '../state/tree.js';
import type { Watches, WatchKind } from '../state/watches.js';

interface Answer {
  readonly body?: (to: JuteWriter) => void;
  /** Undefined: it was done. */
  readonly refused?: ZooKeeperReason;
}

const KINDS_OF: Readonly<Record<WatchTarget, readonly WatchKind[]>> = {
  child: ['child', 'persistent', 'recursive'],
  data: ['data', 'persistent', 'recursive'],
  any: ['data', 'child', 'persistent', 'recursive'],
};

/** Does what a client asks about its watches. `tell` is told what it has missed. */
export function answerWatch<W>(watches: Watches<W>, by: W, request: WatchRequest, tree: Tree, tell: (event: WatchEvent) => void): Answer {
  if (request.kind === 'set-watches') {
    watches.rearm(request.watches, by, tree, tell);
    return {};
  }
  const { path } = request;
  if (request.kind === 'add-watch') {
    if (request.watch === undefined) return { refused: 'bad-arguments' };
    watches.add(request.watch, path, by);
    // ErrorResponse, with "no error" in it (FinalRequestProcessor, 3.8).
    return { body: (to) => void to.int(0) };
  }
  if (request.target === undefined) return { refused: 'bad-arguments' };
  const act = (kind: WatchKind): boolean =>
    request.kind === 'check-watches' ? watches.has(kind, path, by) : watches.remove(kind, path, by);
  return KINDS_OF[request.target].map(act).includes(true) ? {} : { refused: 'no-watcher' };
}
