import type { NodeView } from './node-watch.js';
import { encodeRecord, isAsWritten, type ElectionRecord, type RecordRead } from './record.js';
import { report, type Scene } from './scene.js';
import { floorAbove, tokenOf } from './token.js';
import { readRecord } from './win.js';

/** A record in force, as a standby knows it. */
export interface KnownRecord {
  readonly record: ElectionRecord;
  readonly version: number;
}

/**
 * What a standby keeps in mind of the master whose node it has read: the token in force, and an edit that names a successor. A floor that has
 * fallen behind what this replica has seen is raised. Answers the record when it is in force and was left as it is.
 */
export async function remember(scene: Scene, node: NodeView): Promise<KnownRecord | undefined> {
  const { memory } = scene;
  const read = await readRecord(scene.session, scene.znodes);
  if (read?.record?.state !== 'held' || node.stat.version === 0) return undefined;
  const { record, stat } = read;
  memory.sawRecord(read);
  const named = node.text.trim();
  memory.sawEdit(named === record.address ? undefined : { address: named, after: record.tenure });
  const token = tokenOf(record.floor, node.stat.czxid);
  if (token < memory.tokenSeen) {
    await raiseFloor(scene, read, record, node.stat.czxid);
    return undefined;
  }
  memory.sawToken(token);
  return { record, version: stat.version };
}

/** The ensemble counts from lower again (restored empty or older): what this replica has seen must stay below. */
async function raiseFloor(scene: Scene, read: RecordRead, record: ElectionRecord, czxid: bigint): Promise<void> {
  const floor = floorAbove(record.floor, scene.memory.tokenSeen, czxid);
  // Whoever edited the record has not become its master by this.
  const writtenAs = isAsWritten(read) ? read.stat.version + 1 : undefined;
  await scene.session.set(scene.znodes.record, encodeRecord({ ...record, floor }, writtenAs), read.stat.version);
  const fields = { floor: String(floor) };
  report(scene, 'warn', 'floor-raised', `raised the floor of the fencing tokens to ${floor}, above a token seen earlier.`, fields);
}
