import type { Session, SessionEnd, Sessions, SessionState } from '../../../src/zookeeper/session/session.js';
import type { Timer } from '../../../src/zookeeper/support/clock.js';
import { SimSession } from './client-session.js';
import type { Ensemble, ServerSession } from './ensemble.js';
import { Link } from './link.js';
import { Attachment, type Member } from './member.js';
import type { SimProcess } from './process.js';

/** Beyond its timeout, how long a session that cannot attach is waited for. */
const GIVE_UP_MARGIN_MS = 2_000;

/** The simulated supervisor of one process: keeps a session alive, and makes the next one when it ends. */
export class SimSessions implements Sessions {
  /** False: every connection is refused. */
  reachable = true;
  private session: SimSession | undefined;
  private visible: Session | undefined;
  private link: Link | undefined;
  private attempt = 0;
  private giveUp: Timer | undefined;
  private phase: SessionState = { kind: 'idle' };
  private readonly sessionListeners = new Set<(session: Session) => void>();
  private readonly stateListeners = new Set<(state: SessionState) => void>();

  constructor(
    private readonly process: SimProcess,
    private readonly ensemble: Ensemble,
    private readonly timeoutMs: number,
    /** What the outside gets to see of a session. */
    private readonly shown: (session: SimSession) => Session = (session) => session,
  ) {}

  start(): void {
    if (this.phase.kind !== 'idle') return;
    this.become({ kind: 'connecting', sinceMs: this.process.monotonicMs(), attempts: 0 });
    this.connect();
  }

  current(): Session | undefined {
    return this.visible;
  }

  /** The present connection, for faults. */
  get connection(): Link | undefined {
    return this.link;
  }

  onSession(listener: (session: Session) => void): () => void {
    this.sessionListeners.add(listener);
    if (this.visible !== undefined) listener(this.visible);
    return () => void this.sessionListeners.delete(listener);
  }

  state(): SessionState {
    return this.phase;
  }

  onState(listener: (state: SessionState) => void): () => void {
    this.stateListeners.add(listener);
    return () => void this.stateListeners.delete(listener);
  }

  stop(limitMs: number): Promise<'closed' | 'abandoned'> {
    const { session } = this;
    this.attempt += 1;
    this.giveUp?.cancel();
    this.become({ kind: 'stopped' });
    return new Promise((resolve) => {
      let over = false;
      const finish = (how: 'closed' | 'abandoned'): void => {
        if (over) return;
        over = true;
        timer.cancel();
        session?.end('closed');
        this.session = undefined;
        this.visible = undefined;
        this.link?.closeByClient();
        resolve(how);
      };
      const timer = this.process.after(limitMs, () => finish('abandoned'));
      if (session === undefined) return finish('closed');
      if (!session.attached) return finish('abandoned');
      session.onDetached(() => finish('abandoned'));
      session.close(() => finish('closed'));
    });
  }

  /** One try at one member; `pauseMs` before the next. */
  private connect(): void {
    const attempt = (this.attempt += 1);
    const { world } = this.ensemble;
    const member = world.choices.pick(this.ensemble.members);
    const link = new Link(world, this.process);
    this.link = link;
    const again = (): void => {
      if (this.attempt !== attempt) return;
      this.attempt += 1;
      timer.cancel();
      link.closeByClient();
      this.process.after(world.choices.between(10, world.choices.calm ? 100 : 960), () => this.retry());
    };
    const timer = this.process.after((this.timeoutMs * 2) / 3 / this.ensemble.members.length, again);
    link.onClientClosed = again;
    const answer = (server: ServerSession | undefined): void => {
      if (this.attempt !== attempt) return;
      timer.cancel();
      this.answered(link, member, server);
    };
    link.up(() => this.ask(link, member, answer));
  }

  private retry(): void {
    if (this.phase.kind === 'stopped' || this.session?.attached) return;
    this.connect();
  }

  /** At the member: it takes the client in, or turns it away. */
  private ask(link: Link, member: Member, answer: (session: ServerSession | undefined) => void): void {
    const { session, ensemble } = this;
    const accept = (server: ServerSession): void => {
      const attachment = new Attachment(link, member, server, (event) => this.session?.onEvent(event));
      ensemble.attach(attachment);
      this.attachmentOf.set(link, attachment);
      link.down(() => answer(server));
    };
    if (!ensemble.serves || !this.reachable) return link.closeByServer();
    if (session === undefined) return ensemble.openSession(member, this.timeoutMs, accept);
    // ZooKeeperServer.processConnectRequest (3.8): a client that has seen more than this server is turned away.
    if (session.lastZxid > member.tree.zxid) return link.closeByServer();
    ensemble.reopenSession(member, session.id, (server) => (server === undefined ? link.down(() => answer(undefined)) : accept(server)));
  }

  private readonly attachmentOf = new WeakMap<Link, Attachment>();

  private answered(link: Link, member: Member, server: ServerSession | undefined): void {
    if (server === undefined) return this.over('expired');
    const attachment = this.attachmentOf.get(link);
    if (attachment === undefined) throw new Error('attached without an attachment');
    const first = this.session === undefined;
    if (first) {
      this.session = this.made(server);
      this.visible = this.shown(this.session);
    }
    this.giveUp?.cancel();
    this.giveUp = undefined;
    const { session, visible } = this;
    if (session === undefined || visible === undefined) return;
    session.attach(attachment);
    this.become({
      kind: 'attached',
      sessionId: session.id,
      timeoutMs: session.timeoutMs,
      server: member.name,
      sinceMs: this.process.monotonicMs(),
    });
    if (first) for (const listener of [...this.sessionListeners]) listener(visible);
  }

  private made(server: ServerSession): SimSession {
    const session = new SimSession(this.process, server);
    this.process.world.trace(`${this.process.name}: session ${session.id.toString(16)}`);
    session.onDetached(() => {
      if (this.phase.kind === 'stopped' || session.ended.aborted) return;
      this.become({ kind: 'detached', sessionId: session.id, sinceMs: this.process.monotonicMs() });
      this.giveUp ??= this.process.after(session.timeoutMs + GIVE_UP_MARGIN_MS, () => this.over('given up'));
      this.attempt += 1;
      this.process.after(this.process.world.choices.between(0, 20), () => this.retry());
    });
    return session;
  }

  private over(why: SessionEnd): void {
    const { session } = this;
    this.process.world.trace(`${this.process.name}: session ${session?.id.toString(16)} ${why}`);
    this.attempt += 1;
    this.giveUp?.cancel();
    this.giveUp = undefined;
    this.session = undefined;
    this.visible = undefined;
    this.link?.closeByClient();
    session?.end(why);
    this.become({ kind: 'connecting', sinceMs: this.process.monotonicMs(), attempts: 0 });
    this.process.after(1, () => this.retry());
  }

  private become(state: SessionState): void {
    this.phase = state;
    for (const listener of [...this.stateListeners]) listener(state);
  }
}
