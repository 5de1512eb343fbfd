import { describe, expect, it } from 'vitest';
import type { ElectionContext } from '../../../src/zookeeper/mastership/election/election-context.js';
import { isAsWritten, provesEnd, readRecord } from '../../../src/zookeeper/mastership/election/election-record.js';
import { electionZnodes } from '../../../src/zookeeper/mastership/election/election.znodes.js';
import { resign } from '../../../src/zookeeper/mastership/tenure/resign.js';
import { TenureLog } from '../../../src/zookeeper/mastership/tenure/tenure-log.js';
import { WON_VERSION, type WonElection } from '../../../src/zookeeper/mastership/tenure/won-election.js';
import { makeParents } from '../../../src/zookeeper/session/parents.js';
import type { Session } from '../../../src/zookeeper/session/session.js';
import { ANY_VERSION } from '../../../src/zookeeper/wire/operations.js';
import { ModelSubject } from '../../contract/model.subject.js';

const ZNODES = electionZnodes({ rootPath: '/soa', service: 'bank', version: 'v1', scope: 'version' });

/** What a master of this library leaves behind by its win, on the model of ZooKeeper. */
async function won(session: Session): Promise<WonElection> {
  await makeParents(session, ZNODES.parents);
  await session.multi([
    { kind: 'create', path: ZNODES.node, data: Buffer.from('one:1'), mode: 'ephemeral' },
    { kind: 'set', path: ZNODES.node, data: Buffer.from('one:1'), version: 0 },
    { kind: 'set', path: ZNODES.record, data: Buffer.from('{}'), version: 0 },
    { kind: 'create', path: ZNODES.tenure('t'), data: Buffer.alloc(0), mode: 'ephemeral' },
  ]);
  const { stat } = await session.get(ZNODES.node);
  const record = { tenure: 't', address: 'one:1', state: 'held', leaseMs: 1_000, unprovenMs: 0, floor: 0n } as const;
  return { tenureId: 't', czxid: stat.czxid, record, recordVersion: 1, nodeVersion: WON_VERSION, unfollowedVersion: undefined };
}

/** Of the context a resignation needs no more than this. */
const contextOf = (session: Session) => ({ session, znodes: ZNODES }) as ElectionContext;

function onModel(test: (session: Session) => Promise<void>): Promise<void> {
  const subject = new ModelSubject(1);
  return subject.run(async () => test((await subject.open()).session));
}

describe('a resignation', () => {
  it('leaves a record that proves it: as written, and changed by the transaction that deleted the tenure', () =>
    onModel(async (session) => {
      expect(await resign(contextOf(session), await won(session), 700)).toBe('resigned');
      const read = await readRecord(session, ZNODES);
      if (read === undefined) throw new Error('The record is gone.');
      expect(read.record).toMatchObject({ tenure: 't', state: 'resigned', unprovenMs: 700 });
      expect(isAsWritten(read)).toBe(true);
      expect(provesEnd(read, read.stat.mzxid + 1n)).toBe(true);
      expect(await session.exists(ZNODES.node)).toBeUndefined();
      expect(await session.exists(ZNODES.tenure('t'))).toBeUndefined();
    }));

  it('that is sent again after it has happened has happened', () =>
    onModel(async (session) => {
      const election = await won(session);
      await resign(contextOf(session), election, 0);
      expect(await resign(contextOf(session), election, 0)).toBe('resigned');
    }));

  it('is sent again after an edit of the node, and after its tenure node was taken away', () =>
    onModel(async (session) => {
      const election = await won(session);
      await session.set(ZNODES.node, Buffer.from('by hand'), ANY_VERSION);
      expect(await resign(contextOf(session), election, 0)).toBe('again');
      await session.delete(ZNODES.tenure('t'), ANY_VERSION);
      expect(await resign(contextOf(session), election, 0)).toBe('again');
      expect(await resign(contextOf(session), election, 0)).toBe('resigned');
    }));

  it('comes too late when the node is gone, or is that of another tenure', () =>
    onModel(async (session) => {
      const election = await won(session);
      await session.delete(ZNODES.node, ANY_VERSION);
      expect(await resign(contextOf(session), election, 0)).toBe('ended');
      await session.create(ZNODES.node, Buffer.from('two:1'), 'ephemeral');
      expect(await resign(contextOf(session), election, 0)).toBe('ended');
    }));
});

it('is told by how it ended', () => {
  const told: unknown[] = [];
  const context = { report: (...report: unknown[]) => void told.push(report.slice(0, 3)) } as unknown as ElectionContext;
  const record = { tenure: 't', address: 'one:1', state: 'held', leaseMs: 1_000, unprovenMs: 0, floor: 0n } as const;
  const election = { tenureId: 't', czxid: 5n, record, recordVersion: 1, nodeVersion: WON_VERSION, unfollowedVersion: undefined };
  const log = new TenureLog(context, election);
  log.resigned('resigned', 'it stops');
  log.resigned('lost', 'it stops');
  expect(told).toEqual([
    ['info', 'resigned', 'has resigned: it stops.'],
    ['info', 'lost', 'lost the node while resigning: it stops.'],
  ]);
});
