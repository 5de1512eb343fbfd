import { expect, it } from 'vitest';
import { electionZnodes } from '../../../src/zookeeper/mastership/election/election.znodes.js';
import { withParents } from '../../../src/zookeeper/session/parents.js';

const bank = { rootPath: '/soa', service: 'AccountService', version: '1.0.0', scope: 'version' } as const;

it('puts the election at the path that other implementations know', () => {
  const { key, node, record, line } = electionZnodes(bank);
  expect(key).toBe('AccountService:1.0.0');
  expect(node).toBe('/soa/master/services/AccountService:1.0.0');
  expect(record).toBe('/soa/elections/AccountService:1.0.0');
  expect(line).toBe('/soa/elections/AccountService:1.0.0/line');
});

it('gives every combination of scope, version and name an election of its own', () => {
  const keys = [
    electionZnodes(bank),
    electionZnodes({ ...bank, version: '2' }),
    electionZnodes({ ...bank, name: 'mail' }),
    electionZnodes({ ...bank, version: '2', name: 'mail' }),
    electionZnodes({ ...bank, scope: 'service' }),
    electionZnodes({ ...bank, scope: 'service', name: 'mail' }),
    electionZnodes({ ...bank, version: 'mail' }),
  ].map((one) => one.key);
  expect(new Set(keys).size).toBe(keys.length);
  expect(electionZnodes({ ...bank, scope: 'service' }).key).toBe('AccountService');
});

it('is the same election for all versions with scope "service"', () => {
  const [one, two] = ['1', '2'].map((version) => electionZnodes({ ...bank, scope: 'service', version, name: 'mail' }).node);
  expect(one).toBe(two);
});

it('makes the tenure node a child of the record, and lists parents before their children, each once', () => {
  const { record, parents, tenure } = electionZnodes(bank);
  expect(tenure('x')).toBe(`${record}/tenure-x`);
  expect(parents).toEqual(['/soa', '/soa/master', '/soa/master/services', '/soa/elections', record, `${record}/line`]);
});

it('accepts the root of the tree, or of a chroot, as root', () => {
  for (const rootPath of ['/', '']) {
    const { node, parents } = electionZnodes({ ...bank, rootPath });
    expect(node).toBe('/master/services/AccountService:1.0.0');
    expect(parents[0]).toBe('/master');
  }
  expect(withParents('/a/b/c')).toEqual(['/a', '/a/b', '/a/b/c']);
});
