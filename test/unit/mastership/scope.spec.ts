import { expect, it } from 'vitest';
import { ScopeGuard } from '../../../src/zookeeper/mastership/campaign/scope.js';
import type { Session } from '../../../src/zookeeper/session/session.js';
import { ZooKeeperError } from '../../../src/zookeeper/wire/errors.js';
import type { Observation } from '../../../src/zookeeper/support/observer.js';
import { HandClock } from './hand-clock.js';
import { statOf } from './stats.js';

const FOLDER = '/soa/members/Bank';

/**
 * A session of the first replica of a service, which another one gets ahead of once, between a reading of the folder
 * and the write that goes by it.
 */
function sessionWithRival(): { readonly session: Session; readonly writes: () => readonly string[] } {
  let [scope, version] = ['', 0];
  const writes: string[] = [];
  const used = {
    onAttached: () => () => undefined,
    unwatch: () => undefined,
    create: async (path: string) => path,
    exists: async () => statOf({}),
    children: async () => ({ names: ['version~own'], stat: statOf({}) }),
    get: async () => ({ data: Buffer.from(scope), stat: statOf({ version }) }),
    set: async (path: string, data: Buffer, expected: number) => {
      if (path !== FOLDER) return statOf({});
      writes.push(data.toString());
      if (writes.length === 1) [scope, version] = ['version', 1];
      if (expected !== version) throw new ZooKeeperError('bad-version', { operation: 'set', path, sent: true });
      return statOf({});
    },
  };
  return { session: used as unknown as Session, writes: () => writes };
}

it('campaigns at once when another replica that starts with it has told the scope of the service first, and makes no error of it', async () => {
  const observed: Observation[] = [];
  const { session, writes } = sessionWithRival();
  const scopeGuard = new ScopeGuard({
    session,
    clock: new HandClock(),
    observer: { observe: (observation) => void observed.push(observation) },
    rootPath: '/soa',
    service: 'Bank',
    member: { address: 'a:1', version: '1', scope: 'version', candidate: true, leaseMs: 1_000 },
    id: 'own',
  });
  const over = new Promise<void>((campaigns) => void scopeGuard.run(campaigns));
  const late = new Promise<string>((resolve) => setImmediate(() => resolve('nothing happens any more')));
  expect(await Promise.race([over, late])).toBeUndefined();
  expect(writes()).toEqual(['version']);
  expect(observed).toEqual([]);
  scopeGuard.close(new Error('the test is over'));
});
