import fc from 'fast-check';
import { expect, it } from 'vitest';
import { nodeNameOf } from '../../../../src/zookeeper/recipes/lock-store/key-name.js';
import { znodeNameProblem } from '../../../../src/zookeeper/support/names.js';

it('is readable where the key is', () => {
  expect(nodeNameOf('jobs:export')).toBe('=jobs:export');
  expect(nodeNameOf('a/b é')).toBe('=a%002fb%0020%00e9');
});

it('is one that ZooKeeper takes, and short, whatever the key is', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 1_000 }), (key) => {
      const name = nodeNameOf(key);
      expect(znodeNameProblem(name)).toBeUndefined();
      expect(name.length).toBeLessThanOrEqual(150);
    }),
  );
});

it('is another one for every key: of look-alikes, of halves of a character, and where only the far end differs', () => {
  const long = 'x'.repeat(500);
  const keys = [
    '',
    '.',
    '..',
    'k',
    'K',
    'k ',
    ' k',
    '%',
    '%0025',
    'é',
    'e\u0301',
    '\ud83d',
    '\udd12',
    '\ud83d\udd12',
    '\ufffd',
    '~',
    '=',
    `${long}a`,
    `${long}b`,
  ];
  expect(new Set(keys.map(nodeNameOf)).size).toBe(keys.length);
  expect(nodeNameOf(`${'é'.repeat(400)}\ud800`)).not.toBe(nodeNameOf(`${'é'.repeat(400)}\ufffd`));
});
