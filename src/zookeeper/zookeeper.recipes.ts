import type { Provider } from '@nestjs/common';
import { Barriers } from './api/barriers.js';
import { Counters } from './api/counters.js';
import { Locks } from './api/locks.js';
import { ZookeeperClient } from './api/zookeeper-client.js';
import { BARRIERS, COUNTERS, ELECTIONS, KEY_LOCKS, LOCKS, NODE_CLIENT, OBSERVER, SETTINGS } from './decorators/inject.js';
import type { Elections } from './mastership/election/election.js';
import type { BarrierSource } from './recipes/barriers/barrier.js';
import { EnsembleBarriers } from './recipes/barriers/ensemble-barriers.js';
import { ProcessBarriers } from './recipes/barriers/process-barriers.js';
import { NodeClient } from './recipes/client/node-client.js';
import type { CounterSource } from './recipes/counters/counter-source.js';
import { EnsembleCounters } from './recipes/counters/ensemble-counters.js';
import { ProcessCounters } from './recipes/counters/process-counters.js';
import { EnsembleKeyLocks } from './recipes/lock-store/ensemble-key-locks.js';
import type { KeyLocks } from './recipes/lock-store/key-locks.js';
import { ProcessKeyLocks } from './recipes/lock-store/process-key-locks.js';
import { EnsembleLocks } from './recipes/locks/ensemble-locks.js';
import type { LockSource } from './recipes/locks/lock-source.js';
import type { SemaphoreSource } from './recipes/locks/semaphore.js';
import { ProcessLocks } from './recipes/locks/process-locks.js';
import { Sightings } from './recipes/locks/sightings.js';
import type { SessionGuard } from './session/crash-guard/charge.js';
import { createSessions } from './session/sessions.js';
import type { Sessions } from './session/session.js';
import { systemClock } from './support/clock.js';
import type { Observer } from './support/observer.js';
import type { ZookeeperSettings } from './zookeeper.options.js';

/** What makes the recipes, each from the elections and the options, and their faces for applications. */
export const RECIPES: Provider[] = [
  { provide: LOCKS, inject: [ELECTIONS, SETTINGS, OBSERVER], useFactory: lockSource },
  { provide: BARRIERS, inject: [ELECTIONS, SETTINGS], useFactory: barrierSource },
  { provide: COUNTERS, inject: [ELECTIONS, SETTINGS], useFactory: counterSource },
  { provide: NODE_CLIENT, inject: [ELECTIONS, SETTINGS], useFactory: nodeClient },
  { provide: KEY_LOCKS, inject: [ELECTIONS, SETTINGS, OBSERVER], useFactory: keyLocks },
  Locks,
  Barriers,
  Counters,
  ZookeeperClient,
];

/** Those of them that the application may inject. */
export const RECIPE_EXPORTS = [LOCKS, BARRIERS, COUNTERS, NODE_CLIENT, KEY_LOCKS, Locks, Barriers, Counters, ZookeeperClient];

/** Of the ensemble, over the session of the elections; else of this process. */
function lockSource({ claims }: Elections, { rootPath, address }: ZookeeperSettings, observer: Observer): LockSource & SemaphoreSource {
  const clock = systemClock;
  if (claims.kind !== 'ensemble') return new ProcessLocks(clock, address, rootPath);
  return new EnsembleLocks({ sessions: claims.sessions, rootPath, address, clock, observer, sightings: new Sightings(clock) });
}

/** Of the ensemble, over the session of the elections; else of this process. */
function barrierSource({ claims }: Elections, { rootPath, address }: ZookeeperSettings): BarrierSource {
  const clock = systemClock;
  if (claims.kind !== 'ensemble') return new ProcessBarriers(clock, rootPath);
  return new EnsembleBarriers({ sessions: claims.sessions, rootPath, address, clock });
}

/** Of the ensemble, over the session of the elections; else of this process. */
function counterSource({ claims }: Elections, { rootPath }: ZookeeperSettings): CounterSource {
  if (claims.kind !== 'ensemble') return new ProcessCounters(rootPath);
  return new EnsembleCounters({ sessions: claims.sessions, rootPath, clock: systemClock });
}

/** Over the session of the elections; undefined without an ensemble. */
function nodeClient({ claims }: Elections, { rootPath }: ZookeeperSettings): NodeClient | undefined {
  if (claims.kind !== 'ensemble') return undefined;
  return new NodeClient({ sessions: claims.sessions, rootPath, clock: systemClock, consequence: 'nothing can be read or written' });
}

/** Of the ensemble, over a session of its own that is made when it is first used; else of this process. */
function keyLocks({ claims }: Elections, settings: ZookeeperSettings, observer: Observer): KeyLocks {
  const clock = systemClock;
  if (claims.kind !== 'ensemble') return new ProcessKeyLocks(clock);
  return new EnsembleKeyLocks({ sessions: sessionsOf(settings, observer), rootPath: settings.rootPath, clock });
}

/** Sessions as the options say; the elections' own, and what needs one for itself. */
export function sessionsOf(settings: ZookeeperSettings, observer: Observer, crashGuard?: SessionGuard): Sessions {
  const { connectString = '', sessionTimeoutMs, auth, tls } = settings;
  return createSessions({ connectString, sessionTimeoutMs, auth, tls, clock: systemClock, observer, crashGuard });
}
