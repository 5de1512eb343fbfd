import { setTimeout as wait } from 'node:timers/promises';
import packageModule from 'node-zookeeper-client';
import { within, WITHIN_MS } from './eventually.js';

/** As `node-zookeeper-client` has it; the parts used here. */
interface RawClient {
  once(event: 'connected' | 'disconnected' | 'expired', listener: () => void): void;
  connect(): void;
  close(): void;
  getSessionId(): Buffer;
  getSessionPassword(): Buffer;
  addAuthInfo(scheme: string, auth: Buffer): void;
  create(path: string, data: Buffer, mode: number, done: (error: RawError | null, path: string) => void): void;
  setData(path: string, data: Buffer, version: number, done: (error: RawError | null, stat: RawStat) => void): void;
  getData(path: string, done: (error: RawError | null, data: Buffer | undefined, stat: RawStat) => void): void;
  exists(path: string, done: (error: RawError | null, stat: RawStat | null) => void): void;
  getChildren(path: string, done: (error: RawError | null, names: string[]) => void): void;
  remove(path: string, version: number, done: (error: RawError | null) => void): void;
  setACL(path: string, rights: readonly unknown[], version: number, done: (error: RawError | null) => void): void;
  transaction(): RawTransaction;
}

interface RawTransaction {
  remove(path: string): void;
  create(path: string, data: Buffer, mode: number): void;
  commit(done: (error: RawError | null) => void): void;
}

interface RawError {
  readonly code: number;
  toString(): string;
}

interface RawStat {
  readonly version: number;
  readonly ephemeralOwner: Buffer;
  readonly czxid: Buffer;
  readonly mzxid: Buffer;
}

const zookeeper = packageModule as {
  createClient(connectString: string, options: Record<string, number>): RawClient;
  readonly CreateMode: Readonly<Record<'PERSISTENT' | 'EPHEMERAL' | 'EPHEMERAL_SEQUENTIAL' | 'PERSISTENT_SEQUENTIAL', number>>;
  readonly Id: new (scheme: string, id: string) => unknown;
  readonly ACL: new (permission: number, id: unknown) => unknown;
  readonly Permission: Readonly<Record<'READ' | 'ALL', number>>;
  readonly Exception: Readonly<Record<'NO_NODE' | 'NODE_EXISTS' | 'NOT_EMPTY' | 'CONNECTION_LOSS' | 'SESSION_EXPIRED', number>>;
};

/** How long an answer to what may be repeated is waited for before it is asked anew, and how often over one client. */
const ASKED_ANEW_MS = 10_000;
const CLIENT_LEFT_AFTER = 3;

export interface AdminOptions {
  readonly sessionTimeoutMs?: number;
  /** `user:password` of the digest scheme. */
  readonly digest?: string;
}

export interface NodeInfo {
  readonly data: string;
  readonly version: number;
  /** 0n: persistent. */
  readonly ephemeralOwner: bigint;
  readonly czxid: bigint;
  readonly mzxid: bigint;
}

/**
 * An operator at the ensemble, independent of the library under test: plain `node-zookeeper-client` with a session of
 * its own. Any operation that gets no answer fails after a while; one that may be repeated is, when a slow machine has
 * lost the connection meanwhile. A session that the server has ended, as it does when this process stood still for too
 * long, is followed by another one.
 */
export class Admin {
  #client: RawClient;
  #isClosed = false;

  constructor(
    client: RawClient,
    readonly connectString: string,
    private readonly options: AdminOptions,
  ) {
    this.#client = this.#followed(client);
  }

  /** The client of the session of now. */
  get client(): RawClient {
    return this.#client;
  }

  get sessionId(): bigint {
    return this.client.getSessionId().readBigInt64BE(0);
  }

  /** Creates a node and the parents it lacks. */
  async create(path: string, data = '', mode: keyof typeof zookeeper.CreateMode = 'PERSISTENT'): Promise<string> {
    const parent = path.slice(0, path.lastIndexOf('/'));
    if (parent !== '' && !(await this.exists(parent))) await this.create(parent).catch(ignore(zookeeper.Exception.NODE_EXISTS));
    return this.#ask(`create ${path}`, (done) => this.client.create(path, Buffer.from(data), zookeeper.CreateMode[mode], done));
  }

  /** Writes a node that exists, whatever its version. */
  async set(path: string, data: string): Promise<void> {
    await this.#repeat<RawStat>(`set ${path}`, (done) => this.client.setData(path, Buffer.from(data), -1, done));
  }

  /** The node's text, or undefined when there is no node. */
  async read(path: string): Promise<string | undefined> {
    return (await this.info(path))?.data;
  }

