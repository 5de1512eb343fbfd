import type { WatchEvent } from '../../../zookeeper/wire/operations.js';
import type { JuteWriter } from '../protocol/jute.js';
import { connectReply, eventFrame, identities, partError, partHeader, partsEnd, replyTo, texts, writeResult } from '../protocol/replies.js';
import type { ConnectRequest, NumberedRequest, ReadRequest, Request, WatchRequest, WriteRequest } from '../protocol/requests.js';
import { Tree } from '../state/tree.js';
import { Watches } from '../state/watches.js';
import type { Identity, Txn } from '../state/znode.js';
import { identityOf, shownIdentity } from './identity.js';
import { answerRead, codeOf } from './reads.js';
import { answerWatch } from './watch-requests.js';
import { SessionTable, type ServerSession } from './sessions.js';

/** What the core needs of a connection. */
export interface Peer {
  /** The address that it comes from. */
  readonly address: string;
  send(frame: Buffer): void;
  /** Closes it once everything sent before is out. */
  close(): void;
}

/** A connection that has a session. */
export interface Client {
  readonly peer: Peer;
  readonly session: ServerSession<Client>;
  /** Who it has shown to be. */
  readonly identities: Identity[];
}

/** A change, as it is written down: a transaction, and the session that it opens or ends. */
export interface Change {
  readonly txn: Pick<Txn, 'zxid' | 'puts'>;
  readonly opened?: { readonly id: bigint; readonly timeoutMs: number };
  readonly ended?: bigint;
}

/** All that a server must know to go on after a restart. */
export interface Image {
  readonly tree: Tree;
  readonly sessions: ReadonlyArray<{ readonly id: bigint; readonly timeoutMs: number }>;
}

export interface CoreOptions {
  readonly tickTimeMs: number;
  readonly minSessionTimeoutMs: number;
  readonly maxSessionTimeoutMs: number;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonicMs: () => number;
  /** Milliseconds since 1970. */
  readonly wallMs: () => number;
  /** Called with each change before anybody hears of it. What it throws refuses the change. */
  readonly onChange: (change: Change) => void;
  /** Called when a session has come whose timeout may end before those of all others. */
  readonly onTimeout: () => void;
}

const NO_SESSION = { id: 0n, timeoutMs: 0, password: Buffer.alloc(16) };

/**
 * One ZooKeeper server without a socket, a file or a timer: requests go in, frames come out, and time is what it is
 * told. It is alone, so a write is decided, done and answered in one step.
 */
export class Core {
  readonly sessions: SessionTable<Client>;
  readonly watches = new Watches<Client>();
  readonly tree: Tree;

  constructor(
    private readonly options: CoreOptions,
    image: Image,
  ) {
    this.tree = image.tree;
    this.sessions = new SessionTable(options.tickTimeMs, options.wallMs());
    for (const { id, timeoutMs } of image.sessions) this.sessions.restore(id, timeoutMs, options.monotonicMs());
  }

  /** All that lasts, for the next server, once this one is no longer used. */
  handOver(): Image {
    return { tree: this.tree, sessions: this.sessions.all().map(({ id, timeoutMs }) => ({ id, timeoutMs })) };
  }

  /** A copy of all that lasts, as of now. */
  image(): Image {
    return { ...this.handOver(), tree: this.tree.copy() };
  }

  /** A connection asks for a session, or for its own again. Undefined: it was turned away. */
  connect(peer: Peer, request: ConnectRequest): Client | undefined {
    // ZooKeeperServer.processConnectRequest (3.8): a client that has seen more than this server is
    // turned away without an answer.
    if (request.lastZxid > this.tree.zxid) {
      peer.close();
      return undefined;
    }
    const { minSessionTimeoutMs, maxSessionTimeoutMs } = this.options;
    const timeoutMs = Math.min(maxSessionTimeoutMs, Math.max(minSessionTimeoutMs, request.timeoutMs));
    const withReadOnly = request.readOnly !== undefined;
    const session = request.sessionId === 0n ? this.opened(timeoutMs) : this.reopened(request, timeoutMs);
    if (session === undefined) {
      peer.send(connectReply(NO_SESSION, withReadOnly));
      peer.close();
      return undefined;
    }
    const client: Client = { peer, session, identities: [{ scheme: 'ip', id: peer.address }] };
    session.client = client;
    this.options.onTimeout();
    peer.send(connectReply(session, withReadOnly));
    return client;
  }

  /** The connection is gone; its session waits for another one. */
  disconnected(client: Client): void {
    this.watches.drop(client);
    if (client.session.client === client) client.session.client = undefined;
  }

  handle(client: Client, { xid, request }: NumberedRequest): void {
    const { session } = client;
    if (session.client !== client) return;
    this.sessions.heard(session, this.options.monotonicMs());
    switch (request.kind) {
      case 'write':
        return this.write(client, xid, request.write);
      case 'multi':
        return this.multi(client, xid, request.writes);
      case 'read':
        return this.read(client, xid, request.read);
      case 'multi-read':
        return this.multiRead(client, xid, request.reads);
      case 'close':
        this.commitEnd(session.id);
        this.sessions.remove(session);
        this.reply(client, xid);
        this.disconnected(client);
        return client.peer.close();
      case 'auth':
        return this.authenticate(client, xid, request);
      case 'unknown':
        client.peer.send(replyTo(xid, this.tree.zxid, codeOf('unimplemented')));
        return client.peer.close();
      case 'refused':
        return client.peer.send(replyTo(xid, this.tree.zxid, codeOf(request.reason)));
      case 'sync':
        return this.reply(client, xid, (to) => to.text(request.path));
      case 'ping':
        return this.reply(client, xid);
      case 'who':
        return this.reply(client, xid, (to) => identities(to, client.identities.map(shownIdentity)));
      case 'ephemerals': {
        const paths = this.tree.ownedBy(session.id).filter((path) => path.startsWith(request.prefix));
        return this.reply(client, xid, (to) => texts(to, paths));
      }
      case 'set-watches':
      case 'add-watch':
      case 'remove-watches':
      case 'check-watches':
        return this.watch(client, xid, request);
    }
  }

