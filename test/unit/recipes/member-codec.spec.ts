import { expect, it } from 'vitest';
import { decodeMember, encodeMember, type Member } from '../../../src/zookeeper/recipes/membership/member-codec.js';

const MEMBER: Member = { address: '10.0.0.1:80', version: 'v1', scope: 'version', candidate: false, leaseMs: 1_000, jobs: ['a', 'b'] };

it('reads what a member has written', () => {
  const { scope: _scope, ...told } = MEMBER;
  expect(decodeMember(encodeMember(MEMBER, 5))).toEqual({ ...told, wallMs: 5 });
});

it('leaves the jobs out where they would make the node too long', () => {
  const jobs = Array.from({ length: 2_000 }, (_, i) => `${i}-${'x'.repeat(150)}`);
  const encoded = encodeMember({ ...MEMBER, jobs }, 5);
  expect(encoded.length).toBeLessThan(256 * 1_024);
  expect(decodeMember(encoded)).toMatchObject({ address: MEMBER.address, jobs: undefined });
});

it.each(['', 'no json', '7', 'null', '[]', '"text"', '{"address":1,"version":null,"leaseMs":-1,"jobs":"a","wallMs":"5"}'])(
  'takes a node that says %o for a member that says nothing',
  (text) => {
    const nothing = { address: undefined, version: undefined, leaseMs: undefined, jobs: undefined, wallMs: undefined };
    expect(decodeMember(Buffer.from(text))).toEqual({ ...nothing, candidate: true });
  },
);

it('takes a member of an older version, which tells less, as it is', () => {
  const old = Buffer.from('{"address":"a:1","version":"v0","scope":"version"}');
  expect(decodeMember(old)).toMatchObject({ address: 'a:1', version: 'v0', candidate: true, leaseMs: undefined });
});