  async info(path: string): Promise<NodeInfo | undefined> {
    const found = await this.#repeat<readonly [Buffer | undefined, RawStat]>(`get ${path}`, (done) =>
      this.client.getData(path, (error, data, stat) => done(error, [data, stat])),
    ).catch(ignore(zookeeper.Exception.NO_NODE));
    if (found === undefined) return undefined;
    const [data, stat] = found;
    const wide = { ephemeralOwner: stat.ephemeralOwner, czxid: stat.czxid, mzxid: stat.mzxid };
    const [ephemeralOwner, czxid, mzxid] = Object.values(wide).map((bytes) => bytes.readBigInt64BE(0)) as [bigint, bigint, bigint];
    return { data: data?.toString() ?? '', version: stat.version, ephemeralOwner, czxid, mzxid };
  }

  async exists(path: string): Promise<boolean> {
    return (await this.#repeat<RawStat | null>(`exists ${path}`, (done) => this.client.exists(path, done))) !== null;
  }

  /** The children's names, sorted; none when there is no node. */
  async children(path: string): Promise<string[]> {
    const names = await this.#repeat<string[]>(`children ${path}`, (done) => this.client.getChildren(path, done)).catch(
      ignore(zookeeper.Exception.NO_NODE),
    );
    return (names ?? []).sort();
  }

  /** Deletes a node, whatever its version; false when there was none. */
  async delete(path: string): Promise<boolean> {
    const gone = await this.#repeat<unknown>(`delete ${path}`, (done) => this.client.remove(path, -1, (error) => done(error, true))).catch(
      ignore(zookeeper.Exception.NO_NODE),
    );
    return gone === true;
  }

  /**
   * What everybody may do with a node and its children from now on; `'read'` leaves everybody the right to give more.
   */
  async setRights(path: string, rights: 'read' | 'all'): Promise<void> {
    const { ACL, Id, Permission } = zookeeper;
    const ADMIN = 16;
    const permission = rights === 'all' ? Permission.ALL : Permission.READ | ADMIN;
    const given = [new ACL(permission, new Id('world', 'anyone'))];
    await this.#repeat<unknown>(`the rights of ${path}`, (done) => this.client.setACL(path, given, -1, (error) => done(error, true)));
  }

  /** Puts an ephemeral node of its own in place of one, in one transaction: nobody can come between. */
  async takeOver(path: string, data: string): Promise<void> {
    const transaction = this.client.transaction();
    transaction.remove(path);
    transaction.create(path, Buffer.from(data), zookeeper.CreateMode.EPHEMERAL);
    await this.#ask<unknown>(`replace ${path}`, (done) => transaction.commit((error) => done(error, true)));
  }

  /** Deletes a node and all below it, also what is created there meanwhile. */
  async wipe(path: string): Promise<void> {
    for (let round = 0; round < 100; round += 1) {
      const below = (await this.tree(path)).filter((one) => one !== '/').reverse();
      if (below.length === 0 || !(await this.exists(path))) return;
      // Node by node, as tools do it; where replicas put nodes back meanwhile, all at once.
      if (round === 0) for (const one of below) await this.delete(one).catch(ignore(zookeeper.Exception.NOT_EMPTY));
      else await this.#deleteAtOnce(below);
    }
    throw new Error(`${path} is filled faster than it can be wiped.`);
  }

  /** In one transaction; changes nothing when a node has come or gone since it was listed. */
  async #deleteAtOnce(paths: readonly string[]): Promise<void> {
    const transaction = this.client.transaction();
    for (const path of paths) transaction.remove(path);
    await this.#ask<unknown>(`delete ${paths.length} nodes`, (done) => transaction.commit((error) => done(error, true))).catch(
      (error: unknown) => {
        if (!isCode(error, zookeeper.Exception.NOT_EMPTY) && !isCode(error, zookeeper.Exception.NO_NODE)) throw error;
      },
    );
  }

  /** Every path below `path`, itself included, sorted; without ZooKeeper's own `/zookeeper`. */
  async tree(path = '/'): Promise<string[]> {
    const below = (await this.children(path)).map((name) => `${path === '/' ? '' : path}/${name}`).filter((one) => one !== '/zookeeper');
    const deeper = await Promise.all(below.map((one) => this.tree(one)));
    return [path, ...deeper.flat()].sort();
  }

  /**
   * Ends another client's session from outside, as an operator could: by taking it over with its password and
   * closing it. Resolves when the session is over: its client may win it back before the order to close it arrives,
   * and is then overruled again.
   */
  async endSession(sessionId: bigint, password: Buffer): Promise<void> {
    for (;;) {
      const other = this.#clientOf(sessionId, password);
      const isOver = new Promise<true>((resolve) => other.once('expired', () => resolve(true)));
      const isTaken = new Promise<false>((resolve) => other.once('connected', () => resolve(false)));
      other.connect();
      if (await within(Promise.race([isOver, isTaken]), `the session 0x${sessionId.toString(16)}`)) return;
      const hasLeft = new Promise<void>((resolve) => other.once('disconnected', resolve));
      other.close();
      await within(hasLeft, 'the end of the connection');
    }
  }

  /**
   * Takes another client's session over with its password, and keeps it alive until `end` closes it: so a session can
   * outlive its process for as long as a test needs it, however slow the machine is.
   */
  async keepSession(sessionId: bigint, password: Buffer): Promise<{ end(): void }> {
    const other = this.#clientOf(sessionId, password);
    await connected(other, this.connectString);
    return { end: () => other.close() };
  }

  #clientOf(sessionId: bigint, password: Buffer): RawClient {
    const id = Buffer.alloc(8);
    id.writeBigInt64BE(sessionId);
    const other = zookeeper.createClient(this.connectString, { sessionTimeout: 10_000 });
    const manager = (other as unknown as { connectionManager: { sessionId: Buffer; sessionPassword: Buffer } }).connectionManager;
    manager.sessionId = id;
    manager.sessionPassword = password;
    return other;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.client.close();
    return Promise.resolve();
  }

  /** A client that answers nothing any more is left for a new one, with a session of its own. */
  #replace(client: RawClient): void {
    if (this.#isClosed || this.#client !== client) return;
    this.#client = this.#followed(createClient(this.connectString, this.options));
    this.#client.connect();
    client.close();
  }

  #followed(client: RawClient): RawClient {
    client.once('expired', () => {
      if (this.#isClosed || this.#client !== client) return;
      this.#client = this.#followed(createClient(this.connectString, this.options));
      this.#client.connect();
    });
    return client;
  }

  /**
   * A request that is under way when the connection is lost may never be answered by the package's client. So it is
   * asked anew after a while, and in the end over another client: the answer of the first that has one counts.
   */
  async #repeat<T>(what: string, call: (done: (error: RawError | null, value: T) => void) => void): Promise<T> {
    const untilMs = performance.now() + WITHIN_MS;
    for (let unanswered = 0; ;) {
      const { client } = this;
      try {
        return await this.#ask(what, call, ASKED_ANEW_MS);
      } catch (error) {
        const isUnanswered = error instanceof UnansweredError;
        const isLost = [zookeeper.Exception.CONNECTION_LOSS, zookeeper.Exception.SESSION_EXPIRED].some((code) => isCode(error, code));
        if (!(isLost || isUnanswered) || performance.now() > untilMs) throw error;
        if (isUnanswered && ++unanswered >= CLIENT_LEFT_AFTER) this.#replace(client);
      }
      await wait(100);
    }
  }

  #ask<T>(what: string, call: (done: (error: RawError | null, value: T) => void) => void, withinMs = WITHIN_MS): Promise<T> {
    const answer = new Promise<T>((resolve, reject) => {
      call((error, value) =>
        error ? reject(Object.assign(new Error(`${what}: ${error.toString()}`), { code: error.code })) : resolve(value),
      );
    });
    const asked = `the answer to ${what} from ${this.connectString}`;
    return within(answer, asked, withinMs, (message) => new UnansweredError(message));
  }
}

class UnansweredError extends Error {}

/** Connects an operator's client and waits until it has a session. `await using` it. */
export async function startAdmin(connectString: string, options: AdminOptions = {}): Promise<Admin> {
  const client = createClient(connectString, options);
  await connected(client, connectString);
  return new Admin(client, connectString, options);
}

function createClient(connectString: string, options: AdminOptions): RawClient {
  const client = zookeeper.createClient(connectString, { sessionTimeout: options.sessionTimeoutMs ?? 10_000, spinDelay: 100, retries: 0 });
  if (options.digest !== undefined) client.addAuthInfo('digest', Buffer.from(options.digest));
  return client;
}

async function connected(client: RawClient, connectString: string): Promise<void> {
  const ready = new Promise<void>((resolve) => client.once('connected', resolve));
  client.connect();
  await within(ready, `a session at ${connectString}`).catch((error: unknown) => {
    client.close();
    throw error;
  });
}

function isCode(error: unknown, code: number): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

function ignore(code: number): (error: unknown) => undefined {
  return (error) => {
    if (!isCode(error, code)) throw error;
    return undefined;
  };
}