  /** Ends a session, as its timeout would: its ephemeral nodes go in one transaction, its connection after that. */
  endSession(session: ServerSession<Client>): void {
    this.commitEnd(session.id);
    this.sessions.remove(session);
    const { client } = session;
    if (client === undefined) return;
    this.disconnected(client);
    client.peer.close();
  }

  /** Takes away the containers that are used up. */
  sweepContainers(): void {
    for (const path of this.tree.usedUpContainers()) {
      this.commit(this.tree.decide([{ kind: 'delete', path, version: -1 }], { ...this.stamp(), session: 0n }));
    }
  }

  private opened(timeoutMs: number): ServerSession<Client> {
    const session = this.sessions.open(timeoutMs, this.options.monotonicMs());
    this.commit(this.tree.decide([], { ...this.stamp(), session: session.id }), { opened: { id: session.id, timeoutMs } });
    return session;
  }

  private reopened({ sessionId, password }: ConnectRequest, timeoutMs: number): ServerSession<Client> | undefined {
    const session = this.sessions.find(sessionId);
    if (session === undefined || !session.password.equals(password)) return undefined;
    const before = session.client;
    if (before !== undefined) {
      this.disconnected(before);
      before.peer.close();
    }
    session.timeoutMs = timeoutMs;
    this.sessions.heard(session, this.options.monotonicMs());
    return session;
  }

  private reply(client: Client, xid: number, body?: (to: JuteWriter) => void): void {
    client.peer.send(replyTo(xid, this.tree.zxid, 0, body));
  }

  private fail(client: Client, xid: number, code: number): void {
    client.peer.send(replyTo(xid, this.tree.zxid, code));
  }

  private write(client: Client, xid: number, { op, answer }: WriteRequest): void {
    const { outcome } = this.commit(this.tree.decide([op], this.stampOf(client)));
    if (!outcome.ok) return this.fail(client, xid, codeOf(outcome.reason));
    this.reply(client, xid, (to) => writeResult(to, outcome.results[0]!, answer));
  }

  private multi(client: Client, xid: number, writes: readonly WriteRequest[]): void {
    const ops = writes.map(({ op }) => op);
    const { outcome } = this.commit(this.tree.decide(ops, this.stampOf(client)));
    this.reply(client, xid, (to) => {
      for (const [index, { answer, opcode }] of writes.entries()) {
        if (outcome.ok) {
          partHeader(to, opcode, 0);
          writeResult(to, outcome.results[index]!, answer);
        } else {
          // DataTree.processTxn (3.8): those before the failed one are told 0, those after it "runtime inconsistency".
          const { opIndex, reason } = outcome;
          partError(to, index < opIndex ? 0 : codeOf(index === opIndex ? reason : 'runtime-inconsistency'));
        }
      }
      partsEnd(to);
    });
  }

  private read(client: Client, xid: number, read: ReadRequest): void {
    const { watch, body, refused } = answerRead(this.tree, read, client.identities);
    if (watch !== undefined) this.watches.add(watch, read.path, client);
    if (refused === undefined) this.reply(client, xid, body);
    else this.fail(client, xid, codeOf(refused));
  }

  private multiRead(client: Client, xid: number, reads: readonly ReadRequest[]): void {
    this.reply(client, xid, (to) => {
      for (const read of reads) {
        const { body, refused } = answerRead(this.tree, read, client.identities);
        if (refused === undefined) {
          partHeader(to, read.kind === 'get' ? 4 : 8, 0);
          body?.(to);
        } else partError(to, codeOf(refused));
      }
      partsEnd(to);
    });
  }

  private authenticate(client: Client, xid: number, { scheme, auth }: Request & { kind: 'auth' }): void {
    const identity = identityOf(scheme, auth, client.peer.address);
    if (identity === undefined) {
      this.fail(client, xid, codeOf('auth-failed'));
      return client.peer.close();
    }
    if (!client.identities.some((one) => one.scheme === identity.scheme && one.id === identity.id)) client.identities.push(identity);
    this.reply(client, xid);
  }

  private watch(client: Client, xid: number, request: WatchRequest): void {
    const answer = answerWatch(this.watches, client, request, this.tree, (event) => tell(client, event));
    if (answer.refused === undefined) this.reply(client, xid, answer.body);
    else this.fail(client, xid, codeOf(answer.refused));
  }

  private stamp(): { readonly zxid: bigint; readonly timeMs: number } {
    return { zxid: this.tree.zxid + 1n, timeMs: Math.floor(this.options.wallMs()) };
  }

  private stampOf({ session, identities }: Client): { zxid: bigint; timeMs: number; session: bigint; by: readonly Identity[] } {
    return { ...this.stamp(), session: session.id, by: identities };
  }

  private commitEnd(session: bigint): void {
    this.commit(this.tree.decideEnd(session, this.stamp()), { ended: session });
  }

  /** Writes a transaction down, puts it in place, and tells who watches. */
  private commit(txn: Txn, what: Omit<Change, 'txn'> = {}): Txn {
    this.options.onChange({ txn, ...what });
    this.tree.apply(txn);
    for (const event of txn.events) this.watches.trigger(event, (client) => tell(client, event));
    return txn;
  }
}

function tell(client: Client, event: WatchEvent): void {
  client.peer.send(eventFrame(event));
}
