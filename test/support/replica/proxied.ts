import { startProxy, type FaultProxy, type Frame } from '../proxy.js';
import { Fleet, type Replica, type ReplicaOptions } from './replica.js';

/** A session as another connection can attach to it. */
export interface Credentials {
  readonly sessionId: bigint;
  readonly password: Buffer;
}

/** Replicas each behind a link of its own, which can be broken. */
export class ProxiedFleet implements AsyncDisposable {
  private readonly links = new Map<Replica, FaultProxy>();
  private readonly sessions = new Map<FaultProxy, Credentials>();
  readonly fleet: Fleet;

  constructor(options: Omit<ReplicaOptions, 'connectString'>) {
    this.fleet = new Fleet({ ...options, connectString: 'given to each replica' });
  }

  /** Starts a replica that knows this server only. */
  async add(server: { readonly host: string; readonly port: number }, options: Partial<ReplicaOptions> = {}): Promise<Replica> {
    const proxy = await startProxy(server);
    proxy.onFrame((frame) => {
      const credentials = credentialsIn(frame);
      if (credentials !== undefined) this.sessions.set(proxy, credentials);
      return 'pass';
    });
    const replica = await this.fleet.add({ ...options, connectString: proxy.connectString });
    this.links.set(replica, proxy);
    return replica;
  }

  /** The link of this replica. */
  link(replica: Replica): FaultProxy {
    const link = this.links.get(replica);
    if (link === undefined) throw new Error(`${replica.process.name} has no link of its own.`);
    return link;
  }

  /** The session that this replica was given last. */
  credentials(replica: Replica): Credentials {
    const found = this.sessions.get(this.link(replica));
    if (found === undefined) throw new Error(`${replica.process.name} has no session yet.`);
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.fleet[Symbol.asyncDispose]();
    await Promise.all([...this.links.values()].map((link) => link[Symbol.asyncDispose]()));
  }
}

/** Starts `size` replicas behind links of their own to one server, and waits for their master. */
export async function startProxiedFleet(
  size: number,
  server: { readonly host: string; readonly port: number },
  options: Omit<ReplicaOptions, 'connectString'> = {},
): Promise<ProxiedFleet> {
  const proxied = new ProxiedFleet(options);
  try {
    await Promise.all(Array.from({ length: size }, () => proxied.add(server)));
    await proxied.fleet.master();
    return proxied;
  } catch (error) {
    await proxied[Symbol.asyncDispose]();
    throw error;
  }
}

/** ConnectResponse (zookeeper.jute): length, protocol version, timeout, session id, password. */
export function credentialsIn(frame: Frame): Credentials | undefined {
  if (frame.kind !== 'connect' || frame.direction !== 'to-client' || frame.bytes.length < 40) return undefined;
  const sessionId = frame.bytes.readBigInt64BE(12);
  return sessionId === 0n ? undefined : { sessionId, password: Buffer.from(frame.bytes.subarray(24, 40)) };
}
