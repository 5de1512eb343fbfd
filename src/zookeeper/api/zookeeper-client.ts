import { Inject, Injectable } from '@nestjs/common';
import { NODE_CLIENT } from '../decorators/inject.js';
import { NoEnsembleError } from '../recipes/client/errors.js';
import type {
  ChangeOptions,
  CreateOptions,
  NodeChange,
  NodeChildren,
  NodeClient,
  NodeContent,
  NodeData,
  NodeOptions,
  NodeRights,
  RightsOptions,
  VersionOptions,
} from '../recipes/client/node-client.js';
import type { OpResult, Right, Stat } from '../wire/operations.js';

/**
 * The basic operations of ZooKeeper, on the session that the module has anyway. Paths are absolute, below the chroot
 * of `connectString`.
 *
 * Every operation waits for a session for up to `waitMs`. A read is repeated when the connection is lost; a change is
 * not, once it was sent: it then rejects with `ZK_CONNECTION_LOSS`, and may have happened. Make changes whose
 * repetition does no harm (with a `version`, or as a transaction with a `check`), and look before repeating them.
 *
 * All methods reject with a `ZooKeeperError` for what ZooKeeper refuses (`ZK_NO_NODE`, `ZK_NODE_EXISTS`,
 * `ZK_BAD_VERSION`, `ZK_NO_AUTH`, …), with `ZK_NOT_CONNECTED` when there was no session in time, with the signal's
 * reason, and with `ZK_NO_ENSEMBLE` under `standalone` and in the testing kit.
 */
@Injectable()
export class ZookeeperClient {
  constructor(@Inject(NODE_CLIENT) private readonly source: NodeClient | undefined) {}

  /**
   * Makes a node, and answers its path: with the number behind it in the sequential modes.
   * @throws {OwnNodeError} `ZK_OWN_NODE` for nodes of this library, unless `ownNodes` is true.
   */
  async create(path: string, data: NodeData = '', options: CreateOptions = {}): Promise<string> {
    return this.nodes().create(path, data, options);
  }

  /** A node's data and stat. @throws {ZooKeeperError} `ZK_NO_NODE` when there is none. */
  async get(path: string, options: NodeOptions = {}): Promise<NodeContent> {
    return this.nodes().get(path, options);
  }

  /**
   * Writes a node that is there, whole.
   * @throws {ZooKeeperError} `ZK_NO_NODE`, `ZK_BAD_VERSION`. {@link OwnNodeError} as `create`.
   */
  async set(path: string, data: NodeData, options: VersionOptions = {}): Promise<Stat> {
    return this.nodes().set(path, data, options);
  }

  /**
   * Deletes a node without children.
   * @throws {ZooKeeperError} `ZK_NO_NODE`, `ZK_BAD_VERSION`, `ZK_NOT_EMPTY`. {@link OwnNodeError} as `create`.
   */
  async delete(path: string, options: VersionOptions = {}): Promise<void> {
    return this.nodes().delete(path, options);
  }

  /** The node's stat, or undefined when there is none. */
  async exists(path: string, options: NodeOptions = {}): Promise<Stat | undefined> {
    return this.nodes().exists(path, options);
  }

  /** The names of the nodes right below it, sorted. @throws {ZooKeeperError} `ZK_NO_NODE`. */
  async children(path: string, options: NodeOptions = {}): Promise<NodeChildren> {
    return this.nodes().children(path, options);
  }

  /** Who may do what with a node. @throws {ZooKeeperError} `ZK_NO_NODE`, `ZK_NO_AUTH`. */
  async rights(path: string, options: NodeOptions = {}): Promise<NodeRights> {
    return this.nodes().rights(path, options);
  }

  /**
   * Sets who may do what with a node that is there, whole. Whoever is not named may do nothing any more, and that may
   * be this application itself.
   * @throws {ZooKeeperError} `ZK_NO_NODE`, `ZK_BAD_VERSION`, `ZK_NO_AUTH`, `ZK_INVALID_ACL` for an empty list, and for
   * ids that ZooKeeper does not know. {@link OwnNodeError} as `create`.
   */
  async setRights(path: string, rights: readonly Right[], options: RightsOptions = {}): Promise<Stat> {
    return this.nodes().setRights(path, rights, options);
  }

  /**
   * All of the changes or none. Answers what each has answered, in their order.
   * @throws {ZooKeeperError} that of the first operation that was refused, whose index is `details.opIndex`. {@link
   * OwnNodeError} as `create`.
   */
  async multi(changes: readonly NodeChange[], options: ChangeOptions = {}): Promise<readonly OpResult[]> {
    return this.nodes().multi(changes, options);
  }

  /**
   * Resolves when the server of this session has caught up with its leader, so that a read sees what others were told
   * was done.
   */
  async sync(path: string, options: NodeOptions = {}): Promise<void> {
    return this.nodes().sync(path, options);
  }

  /**
   * The node as it is now, undefined while there is none, and again after each change, over reconnects and new
   * sessions. Always the newest state: changes in quick succession may be one, a state that is as before is not told
   * again, and none is older than the one before it.
   *
   * Lasts until the loop is left, or rejects with the reason of `signal`; with `ZK_NOT_CONNECTED` when the application
   * stops. One iterator is for one loop.
   */
  watch(path: string, { signal }: Pick<NodeOptions, 'signal'> = {}): AsyncIterableIterator<NodeContent | undefined> {
    return this.nodes().watch(path, signal);
  }

  /** As `watch`, for the names right below a node: again after each that comes or goes. */
  watchChildren(path: string, { signal }: Pick<NodeOptions, 'signal'> = {}): AsyncIterableIterator<NodeChildren | undefined> {
    return this.nodes().watchChildren(path, signal);
  }

  private nodes(): NodeClient {
    if (this.source === undefined) throw new NoEnsembleError();
    return this.source;
  }
}
