import { join } from 'node:path';
import { Neighbour, startCurator, startKazoo, type Library } from './neighbours.js';

export interface BarrierNeighbourOptions {
  readonly connectString: string;
  readonly kind: 'single' | 'double';
  readonly path: string;
  readonly members?: number;
}

/** So short that a test need not wait long for the end of a killed one's session. */
const SESSION_TIMEOUT_MS = 2_000;

/** Starts a neighbour that uses barriers of another library, and waits until it is connected. `await using` it. */
export async function startBarrierNeighbour(
  library: Library,
  { connectString, kind, path, members = 1 }: BarrierNeighbourOptions,
): Promise<Neighbour> {
  const args = [connectString, String(SESSION_TIMEOUT_MS), kind, path, String(members)];
  const file = (name: string): string => join(import.meta.dirname, name);
  const started =
    library === 'kazoo' ? startKazoo(file('kazoo-barriers.py'), args) : await startCurator(file('CuratorBarriers.java'), args);
  await started.message(({ event }) => event === 'connected', 'a connection');
  return new Neighbour(started);
}
