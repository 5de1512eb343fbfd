import { isZooKeeperError } from '../../wire/errors.js';
import { ANY_VERSION, type Stat, type WatchEvent } from '../../wire/operations.js';
import { decodeMember, encodeMember, type Member, type ToldMember } from './member-codec.js';
import { getOrUndefined } from '../../session/nodes.js';
import { leaderEpochOf } from '../../session/zxid.js';
import type { Session } from '../../session/session.js';
import type { Clock } from '../../support/clock.js';

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

/** How the wall clock of a replica stood to that of ZooKeeper's leader when it last wrote its node. */
export interface MemberClock {
  /** The host of its address: replicas of one host share a clock. */
  readonly host: string;
  /** Positive when it was ahead. */
  readonly offMs: number;
}

/** So many other members are asked about their clocks. */
const MAX_CLOCKS = 30;

function clockOf({ address, wallMs }: ToldMember, { mtimeMs }: Stat): MemberClock | undefined {
  if (address === undefined || wallMs === undefined) return undefined;
  return { host: hostOf(address), offMs: wallMs - mtimeMs };
}

function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':'));
}

function parseMember(name: string): MemberNode | undefined {
  const kind = name.slice(0, name.indexOf('~'));
  return kind === 'version' || kind === 'service' || kind === 'observer' ? { name, kind } : undefined;
}

/**
 * Group membership (ZooKeeper, "Recipes and Solutions"): one ephemeral node for each replica of a service, with who it
 * is, as JSON. Present while the replica's session lives; made again when somebody deletes it.
 */
export class Membership {
  /** The name of this replica's node in the folder. */
  readonly name: string;
  private readonly path: string;
  /** What the node is known to say. */
  private told: Member | undefined;
  private joined = false;

  constructor(
    private readonly session: Session,
    private readonly folder: string,
    private member: Member,
    id: string,
    private readonly clock: Clock,
    private readonly moved: () => void,
  ) {
    this.name = `${member.candidate ? member.scope : 'observer'}~${id}`;
    this.path = `${folder}/${this.name}`;
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
    const { member } = this;
    try {
      await this.session.create(this.path, encodeMember(member, this.clock.wallMs()), 'ephemeral');
      this.told = member;
    } catch (thrown) {
      if (!isZooKeeperError(thrown, 'node-exists')) throw thrown;
    }
    const stat = await this.session.exists(this.path, { watch: this.left });
    this.joined = stat !== undefined;
    // What was to be told while there was no node, or while the one that is there was not known of.
    if (this.joined && this.told !== this.member) await this.write();
  }

  /**
   * Tells of this replica anew. The kind of member it is must stay. Until it is one, what it tells is kept for then.
   */
  async update(member: Member): Promise<void> {
    this.member = member;
    if (this.joined) await this.write();
  }

  /** Writes this replica's node as it is: for the ensemble's time, which comes with the answer. */
  async write(): Promise<Stat> {
    const { member } = this;
    const stat = await this.session.set(this.path, encodeMember(member, this.clock.wallMs()), ANY_VERSION);
    this.told = member;
    return stat;
  }

  /**
   * This replica's clock from a write made now, and those of other hosts as their replicas last told, one for each;
   * only what was written under the same leader of ZooKeeper can be compared. A leader's change makes all replicas
   * connect again, and tell anew.
   */
  async clocks(): Promise<{ readonly own: MemberClock; readonly others: readonly MemberClock[] }> {
    const wallMs = this.clock.wallMs();
    const written = await this.write();
    const own = { host: hostOf(this.member.address), offMs: wallMs - written.mtimeMs };
    const names = (await this.list()).map(({ name }) => name).filter((name) => name !== this.name);
    const read = await Promise.all(names.slice(0, MAX_CLOCKS).map((name) => this.clockOf(name, leaderEpochOf(written.mzxid))));
    const byHost = new Map(read.filter((one) => one !== undefined).map((one) => [one.host, one]));
    byHost.delete(own.host);
    return { own, others: [...byHost.values()] };
  }

  private async clockOf(name: string, epoch: bigint): Promise<MemberClock | undefined> {
    const read = await getOrUndefined(this.session, `${this.folder}/${name}`);
    return read !== undefined && leaderEpochOf(read.stat.mzxid) === epoch ? clockOf(decodeMember(read.data), read.stat) : undefined;
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
    const read = await getOrUndefined(this.session, `${this.folder}/${name}`);
    return read && { name, leaseMs: decodeMember(read.data).leaseMs, czxid: read.stat.czxid };
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
