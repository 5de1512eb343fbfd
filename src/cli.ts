#!/usr/bin/env node
// `npx nestjs-cluster-cron <command>`.
import { runZookeeperCommand } from './testing/zookeeper/command.js';

const [command, ...args] = process.argv.slice(2);

function write(text: string): void {
  process.stdout.write(text);
}

/** Resolves at the first signal that ends a program. */
function ended(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve());
  });
}

async function run(): Promise<number> {
  if (command === 'zookeeper') {
    return runZookeeperCommand({ args, nodeEnv: process.env['NODE_ENV'], write, untilEnd: ended });
  }
  process.stderr.write('nestjs-cluster-cron zookeeper [--help]   starts a ZooKeeper for development and tests, without Java\n');
  return 1;
}

// What holds where nothing is left to do before it has ended: a server that had to stop, for a full disk say.
process.exitCode = 1;
void run().then((code) => (process.exitCode = code));
