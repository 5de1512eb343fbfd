import { connectedWithin } from '../../session/connected.js';
import { makeParents, withParents } from '../../session/parents.js';
import type { Session } from '../../session/session.js';
import { unlessAborted } from '../../support/abort.js';
import { isConnectionLost, isSessionLost } from '../../wire/errors.js';
import {
  ANY_VERSION,
  type CreateMode,
  type NodeMode,
  type Op,
  type OpResult,
  type Right,
  type Stat,
  type Watcher,
} from '../../wire/operations.js';
import { isOwnNode } from '../../support/own-nodes.js';
import { OwnNodeError } from './errors.js';
import { lookAtChildren, lookAtNode, watched, type WatchParts } from './watches.js';

/** How long an operation waits for a session. */
export interface NodeOptions {
  /** Milliseconds. Default 10 000; 0: not at all. */
  readonly waitMs?: number | undefined;
  /** Gives the caller up, not the request: a change that was sent may still happen. Rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of what changes a node. */
export interface ChangeOptions extends NodeOptions {
  /**
   * True: also nodes that this library keeps below `rootPath`. Changing them may stop jobs or give a lock to two.
   * Default false.
   */
  readonly ownNodes?: boolean | undefined;
}

/** Options of what changes a node that is there. */
export interface VersionOptions extends ChangeOptions {
  /** Only if the node still has this version of its data (`stat.version`; 0 is one). Default: any. */
  readonly version?: number | undefined;
}

/** Options of a new node. */
export interface CreateOptions extends ChangeOptions {
  /**
   * An `ephemeral` node goes with the session; a `sequential` one gets a growing number of ten digits behind its name;
   * a `container` is deleted by ZooKeeper some time after its last child has gone. Default `'persistent'`.
   */
  readonly mode?: NodeMode | undefined;
  /** True: parents that are missing are made, too, as persistent nodes that keep what they are. Default false. */
  readonly parents?: boolean | undefined;
  /** Who may do what. Default: as the module's option `auth` says; without it, everybody everything. */
  readonly rights?: readonly Right[] | undefined;
}

/** One operation of a transaction. `version` as for the single ones. */
export type NodeChange =
  | ({
      readonly kind: 'create';
      readonly path: string;
      readonly data?: NodeData;
      /** As for a single one, but no container. */
      readonly mode?: CreateMode | undefined;
    } & Pick<CreateOptions, 'rights'>)
  | { readonly kind: 'set'; readonly path: string; readonly data: NodeData; readonly version?: number | undefined }
  | { readonly kind: 'delete' | 'check'; readonly path: string; readonly version?: number | undefined };

/** Options of what changes the rights of a node. */
export interface RightsOptions extends ChangeOptions {
  /** Only if the node still has this version of its rights (`stat.aversion`; 0 is one). Default: any. */
  readonly version?: number | undefined;
}

/** Who may do what with a node. */
export interface NodeRights {
  /** What is allowed to whom. Hashes of passwords are hidden from who may not change them. */
  readonly rights: readonly Right[];
  /** As it was when they were read. */
  readonly stat: Stat;
}

/** Text is written as UTF-8. At most 1 MiB with everything else in the request. */
export type NodeData = string | Uint8Array;

/** A node as read. */
export interface NodeContent {
  /** As it was written; empty when nothing was. */
  readonly data: Buffer;
  /** As it was when the data was read. */
  readonly stat: Stat;
}

/** A node's children as read. */
export interface NodeChildren {
  /** Sorted. */
  readonly names: readonly string[];
  /** Of the node that they are below. */
  readonly stat: Stat;
}

export interface NodeClientOptions extends WatchParts {
  readonly rootPath: string;
}

const DEFAULT_WAIT_MS = 10_000;

/**
 * The basic operations on the session in force. Reads are repeated over a lost connection; a change only when nothing
 * of it was sent.
 */
export class NodeClient {
  constructor(private readonly options: NodeClientOptions) {}

  async create(path: string, data: NodeData, options: CreateOptions): Promise<string> {
    this.refuse(path, options);
    const { mode = 'persistent', parents = false, rights } = options;
    return this.change(options, async (session) => {
      if (parents) await makeParents(session, withParents(path).slice(0, -1));
      return session.create(path, bytesOf(data), mode, rights === undefined ? {} : { access: rights });
    });
  }

  get(path: string, options: NodeOptions): Promise<NodeContent> {
    return this.read(options, (session) => session.get(path));
  }

