import { expect, it } from 'vitest';
import { contenderPrefix, downgradePrefix, leadersOf, lineOf, parseContender } from '../../../../src/zookeeper/recipes/locks/contenders.js';

const id = '0a1b2c3d-0000-4000-8000-00000000000f';
const hex = '0a1b2c3d000040008000000000000000';

it('counts every form that Curator, kazoo and this library make, and nothing else', () => {
  const names = [
    `${contenderPrefix(id)}0000000004`,
    `${hex}__lock__0000000003`,
    `${hex}__rlock__0000000002`,
    `_c_${id}-__READ__0000000001`,
    `_c_${id}-__WRIT__0000000000`,
    'README',
    'other-0000000009',
    `_c_${id}-lock-`,
    `_c_${id}-lease-0000000007`,
  ];
  expect(lineOf(names).map(({ sequence }) => sequence)).toEqual([0, 1, 2, 3, 4]);
  expect(parseContender(names[0] ?? '')?.id).toBe(id);
  expect(parseContender(names[1] ?? '')?.id).toBeUndefined();
});

it('goes on in the order in which they came when the counter of 32 bits turns over', () => {
  const line = lineOf(['-lock--2147483647', '-lock-2147483646', '-lock--2147483648', '-lock-2147483647'].map((rest) => `_c_${id}${rest}`));
  expect(line.map(({ sequence }) => sequence)).toEqual([2_147_483_646, 2_147_483_647, -2_147_483_648, -2_147_483_647]);
  const aroundZero = lineOf(['-lock-0000000000', '-lock--000000002', '-lock--000000001'].map((rest) => `_c_${id}${rest}`));
  expect(aroundZero.map(({ sequence }) => sequence)).toEqual([-2, -1, 0]);
});

it('a reader that was a writer stands where the writer stood, whatever the sequences are', () => {
  for (const [writer, behind] of [
    ['0000000004', '0000000005'],
    ['-2147483648', '-2147483647'],
    ['-000000002', '-000000001'],
  ]) {
    const prefix = downgradePrefix(id, `/a/${contenderPrefix(id, 'write')}${writer}`);
    const names = [`${contenderPrefix(id, 'write')}${behind}`, `${prefix}0000000009`, `${prefix}-000000009`];
    const line = lineOf(names);
    expect(line.map(({ name }) => name)).toEqual([expect.stringContaining(prefix), expect.stringContaining(prefix), names[0]]);
    expect(line.map(({ sequence }) => sequence)).toEqual([Number(writer), Number(writer), Number(behind)]);
    expect(line.map(({ shares }) => shares)).toEqual([true, true, false]);
  }
});

it('knows who holds it together: one who is alone, or readers before the first who is', () => {
  const names = (...forms: readonly string[]): string[] => forms.map((form, index) => `_c_${id}-${form}000000000${index}`);
  const leaders = (...forms: readonly string[]): number => leadersOf(lineOf(names(...forms))).length;
  expect([
    leaders(),
    leaders('lock-'),
    leaders('__WRIT__', '__READ__'),
    leaders('__READ__', '__READ__'),
    leaders('__READ__', '__WRIT__', '__READ__'),
  ]).toEqual([0, 1, 1, 2, 1]);
  expect(lineOf(names('lock-', '__READ__', '__WRIT__')).map(({ shares }) => shares)).toEqual([false, true, false]);
  expect(lineOf([`${hex}__rlock__0000000002`, `${hex}__lock__0000000003`]).map(({ shares }) => shares)).toEqual([true, false]);
});
