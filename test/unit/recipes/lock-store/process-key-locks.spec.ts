import { describe } from 'vitest';
import { ProcessKeyLocks } from '../../../../src/zookeeper/recipes/lock-store/process-key-locks.js';
import { systemClock } from '../../../../src/zookeeper/support/clock.js';
import { itKeepsTheContractOfALockStore } from '../../../support/lock-store-contract.js';

describe('a lock store of this process', () => {
  const locks = new ProcessKeyLocks(systemClock);
  itKeepsTheContractOfALockStore({ store: () => locks, callers: 32 });
});
