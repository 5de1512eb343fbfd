// A process of its own that cleans up after its parent, however the parent ends: it reads from a pipe what the
// parent holds (processes, directories, commands that undo something) and, at the end of the pipe, ends or
// undoes all that is still held.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { startOfProcess } from './process-start.mjs';

/** @type {Map<number, { pid?: number, started?: string, directory?: string, command?: string[] }>} */
const held = new Map();
// Ctrl-C and a SIGTERM to the group are the parent's to answer; its end is the only one that counts here.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {});

for await (const line of createInterface({ input: process.stdin })) {
  const message = JSON.parse(line);
  if (message.release === undefined) held.set(message.id, message);
  else held.delete(message.release);
}

const left = [...held.values()].reverse();
for (const { pid } of left.filter(isAlive)) if (pid !== undefined) kill(pid);
for (let round = 0; round < 100 && left.some(isAlive); round += 1) await wait(50);
for (const { command } of left)
  if (command?.[0] !== undefined) spawnSync(command[0], command.slice(1), { stdio: 'ignore', timeout: 20_000 });
for (const { directory } of left) if (directory) rmSync(directory, { recursive: true, force: true, maxRetries: 5 });

/**
 * A process id may have been given to somebody else since; the time of its start tells.
 *
 * @param {{ pid?: number, started?: string }} process
 */
function isAlive({ pid, started }) {
  return pid !== undefined && startOfProcess(pid) === started;
}

/** Processes are started as leaders of their own group, so that their children go with them. @param {number} pid */
function kill(pid) {
  for (const target of [-pid, pid]) {
    try {
      process.kill(target, 'SIGKILL');
    } catch {
      // It has just ended.
    }
  }
}
