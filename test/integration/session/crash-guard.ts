import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { ensureBuilt } from '../../../scripts/build.mjs';
import { encodeCharge, type Charge } from '../../../src/zookeeper/session/crash-guard/charge.js';
import { ROOT } from '../../support/process.js';
import type { Replica } from '../../support/replica/replica.js';

/** What a winner knew of its predecessor's end, and what it waited for it. */
export interface LastWin {
  readonly knew: 'of its death' | 'of its resignation' | 'nothing';
  readonly waited: boolean;
}

/** Of the last win of this replica. */
export function lastWinOf(replica: Replica): LastWin {
  const last = replica.observed('mastership.won').at(-1);
  const why = String(last?.['message']);
  const knew = why.includes('its crash guard has seen') ? 'of its death' : why.includes('has resigned') ? 'of its resignation' : 'nothing';
  return { knew, waited: (last?.['fields'] as { waitMs: number } | undefined)?.waitMs !== 0 };
}

/** Gives a guard this charge by a process that then closes the pipe, and lives; answers the guard's exit code. */
export async function closePipe(charge: Omit<Charge, 'parentPid' | 'isOver'>, dist = join(ROOT, 'dist')): Promise<number> {
  await ensureBuilt();
  const guard = spawn(process.execPath, [join(dist, 'zookeeper/session/crash-guard/main.js')], { stdio: ['pipe', 'ignore', 'inherit'] });
  guard.stdin.end(encodeCharge({ ...charge, parentPid: process.pid, isOver: false }));
  const [code] = (await once(guard, 'exit')) as [number];
  return code;
}
