import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { formatServer, type Server } from './connect-string.js';

/** Answers all addresses of a host name, in the order to try them. */
export type Lookup = (host: string) => Promise<readonly string[]>;

/** One address to connect to. */
export interface Endpoint {
  /** As in the connect string; what a certificate must name. */
  readonly host: string;
  readonly address: string;
  readonly port: number;
}

const systemLookup: Lookup = async (host) => (await lookup(host, { all: true })).map((found) => found.address);

/** For log lines: the server as written, and the address behind its name. */
export function formatEndpoint(endpoint: Endpoint): string {
  const server = formatServer(endpoint);
  return endpoint.address === endpoint.host ? server : `${server} (${endpoint.address})`;
}

/** The ensemble's members in an order of this client's own, so that clients spread over them. */
export class ServerList {
  private readonly servers: readonly Server[];
  private cursor = 0;

  constructor(
    servers: readonly Server[],
    private readonly lookup: Lookup = systemLookup,
    random: () => number = Math.random,
  ) {
    this.servers = shuffled(servers, random);
  }

  get size(): number {
    return this.servers.length;
  }

  /** Each member once, beginning after the one that was taken last: a member just lost comes last. */
  *round(): Generator<Server> {
    for (let count = this.servers.length; count > 0; count--) {
      const server = this.servers[this.cursor++ % this.servers.length];
      if (server !== undefined) yield server;
    }
  }

  /** The addresses of a member as of now: names are resolved anew each time, because members move. */
  async resolve(server: Server): Promise<readonly Endpoint[]> {
    if (isIP(server.host) !== 0) return [{ ...server, address: server.host }];
    const addresses = await this.lookup(server.host);
    if (addresses.length === 0) throw new Error(`the name ${server.host} has no address`);
    return addresses.map((address) => ({ ...server, address }));
  }
}

function shuffled<T>(items: readonly T[], random: () => number): readonly T[] {
  const result = [...items];
  for (let last = result.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [result[last], result[other]] = [result[other] as T, result[last] as T];
  }
  return result;
}
