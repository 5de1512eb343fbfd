import { Ensemble, startEnsemble as startEnsembleOf, type EnsembleOptions } from '../../scripts/zookeeper/ensemble.mjs';
import { startServer as startOne, type ServerOptions, type ZooKeeperServer } from '../../scripts/zookeeper/server.mjs';
import { needsRealServer, startEmbedded, usesEmbedded } from './embedded.js';
import { addWitness, dismissWitness, type Witness } from './evidence.js';

export type { Ensemble, EnsembleOptions, ServerOptions, ZooKeeperServer };

/**
 * Starts a real ZooKeeper server on a free loopback port and waits until it serves. `await using` it, or `dispose()`
 * it; a failed test keeps its log.
 */
export async function startRealServer(options?: ServerOptions): Promise<ZooKeeperServer> {
  const server = await startOne(options);
  bearWitness(server, `zookeeper-${server.port}`);
  return server;
}

/**
 * The same, or with `CLUSTER_CRON_ZOOKEEPER=embedded` the test ZooKeeper, where it can stand in for a
 * server started like this.
 */
export async function startServer(options?: ServerOptions): Promise<ZooKeeperServer> {
  return usesEmbedded && !needsRealServer(options) ? startEmbedded(options) : startRealServer(options);
}

/** Starts a real ensemble of `size` members, as `startServer` does. */
export async function startEnsemble(size: number, options?: EnsembleOptions): Promise<Ensemble> {
  const ensemble = await startEnsembleOf(size, options);
  for (const member of ensemble.members) bearWitness(member, `zookeeper-member-${member.id}-${member.port}`);
  return ensemble;
}

function bearWitness(server: ZooKeeperServer, name: string): void {
  const witness: Witness = { name, logPath: server.logPath, logText: () => server.logText() };
  addWitness(witness);
  server.beforeDisposal(() => dismissWitness(witness));
}
