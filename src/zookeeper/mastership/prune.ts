import { sleep } from '../support/abort.js';
import type { Clock } from '../support/clock.js';
import { messageOf } from '../support/errors.js';
import type { Observer } from '../support/observer.js';
import { decodeMember } from '../recipes/membership/member-codec.js';
import { childrenOf, getOrUndefined, type NodeRead } from '../session/nodes.js';
import type { Session } from '../session/session.js';
import { isZooKeeperError } from '../wire/errors.js';
import { ANY_VERSION, type Op, type Stat } from '../wire/operations.js';
import { readRecordFrom } from './election/election-record.js';

/**
 * How often a master looks, and how long nothing may have happened to an election before its nodes go: far longer than
 * any lease and the wait for one.
 */
export const PRUNE_EVERY_MS = 60_000;
/** How many elections one look removes at most. */
const MAX_REMOVALS = 50;

/** What a look needs. */
export interface PruneParts {
  readonly session: Session;
  readonly clock: Clock;
  readonly observer: Observer;
  readonly rootPath: string;
  readonly service: string;
  /** Of this replica: its own elections are needed. */
  readonly version: string;
}

/**
 * Removes the persistent nodes (record and line) of elections that belong to versions of this service of which no
 * replica lives. With a build number or a hash as version each deploy makes a new election, and what the one before
 * leaves would stay for ever.
 *
 * Nothing is taken that anybody needs:
 *
 * - It goes in one transaction, which ZooKeeper refuses as soon as somebody stands in the line or holds a tenure (both
 *   are children of what is removed), or when the record has moved. Whoever comes later makes the nodes anew, as at the
 *   first start of a version.
 * - One master (I1): whoever wins an election without a record waits as for an unknown predecessor. And there is none:
 *   in two looks, a minute apart, nobody had the election node, a tenure, a place in the line or a living member of
 *   that version, and nothing has changed in between; a belief ends within a lease of the last acknowledged write.
 * - Fencing tokens (I3): a token is the record's floor and the zxid of the won node. As long as the floor is
 *   0 tokens grow without any record. It is above 0 only where the ensemble has come back with less than it
 *   had; such a record stays.
 */
export class Pruner {
  /** Elections that nobody needed at the last look, and as what they were seen. */
  private unneeded: ReadonlyMap<string, string> = new Map();
  private readonly root: string;

  constructor(private readonly parts: PruneParts) {
    this.root = parts.rootPath === '/' ? '' : parts.rootPath;
  }

  /**
   * Looks again and again where `mayPrune` (on a master: one for each version is enough), until the
   * signal aborts. Never rejects.
   */
  async run(signal: AbortSignal, mayPrune: () => boolean, everyMs: number = PRUNE_EVERY_MS): Promise<void> {
    const { clock, session, observer, service } = this.parts;
    while (!signal.aborted) {
      await sleep(clock, everyMs, signal).catch(() => undefined);
      if (signal.aborted || !session.attached || !mayPrune()) continue;
      await this.look().catch((thrown: unknown) => {
        const message = `What elections of former versions of "${service}" have left could not be removed: ${messageOf(thrown)} Tries again.`;
        observer.observe({ level: 'debug', event: 'mastership.not-pruned', message, fields: { service } });
      });
    }
  }

  /** Removes what was not needed at the last look and is not now, and notes the rest. */
  async look(): Promise<void> {
    const before = this.unneeded;
    const now = await this.findUnneeded();
    this.unneeded = new Map([...now].map(([key, { seenAs }]) => [key, seenAs]));
    const spare = [...now].filter(([key, { seenAs }]) => before.get(key) === seenAs);
    for (const [key, { operations }] of spare.slice(0, MAX_REMOVALS)) await this.remove(key, operations);
  }

  private async findUnneeded(): Promise<ReadonlyMap<string, Unneeded>> {
    const others = (await this.namesIn(`${this.root}/elections`)).filter((key) => this.isOfAnotherVersion(key));
    if (others.length === 0) return new Map();
    const living = await this.livingVersions();
    if (living === undefined) return new Map();
    const spare = others.filter((key) => !living.has(versionOf(key)));
    const found = await Promise.all(spare.map(async (key) => [key, await this.unneededAs(key)] as const));
    return new Map(found.flatMap(([key, unneeded]) => (unneeded === undefined ? [] : [[key, unneeded] as const])));
  }

  /** `<service>:<version>[:<name>]`; `*` stands for all versions. Neither a service nor a version contains a colon. */
  private isOfAnotherVersion(key: string): boolean {
    const { service, version } = this.parts;
    return key.startsWith(`${service}:`) && versionOf(key) !== version && versionOf(key) !== '*';
  }

  /** Undefined when some member does not tell: then nobody is known to be gone. */
  private async livingVersions(): Promise<ReadonlySet<string> | undefined> {
    const folder = `${this.root}/members/${this.parts.service}`;
    const members = await Promise.all((await this.namesIn(folder)).map((name) => this.read(`${folder}/${name}`)));
    const versions = members.flatMap((member) => (member === undefined ? [] : [decodeMember(member.data).version]));
    return versions.includes(undefined) ? undefined : new Set(versions.map(String));
  }

  /** Undefined: somebody needs it, or its tokens do. */
  private async unneededAs(key: string): Promise<Unneeded | undefined> {
    const { session } = this.parts;
    const record = `${this.root}/elections/${key}`;
    const line = `${record}/line`;
    const [read, lineStat, node] = await Promise.all([
      this.read(record),
      session.exists(line),
      session.exists(`${this.root}/master/services/${key}`),
    ]);
    if (read === undefined || node !== undefined || (lineStat?.numChildren ?? 0) > 0) return undefined;
    if (read.stat.numChildren !== (lineStat === undefined ? 0 : 1)) return undefined;
    // Empty: nobody has ever won. What cannot be read may have had a floor.
    if (read.data.length > 0 && readRecordFrom(read.data, read.stat).record?.floor !== 0n) return undefined;
    const removals: Op[] = [
      ...(lineStat === undefined ? [] : [{ kind: 'delete', path: line, version: ANY_VERSION } as const]),
      { kind: 'delete', path: record, version: read.stat.version },
    ];
    return { seenAs: [read.stat, lineStat].map(changesOf).join(), operations: removals };
  }

  private async remove(key: string, operations: readonly Op[]): Promise<void> {
    const { session, observer, service } = this.parts;
    try {
      await session.multi(operations);
    } catch (thrown) {
      // Somebody needs it after all, or has removed it.
      if (!isZooKeeperError(thrown, 'not-empty', 'bad-version', 'no-node')) throw thrown;
      return;
    }
    const message = `Removed what the election "${key}" has left: no replica of that version lives. It is made anew should one start.`;
    observer.observe({ level: 'info', event: 'mastership.pruned', message, fields: { service, election: key } });
  }

  private read(path: string): Promise<NodeRead | undefined> {
    return getOrUndefined(this.parts.session, path);
  }

  private namesIn(path: string): Promise<readonly string[]> {
    return childrenOf(this.parts.session, path);
  }
}

interface Unneeded {
  /** The same as long as nothing has happened to its nodes. */
  readonly seenAs: string;
  readonly operations: readonly Op[];
}

function versionOf(key: string): string {
  return key.split(':')[1] ?? '';
}

function changesOf(stat: Stat | undefined): string {
  return stat === undefined ? '' : `${stat.czxid} ${stat.mzxid} ${stat.pzxid}`;
}
