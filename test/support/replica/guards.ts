import { readFileSync } from 'node:fs';
import type { Message } from '../process.js';
import type { Replica } from './replica.js';

const isReady = (one: Message): boolean => one['event'] === 'session.guarded';
const pidIn = (one: Message): number => (one['fields'] as { pid: number }).pid;

/** The process that guards this replica, once it has all that it needs. */
export async function guardOf({ process, messages }: Replica): Promise<number> {
  await process.message(isReady, 'a crash guard');
  const last = messages.findLast(isReady);
  if (last === undefined) throw new Error(`${process.name} has no crash guard.`);
  return pidIn(last);
}

/** Whether this process is a guard, and runs. One that has ended, and whose end nobody has asked for yet, does not. */
export function isGuarding(pid: number): boolean {
  try {
    // Empty for a process that has ended.
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('crash-guard/main.js');
  } catch {
    return false;
  }
}

/** Ends all guards that this replica has had: a test's servers go, and they would look for them for a while. */
export function endGuards({ messages }: Replica): void {
  for (const pid of messages.filter(isReady).map(pidIn)) if (isGuarding(pid)) process.kill(pid, 'SIGKILL');
}
