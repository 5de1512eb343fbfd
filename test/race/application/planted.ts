import type { Election, Elections } from '../../../src/zookeeper/mastership/election/election.js';

/**
 * Plants a bug: beside the election, a count of the drains that go on says whether something may start, and no
 * drain is ever called off.
 */
export function countsDrains(elections: Elections): Elections {
  const election = counting(elections.election());
  return new Proxy(elections, {
    get(target, key) {
      if (key === 'election') return () => election;
      const member: unknown = Reflect.get(target, key, target);
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
}

function counting(election: Election): Election {
  let drains = 0;
  const changed: Partial<Election> = {
    tenure: () => (drains === 0 ? election.tenure() : undefined),
    setDrain: (drain) =>
      election.setDrain(async (tenure, why) => {
        drains += 1;
        try {
          return await drain(tenure, why, new AbortController().signal);
        } finally {
          drains -= 1;
        }
      }),
  };
  return new Proxy(election, {
    get(target, key) {
      const member: unknown = Reflect.get(changed, key) ?? Reflect.get(target, key, target);
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
}
