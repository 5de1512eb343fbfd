import { describe, expect, it } from 'vitest';
import { encodeRecord } from '../../../src/zookeeper/mastership/election/election-record.js';
import { Pruner } from '../../../src/zookeeper/mastership/prune.js';
import { encodeMember } from '../../../src/zookeeper/recipes/membership/member-codec.js';
import { childrenOf } from '../../../src/zookeeper/session/nodes.js';
import { makeParents } from '../../../src/zookeeper/session/parents.js';
import type { Session } from '../../../src/zookeeper/session/session.js';
import { ModelSubject } from '../../contract/model.subject.js';
import { HandClock } from './hand-clock.js';

const RECORD = { tenure: 't', address: 'a:1', state: 'resigned', leaseMs: 1_000, unprovenMs: 0, floor: 0n } as const;
const WRITTEN = encodeRecord(RECORD, 0);

interface Scene {
  readonly session: Session;
  readonly pruner: Pruner;
  /** The elections of which something is left. */
  left(): Promise<readonly string[]>;
}

/** A replica of version v1 of the bank, which looks after what former versions have left. */
function onModel(test: (scene: Scene) => Promise<void>): Promise<void> {
  const subject = new ModelSubject(1);
  return subject.run(async () => {
    const { session } = await subject.open();
    await makeParents(session, ['/soa', '/soa/elections', '/soa/members', '/soa/members/bank', '/soa/master', '/soa/master/services']);
    const observer = { observe: () => undefined };
    const pruner = new Pruner({ session, clock: new HandClock(), observer, rootPath: '/soa', service: 'bank', version: 'v1' });
    const left = async () => [...(await childrenOf(session, '/soa/elections'))].sort();
    await test({ session, pruner, left });
  });
}

async function election(session: Session, key: string, data: Buffer = WRITTEN): Promise<void> {
  await session.create(`/soa/elections/${key}`, data, 'persistent');
  await session.create(`/soa/elections/${key}/line`, Buffer.alloc(0), 'persistent');
}

async function member(session: Session, name: string, version: string): Promise<void> {
  const told = { address: 'a:1', version, scope: 'version', candidate: true, leaseMs: 1_000 } as const;
  await session.create(`/soa/members/bank/${name}`, encodeMember(told, 0), 'ephemeral');
}

describe('what elections of former versions have left', () => {
  it('goes when two looks have found nothing that needs it, and everything else stays', () =>
    onModel(async ({ session, pruner, left }) => {
      await member(session, 'm', 'v2');
      const staying = ['bank', 'bank:*:reports', 'bank:v1', 'bank:v1:reports', 'bank:v2', 'bankrupt:v0'];
      for (const key of [...staying, 'bank:v0', 'bank:v0:reports']) await election(session, key);
      await election(session, 'bank:never-won', Buffer.alloc(0));
      await session.create('/soa/elections/bank:no-line', WRITTEN, 'persistent');
      await pruner.look();
      expect(await left()).toHaveLength(staying.length + 4);
      await pruner.look();
      expect(await left()).toEqual(staying);
    }));

  it('stays where a token depends on it: its floor is above 0, or cannot be read', () =>
    onModel(async ({ session, pruner, left }) => {
      await election(session, 'bank:v0', encodeRecord({ ...RECORD, floor: 1n }, 0));
      await election(session, 'bank:v0:odd', Buffer.from('by hand'));
      for (let looks = 0; looks < 3; looks += 1) await pruner.look();
      expect(await left()).toEqual(['bank:v0', 'bank:v0:odd']);
    }));

  it('stays while somebody has the node, a tenure or a place in the line', () =>
    onModel(async ({ session, pruner, left }) => {
      for (const key of ['bank:held', 'bank:line', 'bank:tenure']) await election(session, key);
      await session.create('/soa/master/services/bank:held', Buffer.alloc(0), 'ephemeral');
      await session.create('/soa/elections/bank:line/line/place', Buffer.alloc(0), 'ephemeral');
      await session.create('/soa/elections/bank:tenure/tenure-t', Buffer.alloc(0), 'ephemeral');
      for (let looks = 0; looks < 3; looks += 1) await pruner.look();
      expect(await left()).toEqual(['bank:held', 'bank:line', 'bank:tenure']);
    }));

  it('stays as long as a member does not tell its version, and when something has happened between the looks', () =>
    onModel(async ({ session, pruner, left }) => {
      await election(session, 'bank:v0');
      await session.create('/soa/members/bank/m', Buffer.from('by hand'), 'ephemeral');
      await pruner.look();
      await pruner.look();
      expect(await left()).toEqual(['bank:v0']);
      await session.delete('/soa/members/bank/m', 0);
      await pruner.look();
      await session.set('/soa/elections/bank:v0', WRITTEN, 0);
      await pruner.look();
      expect(await left()).toEqual(['bank:v0']);
      await pruner.look();
      expect(await left()).toEqual([]);
    }));
});
