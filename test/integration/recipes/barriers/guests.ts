import { expect } from 'vitest';
import { EnsembleBarriers } from '../../../../src/zookeeper/recipes/barriers/ensemble-barriers.js';
import { systemClock } from '../../../../src/zookeeper/support/clock.js';
import type { Holder } from '../locks/holders.js';

/** The barriers of one process, over its session. */
export const barriersOf = ({ sessions, address }: Holder, rootPath = '/soa'): EnsembleBarriers =>
  new EnsembleBarriers({ sessions, rootPath, address, clock: systemClock });

/**
 * What somebody hears whose time is over: on a machine that is slow at this moment, perhaps that it has no connection.
 */
export const TIME_IS_OVER = { code: expect.stringMatching(/^ZK_(BARRIER_TIMEOUT|NOT_CONNECTED)$/) as string };
