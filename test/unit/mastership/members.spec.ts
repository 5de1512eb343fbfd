import { expect, it } from 'vitest';
import { electionZnodes } from '../../../src/zookeeper/mastership/election/election.znodes.js';
import { readClusterMembers } from '../../../src/zookeeper/mastership/election/members.js';
import { encodeMember } from '../../../src/zookeeper/recipes/membership/member-codec.js';
import { makeParents } from '../../../src/zookeeper/session/parents.js';
import type { Session } from '../../../src/zookeeper/session/session.js';
import { ModelSubject } from '../../contract/model.subject.js';

const ZNODES = electionZnodes({ rootPath: '/soa', service: 'bank', version: 'v1', scope: 'version' });
const FOLDERS = { members: '/soa/members/bank', elections: '/soa/master/services', service: 'bank' };
const ELECTIONS = ['bank', 'bank:v1', 'bank:v1:reports'];

async function joins(session: Session, name: string, address: string): Promise<void> {
  const member = { address, version: 'v1', scope: 'version', candidate: true, leaseMs: 1_000 } as const;
  await session.create(`${FOLDERS.members}/${name}`, encodeMember(member, 0), 'ephemeral');
}

it('tells the living replicas, the oldest first, with what each holds and where it stands in line', async () => {
  const subject = new ModelSubject(1);
  await subject.run(async () => {
    const [one, two] = [(await subject.open()).session, (await subject.open()).session];
    await makeParents(one, [...ZNODES.parents, '/soa/members', FOLDERS.members]);
    // By name the second comes first, so that only their age can tell them apart.
    await joins(one, 'v1~z', 'one:1');
    await joins(two, 'v1~a', 'two:1');
    await one.create(`${FOLDERS.members}/v1~by-hand`, Buffer.from('nothing of ours'), 'ephemeral');
    for (const key of [...ELECTIONS, 'bankrupt:v1', 'other']) await two.create(`${FOLDERS.elections}/${key}`, Buffer.alloc(0), 'ephemeral');
    await two.create(`${ZNODES.line}/two:1~t-`, Buffer.alloc(0), 'ephemeral-sequential');
    await one.create(`${ZNODES.line}/one:1~o-`, Buffer.alloc(0), 'ephemeral-sequential');
    const told = await readClusterMembers(two, FOLDERS, ZNODES, undefined);
    expect(told).toMatchObject([
      { address: 'one:1', version: 'v1', candidate: true, holds: [], rank: 1, isThis: false },
      { address: 'two:1', version: 'v1', candidate: true, holds: ELECTIONS, rank: 0, isThis: true },
    ]);
    expect(told).toHaveLength(2);
  });
});
