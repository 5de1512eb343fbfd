import { describe, expect, it } from 'vitest';
import { compareAndSet, compareAndSetOrHeal, UncomparableVersionError, versionAfter } from '../../../src/zookeeper/wire/compare-and-set.js';
import type { Op } from '../../../src/zookeeper/wire/operations.js';

const PATH = '/soa/jobs/Bank/payouts';
const data = (text: string): Buffer => Buffer.from(text);

/**
 * A node as ZooKeeper 3.8 keeps it (PrepRequestProcessor.checkAndIncVersion): its version is a Java int, and -1 in
 * a request stands for any.
 */
class Node {
  text = 'begun';
  seen: number[] = [];

  constructor(public version: number) {}

  /** All or nothing; false when a version was not as given. */
  multi(operations: readonly Op[]): boolean {
    let { version, text } = this;
    for (const op of operations) {
      if (op.kind !== 'set') throw new Error(`no ${op.kind} here`);
      if (op.version !== -1 && op.version !== version) return false;
      version = (version + 1) | 0;
      text = op.data.toString();
    }
    Object.assign(this, { version, text });
    this.seen.push(version);
    return true;
  }
}

describe('a write that compares versions', () => {
  it.each([0, 7, 2 ** 31 - 2, 2 ** 31 - 1, -(2 ** 31), -3, -2])(
    'happens once of two that were made from one state, at version %i',
    (version) => {
      const node = new Node(version);
      const [mine, theirs] = [compareAndSet(PATH, data('mine'), version), compareAndSet(PATH, data('theirs'), version)];
      expect([node.multi(mine), node.multi(theirs)]).toEqual([true, false]);
      expect(node).toMatchObject({ text: 'mine', version: versionAfter(version) });
    },
  );

  it('never leaves a node at -1, from 2^31 - 1 changes through the negative numbers to 0', () => {
    for (const start of [2 ** 31 - 3, -6]) {
      const node = new Node(start);
      for (let round = 0; round < 8; round += 1) expect(node.multi(compareAndSet(PATH, data(`${round}`), node.version))).toBe(true);
      expect(node.seen).not.toContain(-1);
    }
    const wrapped = new Node(2 ** 31 - 1);
    wrapped.multi(compareAndSet(PATH, data('x'), wrapped.version));
    expect(wrapped.version).toBe(-(2 ** 31));
  });

  it('is not sent for a node that somebody has left at -1', () => {
    expect(() => compareAndSet(PATH, data('x'), -1)).toThrow(UncomparableVersionError);
    expect(() => compareAndSet(PATH, data('x'), -1)).toThrow(/payouts.*version is -1/);
  });

  it('that may write over whatever is there compares like any other, and brings a node back from -1', () => {
    const node = new Node(-1);
    expect(node.multi(compareAndSetOrHeal(PATH, data('healed'), -1))).toBe(true);
    expect(node).toMatchObject({ text: 'healed', version: versionAfter(-1) });
    expect([node.multi(compareAndSetOrHeal(PATH, data('mine'), 0)), node.multi(compareAndSetOrHeal(PATH, data('theirs'), 0))]).toEqual([
      true,
      false,
    ]);
    expect(node.text).toBe('mine');
  });
});