  exists(path: string, options: NodeOptions): Promise<Stat | undefined> {
    return this.read(options, (session) => session.exists(path));
  }

  children(path: string, options: NodeOptions): Promise<NodeChildren> {
    return this.read(options, async (session) => sorted(await session.children(path)));
  }

  sync(path: string, options: NodeOptions): Promise<void> {
    return this.read(options, (session) => session.sync(path));
  }

  async set(path: string, data: NodeData, options: VersionOptions): Promise<Stat> {
    this.refuse(path, options);
    return this.change(options, (session) => session.set(path, bytesOf(data), options.version ?? ANY_VERSION));
  }

  async delete(path: string, options: VersionOptions): Promise<void> {
    this.refuse(path, options);
    return this.change(options, (session) => session.delete(path, options.version ?? ANY_VERSION));
  }

  rights(path: string, options: NodeOptions): Promise<NodeRights> {
    return this.read(options, (session) => session.rights(path));
  }

  async setRights(path: string, rights: readonly Right[], options: RightsOptions): Promise<Stat> {
    this.refuse(path, options);
    return this.change(options, (session) => session.setRights(path, rights, options.version ?? ANY_VERSION));
  }

  async multi(changes: readonly NodeChange[], options: ChangeOptions): Promise<readonly OpResult[]> {
    for (const { kind, path } of changes) if (kind !== 'check') this.refuse(path, options);
    const operations = changes.map(operationOf);
    return this.change(options, (session) => session.multi(operations));
  }

  watch(path: string, signal?: AbortSignal): AsyncIterableIterator<NodeContent | undefined> {
    const look = (session: Session, watch: Watcher): Promise<NodeContent | undefined> => lookAtNode(session, path, watch);
    return watched(this.options, path, look, (seen) => (seen === undefined ? '' : `${seen.stat.czxid} ${seen.stat.mzxid}`), signal);
  }

  watchChildren(path: string, signal?: AbortSignal): AsyncIterableIterator<NodeChildren | undefined> {
    const look = async (session: Session, watch: Watcher): Promise<NodeChildren | undefined> => {
      const found = await lookAtChildren(session, path, watch);
      return found && sorted(found);
    };
    return watched(this.options, path, look, (seen) => (seen === undefined ? '' : `${seen.stat.czxid} ${seen.stat.pzxid}`), signal);
  }

  private refuse(path: string, { ownNodes = false }: ChangeOptions): void {
    if (!ownNodes && isOwnNode(path, this.options.rootPath)) throw new OwnNodeError(path);
  }

  private read<T>(options: NodeOptions, call: (session: Session) => Promise<T>): Promise<T> {
    return this.ask(options, call, () => true);
  }

  private change<T>(options: NodeOptions, call: (session: Session) => Promise<T>): Promise<T> {
    return this.ask(options, call, (thrown) => !(isConnectionLost(thrown) && thrown.outcomeUnknown));
  }

  private async ask<T>(
    { waitMs = DEFAULT_WAIT_MS, signal }: NodeOptions,
    call: (session: Session) => Promise<T>,
    mayRepeat: (thrown: unknown) => boolean,
  ): Promise<T> {
    const { sessions, clock, consequence } = this.options;
    const untilMs = clock.monotonicMs() + waitMs;
    for (;;) {
      const timeoutMs = Math.max(0, untilMs - clock.monotonicMs());
      const session = await connectedWithin(sessions, clock, { timeoutMs, signal, consequence });
      try {
        return await unlessAborted(call(session), signal);
      } catch (thrown) {
        const isLost = isConnectionLost(thrown) || isSessionLost(thrown);
        if (!isLost || !mayRepeat(thrown) || clock.monotonicMs() >= untilMs) throw thrown;
      }
    }
  }
}

function operationOf(change: NodeChange): Op {
  const { path } = change;
  switch (change.kind) {
    case 'create': {
      const { data = '', mode = 'persistent', rights } = change;
      return { kind: 'create', path, data: bytesOf(data), mode, ...(rights === undefined ? {} : { access: rights }) };
    }
    case 'set':
      return { kind: 'set', path, data: bytesOf(change.data), version: change.version ?? ANY_VERSION };
    case 'delete':
    case 'check':
      return { kind: change.kind, path, version: change.version ?? ANY_VERSION };
  }
}

function bytesOf(data: NodeData): Buffer {
  return typeof data === 'string' ? Buffer.from(data) : Buffer.from(data);
}

function sorted({ names, stat }: NodeChildren): NodeChildren {
  return { names: names.toSorted(), stat };
}
