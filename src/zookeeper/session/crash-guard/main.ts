// The guard's own process: started by `CrashGuard` (crash-guard.ts), never imported.
import { systemClock } from '../../support/clock.js';
import { checkPackage } from '../../wire/package.js';
import { ChargeReader } from './charge.js';
import { ALIVE_EXIT_CODE, READY } from './guard-process.js';
import { execute } from './executor.js';
import { hasDied } from './parent-death.js';

const reader = new ChargeReader();
let isReady = false;

/** The pipe has ended: its other end is closed, or its process is dead. */
async function ended(): Promise<number> {
  const { charge } = reader;
  if (charge === undefined || charge.isOver) return 0;
  if (!(await hasDied(charge.parentPid, () => process.ppid, systemClock))) return ALIVE_EXIT_CODE;
  if (charge.session !== undefined) await execute(charge, charge.session, systemClock);
  return 0;
}

// Signals to a terminal's or a service's whole group are not meant for it: it ends with the pipe.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
// Nobody reads any more.
process.stdout.on('error', () => undefined);
process.stdin.on('data', (bytes: Buffer) => {
  reader.read(bytes);
  if (isReady || reader.charge === undefined) return;
  isReady = true;
  process.stdout.write(READY);
});
process.stdin.once('close', () => void ended().then((code) => process.exit(code)));
process.stdin.on('error', () => undefined);
checkPackage();
