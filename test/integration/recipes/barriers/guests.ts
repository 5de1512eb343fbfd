import { EnsembleBarriers } from '../../../../src/zookeeper/recipes/barriers/ensemble-barriers.js';
import { systemClock } from '../../../../src/zookeeper/support/clock.js';
import type { Holder } from '../locks/holders.js';

/** The barriers of one process, over its session. */
export const barriersOf = ({ sessions, address }: Holder, rootPath = '/soa'): EnsembleBarriers =>
  new EnsembleBarriers({ sessions, rootPath, address, clock: systemClock });
