import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Socket } from 'node:net';
import { messageOf } from '../../support/errors.js';
import { encodeCharge, type Charge } from './charge.js';

/** What a guard exits with when the pipe was closed by a process that lives. */
export const ALIVE_EXIT_CODE = 3;

/** What it says when it has its first charge. */
export const READY = 'ready\n';

/** A guard that leaves so much unread has stopped, or hangs. A charge is a few kilobytes. */
export const MAX_UNREAD_BYTES = 1024 * 1024;

/** It waits for a pipe, and once in its life makes one connection. */
const MEMORY_FLAGS = ['--max-semi-space-size=1', '--max-old-space-size=64', '--v8-pool-size=1'];

/** Flags of this process that decide how it finds and trusts servers. No others: an inspector would open a port. */
const CONNECTION_FLAG = /^--(?:use-(?:openssl|bundled|system)-ca|tls-|openssl-|(?:enable|force)-fips|dns-result-order)/;

/** Variables that do the same, and what a program needs to start at all. */
const VARIABLES = [
  ...['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'SSL_CERT_DIR', 'NODE_TLS_REJECT_UNAUTHORIZED', 'OPENSSL_CONF'],
  ...['LOCALDOMAIN', 'RES_OPTIONS', 'PATH', 'LD_LIBRARY_PATH', 'DYLD_LIBRARY_PATH', 'SYSTEMROOT', 'TZ'],
];

/** What happens to a guard. After `ended` nothing more does. */
export interface GuardEvents {
  ready(): void;
  ended(why: string): void;
}

/** A guard that was started. Does not keep this process from ending. */
export interface GuardProcess {
  readonly pid: number | undefined;
  send(charge: Charge): void;
  /** Ends the pipe. */
  finish(): void;
  kill(): void;
}

/** Starts a guard. What can go wrong is told by `ended`, in this turn or later. */
export function startGuard(events: GuardEvents): GuardProcess {
  const environment = process.env;
  const program = join(__dirname, 'main.js');
  if (!existsSync(program)) throw new Error(`${program} is missing. The guard is a program of its own, so it cannot be bundled`);
  const flags = [...process.execArgv, ...(environment['NODE_OPTIONS'] ?? '').split(/\s+/u)].filter((flag) => CONNECTION_FLAG.test(flag));
  const env = Object.fromEntries(VARIABLES.flatMap((name) => (environment[name] === undefined ? [] : [[name, environment[name]]])));
  // A session and process group of its own: what ends those of this process does not end it.
  const child = spawn(process.execPath, [...MEMORY_FLAGS, ...flags, program], {
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true,
    windowsHide: true,
    env,
  });
  child.unref();
  const { stdin, stdout } = child;
  (stdin as unknown as Socket).unref();
  (stdout as unknown as Socket).unref();
  let isOver = false;
  const end = (why: string): void => {
    if (isOver) return;
    isOver = true;
    stdin.destroy();
    events.ended(why);
  };
  // Its end is what counts, and that is told.
  stdin.on('error', () => undefined);
  stdout.on('error', () => undefined);
  stdout.once('data', () => events.ready());
  child.once('error', (thrown) => end(messageOf(thrown)));
  child.once('exit', (code, signal) => end(howItEnded(code, signal)));
  return {
    pid: child.pid,
    send(charge) {
      if (isOver) return;
      stdin.write(encodeCharge(charge));
      if (stdin.writableLength > MAX_UNREAD_BYTES) child.kill('SIGKILL');
    },
    finish: () => void stdin.end(),
    kill: () => void child.kill('SIGKILL'),
  };
}

function howItEnded(code: number | null, signal: NodeJS.Signals | null): string {
  if (code === ALIVE_EXIT_CODE) return 'its pipe was closed, although this process lives';
  return signal === null ? `it has ended with exit code ${code}` : `it was ended by ${signal}`;
}
