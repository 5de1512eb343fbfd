import { fileURLToPath } from 'node:url';
import { startNode, startProgram, type TestProcess } from '../process.js';

export interface CrowdOptions {
  readonly connectString: string;
  readonly sessionTimeoutMs: number;
  /** How many sessions. */
  readonly size: number;
  /** How many writes each has in flight, all the time. */
  readonly inFlight: number;
}

/** Starts a process with many sessions that write, and waits until all have begun. */
export async function startCrowd(options: CrowdOptions): Promise<TestProcess> {
  const script = fileURLToPath(new URL('crowd.mjs', import.meta.url));
  const args = [JSON.stringify(options)];
  const dist = process.env['REPLICA_DIST'];
  const crowd =
    dist === undefined
      ? await startNode(script, { args, name: 'crowd' })
      : startProgram(process.execPath, { args: [script, ...args], name: 'crowd', env: { NODE_OPTIONS: '' } });
  await crowd.message((one) => one['k'] === 'up', 'all its sessions');
  return crowd;
}

/** How many of the crowd's writes were acknowledged, as last heard. */
export function writesOf(crowd: TestProcess): number {
  return (crowd.messages.findLast((one) => one['k'] === 'written')?.['writes'] as number | undefined) ?? 0;
}
