import type { Watcher } from '../../wire/operations.js';
import type { Line } from '../../recipes/line/line.js';
import type { NodeView } from '../../session/node-watch.js';
import { encodeRecord, isAsWritten, type ElectionRecord, type RecordRead } from '../election/election-record.js';
import type { ElectionContext } from '../election/election-context.js';
import { floorAbove, tokenOf } from '../../support/token.js';
import { readRecord } from '../election/election-record.js';

/** A record in force, as a standby knows it. */
export interface KnownRecord {
  readonly record: ElectionRecord;
  readonly version: number;
}

/**
 * What a standby keeps in mind of the master whose node it has read: the token in force, and an edit that names a
 * successor. A floor that has fallen behind what this replica has seen is raised. Answers the record when it is in
 * force and was left as it is.
 */
async function remember(context: ElectionContext, node: NodeView, watch?: Watcher): Promise<KnownRecord | undefined> {
  const { memory } = context;
  const read = await readRecord(context.session, context.znodes, watch);
  if (read?.record?.state !== 'held' || node.stat.version === 0) return undefined;
  const { record, stat } = read;
  const isKnown = memory.hasSeen(record.tenure);
  memory.sawRecord(read);
  // The node has moved on, and the record perhaps with it: they are read again, together.
  const hasMoved = context.watch.armedSince() === undefined;
  if (hasMoved && !isKnown) return undefined;
  // Also of a master that has died in this very moment: its tenure is known from before, so the edit was meant for it.
  const named = node.text.trim();
  memory.sawEdit(named === record.address ? undefined : { address: named, after: record.tenure });
  if (hasMoved) return undefined;
  const token = tokenOf(record.floor, node.stat.czxid);
  if (token < memory.tokenSeen) {
    await raiseFloor(context, read, record, node.stat.czxid);
    return undefined;
  }
  memory.sawToken(token, record.address);
  return { record, version: stat.version };
}

/**
 * The record of the master that a standby stands by for. Everybody reads it once. The first in line keeps to it by a
 * watch: a winner that had to wait for its predecessor writes the record again when it believes, and whoever does not
 * know that version needs one more round trip when that master resigns.
 */
export class RecordInForce {
  private read: 'never' | 'once' | 'watched' = 'never';
  private last: KnownRecord | undefined;

  constructor(
    private readonly context: ElectionContext,
    private readonly line: Line,
    private readonly node: NodeView,
  ) {}

  get known(): KnownRecord | undefined {
    return this.last;
  }

  /** Reads it where that is due. To be called again when the place in the line has changed, and when it rings. */
  async look(): Promise<void> {
    const { context, read } = this;
    const isFirst = this.line.rank === 0;
    if (read === 'watched' || (read === 'once' && !isFirst)) return;
    this.read = isFirst ? 'watched' : 'once';
    this.last = await remember(context, this.node, isFirst ? this.onChange : undefined);
    const version = this.last?.version;
    if (isFirst)
      context.report('debug', 'record-known', `first in line; the record of ${this.node.text} is at version ${version}.`, { version });
  }

  close(): void {
    this.context.session.unwatch(this.context.znodes.record, this.onChange);
  }

  private readonly onChange = (): void => {
    this.read = 'never';
    this.context.latch.ring();
  };
}

/** The ensemble counts from lower again (restored empty or older): what this replica has seen must stay below. */
async function raiseFloor(context: ElectionContext, read: RecordRead, record: ElectionRecord, czxid: bigint): Promise<void> {
  const floor = floorAbove(record.floor, context.memory.tokenSeen, czxid);
  // Whoever edited the record has not become its master by this.
  const writtenAs = isAsWritten(read) ? read.stat.version + 1 : undefined;
  await context.session.set(context.znodes.record, encodeRecord({ ...record, floor }, writtenAs), read.stat.version);
  const fields = { floor: String(floor) };
  context.report('warn', 'floor-raised', `raised the floor of the fencing tokens to ${floor}, above a token seen earlier.`, fields);
}
