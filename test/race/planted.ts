import { electionZnodes } from '../../src/zookeeper/mastership/election/election.znodes.js';
import type { Session } from '../../src/zookeeper/session/session.js';
import type { ReadOptions, Stat } from '../../src/zookeeper/wire/operations.js';
import { encodeRecord } from '../../src/zookeeper/mastership/election/election-record.js';
import { leaseMsOf } from '../../src/zookeeper/session/lease-length.js';
import { ROOT, SERVICE, VERSION } from './model/replica.js';

interface Found {
  readonly data: Buffer;
  readonly stat: Stat;
}

const ZNODES = electionZnodes({ rootPath: ROOT, service: SERVICE, version: VERSION, scope: 'version' });

/** The same session, except that what is read at `path` goes through `change` first. */
function rereading(session: Session, path: string, change: (found: Found) => Found): Session {
  return new Proxy(session, {
    get(target, key) {
      if (key === 'get') {
        return async (asked: string, options?: ReadOptions): Promise<Found> => {
          const found = await target.get(asked, options);
          return asked === path ? change(found) : found;
        };
      }
      const member: unknown = Reflect.get(target, key, target);
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
}

/** Plants a bug: every record is taken for the proof that its tenure has resigned, so that no winner waits. */
export function believesEveryEnd(session: Session): Session {
  return rereading(session, ZNODES.record, ({ data, stat }) => {
    if (data.length === 0) return { data, stat };
    const record = { ...(JSON.parse(data.toString()) as object), state: 'resigned', unprovenMs: 0 };
    return { data: Buffer.from(JSON.stringify(record)), stat: { ...stat, pzxid: stat.mzxid } };
  });
}

/** Plants a bug: a node with this replica's address in it is taken for its own, whoever owns it. */
export function takesAddressForOwner(session: Session, address: string): Session {
  return rereading(session, ZNODES.node, ({ data, stat }) => ({
    data,
    stat: data.toString() === address ? { ...stat, ephemeralOwner: session.id } : stat,
  }));
}

/**
 * Plants a bug: a winner that knows nothing of its predecessor takes the predecessor's lease to be as long as its own.
 */
export function takesUnknownForAlike(session: Session): Session {
  const leaseMs = leaseMsOf(session.timeoutMs);
  return rereading(session, ZNODES.record, ({ data, stat }) => ({
    data:
      data.length > 0
        ? data
        : encodeRecord({ tenure: 'unknown', address: 'unknown', state: 'held', leaseMs, unprovenMs: 0, floor: 0n }, stat.version),
    stat,
  }));
}
