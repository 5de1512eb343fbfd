import { setTimeout as wait } from 'node:timers/promises';
import type { Direction } from '../../support/proxy.js';
import { startProxiedFleet } from '../../support/replica/proxied.js';
import type { Server } from './forced.js';
import { outcomeOf, T_MS, type Outcome } from './outcome.js';

/**
 * Nothing arrives any more on the master's link, in one direction or (undefined) both, and nobody is told;
 * later all of it arrives.
 */
export async function halfOpenMaster(server: Server, direction?: Direction): Promise<Outcome> {
  const rootPath = `/half-open-${direction ?? 'both'}`;
  await using proxied = await startProxiedFleet(3, server, { dist: server.dist, rootPath, sessionTimeoutMs: T_MS });
  const { fleet } = proxied;
  const master = await fleet.master();
  const since = master.messages.length;
  const token = master.token();
  proxied.link(master).hole(direction);
  await fleet.master({ not: master });
  // Long enough for the old one to have given its session up.
  await wait(T_MS);
  proxied.link(master).pass();
  await master.takesPartAgain(token, since);
  await fleet.master();
  return outcomeOf(fleet);
}
