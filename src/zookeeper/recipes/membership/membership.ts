import { isZooKeeperError } from '../../wire/errors.js';
import { ANY_VERSION, type WatchEvent } from '../../wire/operations.js';
import type { Session } from '../../session/session.js';

/** What a replica tells of itself. */
export interface Member {
  readonly address: string;
  readonly version: string;
  readonly scope: 'version' | 'service';
  readonly candidate: boolean;
  /** For how long an acknowledged write lets it believe that it is master. Members of older versions of this library do not tell. */
  readonly leaseMs: number;
  /** The names of its jobs; undefined when they are too many to be told. */
  readonly jobs?: readonly string[] | undefined;
}

/** A member's node, by its name alone: `<scope>~<id>`, or `observer~<id>` for one that never campaigns. */
export interface MemberNode {
  readonly name: string;
  readonly kind: 'version' | 'service' | 'observer';
}

/** A member that joined before this one. */
export interface OlderMember {
  readonly name: string;
  /** Undefined when it does not tell: it is of an older version of this library. */
  readonly leaseMs: number | undefined;
}

/** ZooKeeper takes 1 MiB for a node; this leaves others room. */
const MAX_MEMBER_BYTES = 256 * 1_024;

function encode(member: Member): Buffer {
  const data = Buffer.from(JSON.stringify(member));
  return data.length <= MAX_MEMBER_BYTES ? data : Buffer.from(JSON.stringify({ ...member, jobs: undefined }));
}

function leaseMsIn(data: Buffer): number | undefined {
  try {
    const { leaseMs } = JSON.parse(data.toString('utf8')) as { leaseMs?: unknown };
    return typeof leaseMs === 'number' && leaseMs >= 0 ? leaseMs : undefined;
  } catch {
    // Edited by hand, or no object at all.
    return undefined;
  }
}

function parseMember(name: string): MemberNode | undefined {
  const kind = name.slice(0, name.indexOf('~'));
  return kind === 'version' || kind === 'service' || kind === 'observer' ? { name, kind } : undefined;
}

/**
 * Group membership (ZooKeeper, "Recipes and Solutions"): one ephemeral node for each replica of a service, with who it is, as
 * JSON. Present while the replica's session lives; made again when somebody deletes it.
 */
export class Membership {
  /** The name of this replica's node in the folder. */
  readonly name: string;
  private readonly path: string;
  private data: Buffer;
  /** What the node is known to say. */
  private told: Buffer | undefined;
  private joined = false;

  constructor(
    private readonly session: Session,
    private readonly folder: string,
    member: Member,
    id: string,
    private readonly moved: () => void,
  ) {
    this.name = `${member.candidate ? member.scope : 'observer'}~${id}`;
    this.path = `${folder}/${this.name}`;
    this.data = encode(member);
  }

  /** As far as is known. */
  get isMember(): boolean {
    return this.joined;
  }

  /** Takes part, unless it does already. Safe to repeat: the name is this replica's alone. Needs the folder. */
  async join(): Promise<void> {
    while (!this.joined) await this.makeNode();
  }

  private async makeNode(): Promise<void> {
    const { data } = this;
    try {
      await this.session.create(this.path, data, 'ephemeral');
      this.told = data;
    } catch (thrown) {
      if (!isZooKeeperError(thrown, 'node-exists')) throw thrown;
    }
    const stat = await this.session.exists(this.path, { watch: this.left });
    this.joined = stat !== undefined;
    // What was to be told while there was no node, or while the one that is there was not known of.
    if (this.joined && this.told !== this.data) await this.write();
  }

  /** Tells of this replica anew. The kind of member it is must stay. Until it is one, what it tells is kept for then. */
  async update(member: Member): Promise<void> {
    this.data = encode(member);
    if (this.joined) await this.write();
  }

  /** Writes this replica's node as it is: for the ensemble's time, which comes with the answer. */
  async write(): Promise<void> {
    const { data } = this;
    await this.session.set(this.path, data, ANY_VERSION);
    this.told = data;
  }

  /** The living members, this one included. `watch` is called once, at the next change. */
  async list(watch?: () => void): Promise<MemberNode[]> {
    const { names } = await this.session.children(this.folder, watch === undefined ? {} : { watch });
    return names.map(parseMember).filter((member) => member !== undefined);
  }

  /** Which of `members` joined before this one, with what they tell. One that leaves meanwhile is left out. */
  async older(members: readonly MemberNode[]): Promise<OlderMember[]> {
    const own = await this.session.exists(this.path);
    const found = await Promise.all(members.map((member) => this.read(member)));
    return found.filter((one) => one !== undefined).filter((one) => own === undefined || one.czxid < own.czxid);
  }

  private async read({ name }: MemberNode): Promise<(OlderMember & { readonly czxid: bigint }) | undefined> {
    try {
      const { data, stat } = await this.session.get(`${this.folder}/${name}`);
      return { name, leaseMs: leaseMsIn(data), czxid: stat.czxid };
    } catch (thrown) {
      if (isZooKeeperError(thrown, 'no-node')) return undefined;
      throw thrown;
    }
  }

  close(): void {
    this.session.unwatch(this.path, this.left);
  }

  private readonly left = ({ type }: WatchEvent): void => {
    // A write, also an own one: the node is there, and only the watch is spent.
    if (type === 'changed') void this.watchAgain();
    else this.leave();
  };

  private leave(): void {
    this.joined = false;
    this.moved();
  }

  private async watchAgain(): Promise<void> {
    const isThere = this.session.exists(this.path, { watch: this.left }).then((stat) => stat !== undefined);
    // Whatever cannot be asked now is seen to when it joins again.
    if (!(await isThere.catch(() => false))) this.leave();
  }
}
