import { afterAll, beforeAll, describe } from 'vitest';
import { EnsembleKeyLocks } from '../../../../src/zookeeper/recipes/lock-store/ensemble-key-locks.js';
import type { KeyLocks } from '../../../../src/zookeeper/recipes/lock-store/key-locks.js';
import { systemClock } from '../../../../src/zookeeper/support/clock.js';
import { WITHIN_MS } from '../../../support/eventually.js';
import { itKeepsTheContractOfALockStore } from '../../../support/lock-store-contract.js';
import { startEnsemble, startServer, type Ensemble, type ZooKeeperServer } from '../../../support/zookeeper.js';
import { Holder } from '../locks/holders.js';

const SESSIONS = 8;

describe.each<{ where: string; start: () => Promise<ZooKeeperServer | Ensemble> }>([
  { where: 'one server', start: () => startServer() },
  { where: 'an ensemble of three', start: () => startEnsemble(3) },
])(`a lock store of ${SESSIONS} sessions on $where`, ({ start }) => {
  let servers: ZooKeeperServer | Ensemble | undefined;
  const holders: Holder[] = [];
  const stores: KeyLocks[] = [];
  let next = 0;

  beforeAll(async () => {
    const started = await start();
    servers = started;
    holders.push(...Array.from({ length: SESSIONS }, (_, index) => new Holder(started.connectString, `store:${index}`)));
    stores.push(
      ...holders.map(({ sessions }) => new EnsembleKeyLocks({ sessions, rootPath: '/soa', clock: systemClock, answerWaitMs: WITHIN_MS })),
    );
  });

  afterAll(async () => {
    for (const holder of holders.splice(0)) await holder[Symbol.asyncDispose]();
    await servers?.dispose();
  });

  // The next one for each call, so that calls that follow each other come from different sessions.
  const store = (): KeyLocks => {
    next += 1;
    return stores[next % SESSIONS] ?? stores[0]!;
  };
  itKeepsTheContractOfALockStore({ store, callers: 32 });
});
