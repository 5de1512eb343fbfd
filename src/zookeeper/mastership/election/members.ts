import type { Session } from '../../session/session.js';
import { decodeMember } from '../../recipes/membership/member-codec.js';
import { childrenOf, getOrUndefined } from '../../session/nodes.js';
import type { ElectionZnodes } from './election.znodes.js';
import { sortedPlaces } from '../../recipes/line/line.js';

/** One living replica of the service, as it tells of itself and as the ensemble sees it. */
export interface ClusterMember {
  /** `host:port`, as it advertises itself. */
  readonly address: string;
  /** Of its code, as its options say. */
  readonly version: string;
  /** False: it observes, and never becomes master. */
  readonly candidate: boolean;
  /** Since when its session is a member of the service, by the ensemble's clock. */
  readonly since: Date;
  /**
   * The keys of the service's elections whose node it holds, in order: `AccountService:1.0.0`,
   * `AccountService:1.0.0:reports`, …
   */
  readonly holds: readonly string[];
  /** How many stand in line before it in the election asked about; undefined when it does not stand in that line. */
  readonly rank: number | undefined;
  /** Whether it is the one that was asked. */
  readonly isThis: boolean;
}

/** Where to look. */
export interface MemberFolders {
  /** `<root>/members/<service>`. */
  readonly members: string;
  /** `<root>/master/services`. */
  readonly elections: string;
  readonly service: string;
}

/**
 * The living replicas of a service, the oldest first. Reads each member, each election node of the service and each
 * place of the line once: for people and for pages that are looked at, not for a loop.
 */
export async function readClusterMembers(
  session: Session,
  folders: MemberFolders,
  znodes: Pick<ElectionZnodes, 'line'>,
  signal: AbortSignal | undefined,
): Promise<ClusterMember[]> {
  const reader = new Reader(session, signal === undefined ? {} : { signal });
  const [members, held, ranks] = await Promise.all([reader.members(folders.members), reader.held(folders), reader.ranks(znodes.line)]);
  return members
    .toSorted((a, b) => (a.czxid < b.czxid ? -1 : 1))
    .map(({ owner, sinceMs, told }) => ({
      ...told,
      since: new Date(sinceMs),
      holds: held.filter((one) => one.owner === owner).map(({ key }) => key),
      rank: ranks.get(owner),
      isThis: owner === session.id,
    }));
}

interface Read {
  readonly owner: bigint;
  readonly czxid: bigint;
  readonly sinceMs: number;
  readonly told: { readonly address: string; readonly version: string; readonly candidate: boolean };
}

class Reader {
  constructor(
    private readonly session: Session,
    private readonly options: { readonly signal?: AbortSignal },
  ) {}

  async members(folder: string): Promise<Read[]> {
    const names = await this.childrenOf(folder);
    const read = await Promise.all(
      names.map(async (name) => {
        const node = await getOrUndefined(this.session, `${folder}/${name}`, this.options);
        const told = node && toldBy(node.data);
        return told && { owner: node.stat.ephemeralOwner, czxid: node.stat.czxid, sinceMs: node.stat.ctimeMs, told };
      }),
    );
    return read.filter((one) => one !== undefined);
  }

  /** Which session holds which election of the service. */
  async held({ elections, service }: MemberFolders): Promise<{ readonly key: string; readonly owner: bigint }[]> {
    const keys = (await this.childrenOf(elections)).filter((key) => key === service || key.startsWith(`${service}:`)).sort();
    const stats = await Promise.all(keys.map((key) => this.session.exists(`${elections}/${key}`, this.options)));
    return keys.flatMap((key, i) => (stats[i] === undefined ? [] : [{ key, owner: stats[i].ephemeralOwner }]));
  }

  /** The places in the line, by the session that stands there. */
  async ranks(line: string): Promise<Map<bigint, number>> {
    const places = sortedPlaces(await this.childrenOf(line));
    const stats = await Promise.all(places.map(({ name }) => this.session.exists(`${line}/${name}`, this.options)));
    return new Map(stats.flatMap((stat, rank) => (stat === undefined ? [] : [[stat.ephemeralOwner, rank] as const])));
  }

  private childrenOf(path: string): Promise<readonly string[]> {
    return childrenOf(this.session, path, this.options);
  }
}

/** Undefined for a node that no replica has written: made by hand, say. */
function toldBy(data: Buffer): Read['told'] | undefined {
  const { address, version, candidate } = decodeMember(data);
  return address === undefined || version === undefined ? undefined : { address, version, candidate };
}
