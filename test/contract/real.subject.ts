import { createSessions } from '../../src/zookeeper/session/sessions.js';
import type { Session, Sessions } from '../../src/zookeeper/session/session.js';
import { systemClock } from '../../src/zookeeper/support/clock.js';
import { silentObserver } from '../../src/zookeeper/support/observer.js';
import { startAdmin, type Admin } from '../support/admin.js';
import { eventually, within } from '../support/eventually.js';
import { WRITES } from '../support/frames.js';
import { startProxy, type FaultProxy } from '../support/proxy.js';
import { startRealServer } from '../support/zookeeper.js';
import { createContainer } from './container.js';
import type { Client, Subject } from './subject.js';

const SESSION_TIMEOUT_MS = 8_000;

/** A server that clients reach by TCP. */
export interface Server extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly connectString: string;
}

/** A server behind a port, and the library's own sessions at it, each behind a proxy that can break its connection. */
export class RealSubject implements Subject {
  private readonly clients: RealClient[] = [];

  private constructor(
    private readonly server: Server,
    private readonly admin: Admin,
  ) {}

  static async start(start: () => Promise<Server> = startRealServer): Promise<RealSubject> {
    const server = await start();
    return new RealSubject(server, await startAdmin(server.connectString));
  }

  async open(): Promise<Client> {
    const proxy = await startProxy(this.server);
    const client = await RealClient.connect(proxy, this.admin);
    this.clients.push(client);
    return client;
  }

  createContainer(path: string): Promise<void> {
    return createContainer(this.server, path);
  }

  async run(test: () => Promise<void>): Promise<void> {
    try {
      await test();
    } finally {
      await Promise.all(this.clients.splice(0).map((client) => client.dispose()));
    }
  }

  async close(): Promise<void> {
    await this.admin[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
  }
}

class RealClient implements Client {
  private constructor(
    readonly session: Session,
    private readonly sessions: Sessions,
    private readonly proxy: FaultProxy,
    private readonly admin: Admin,
    private readonly password: () => Buffer,
  ) {}

  static async connect(proxy: FaultProxy, admin: Admin): Promise<RealClient> {
    let password: Buffer = Buffer.alloc(0);
    proxy.onFrame((frame) => {
      // ConnectResponse: length, protocol version, timeout, session id (8), then the password with its length.
      if (frame.kind === 'connect' && frame.direction === 'to-client')
        password = frame.bytes.subarray(24, 24 + frame.bytes.readInt32BE(20));
      return 'pass';
    });
    const sessions = createSessions({
      connectString: proxy.connectString,
      sessionTimeoutMs: SESSION_TIMEOUT_MS,
      clock: systemClock,
      observer: silentObserver,
    });
    const first = new Promise<Session>((resolve) => sessions.onSession(resolve));
    sessions.start();
    return new RealClient(await within(first, 'a session'), sessions, proxy, admin, () => password);
  }

  async cut(): Promise<void> {
    const detached = this.noticed();
    this.proxy.refuse();
    this.proxy.resetAll();
    await detached;
  }

  async mend(): Promise<void> {
    const attached = new Promise<void>((resolve) => {
      const forget = this.session.onAttached(() => {
        forget();
        resolve();
      });
    });
    this.proxy.pass();
    await within(attached, 'the session to be attached again');
  }

  async loseAnswerTo(write: () => Promise<unknown>): Promise<unknown> {
    const detached = this.noticed();
    const remove = this.proxy.onFrame((frame) => {
      if (frame.kind !== 'reply' || frame.op === undefined || !WRITES.includes(frame.op)) return 'pass';
      remove();
      this.proxy.refuse();
      return 'reset';
    });
    const written = write();
    written.catch(() => undefined);
    await detached;
    return written;
  }

  async kill(): Promise<void> {
    const { id } = this.session;
    await this.admin.endSession(id, this.password());
    await eventually(
      async () => {
        for (const path of await this.admin.tree())
          if ((await this.admin.info(path))?.ephemeralOwner === id) throw new Error(`${path} is still there`);
      },
      { what: 'the ephemeral nodes of the killed session to go' },
    );
  }

  close(): Promise<'closed' | 'abandoned'> {
    return this.sessions.stop(5_000);
  }

  async dispose(): Promise<void> {
    await this.close();
    await this.proxy[Symbol.asyncDispose]();
  }

  private noticed(): Promise<void> {
    const detached = new Promise<void>((resolve) => {
      const forget = this.session.onDetached(() => {
        forget();
        resolve();
      });
    });
    return within(detached, 'the client to notice the cut');
  }
}
