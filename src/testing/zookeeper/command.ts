import { parseArgs } from 'node:util';
import { messageOf } from '../../zookeeper/support/errors.js';
import { startTestZookeeper } from './start.js';

const USAGE = `nestjs-cluster-cron zookeeper [options]

  --port <number>         default 2181
  --host <address>        default 127.0.0.1: only programs of this machine reach it
  --directory <path>      where nodes and sessions are kept; default .zookeeper
  --memory                keep nothing on the disk
  --tick-time <ms>        ZooKeeper's unit of time, default 500; sessions last at least two of them
  --allow-production      given twice, it starts although NODE_ENV is "production"
`;

/** What the command works with: the process, or a test's. */
export interface CommandContext {
  readonly args: readonly string[];
  readonly nodeEnv: string | undefined;
  readonly write: (text: string) => void;
  /** Resolves when it is to end. */
  readonly untilEnd: () => Promise<unknown>;
}

/** `npx nestjs-cluster-cron zookeeper`. Answers the exit code. */
export async function runZookeeperCommand({ args, nodeEnv, write, untilEnd }: CommandContext): Promise<number> {
  try {
    const found = optionsOf(args);
    if (found === 'help') {
      write(USAGE);
      return 0;
    }
    if (nodeEnv === 'production' && !found.allowedTwice) {
      write(
        'This is a ZooKeeper for development and tests, and NODE_ENV is "production": it does not start. See docs/test-zookeeper.md.\n',
      );
      return 1;
    }
    write('A ZooKeeper for development and tests, not for production: one process, hence one point of failure.\n');
    await using zookeeper = await startTestZookeeper({ ...found.options, log: (line) => write(`${line}\n`) });
    const kept =
      found.options.directory === undefined ? 'nothing is kept on the disk' : `nodes and sessions are kept in ${found.options.directory}`;
    write(`It serves on ${zookeeper.connectString}; ${kept}. Ctrl-C ends it.\n`);
    if (!/^(127\.|::1$|localhost$)/.test(zookeeper.host))
      write('It is reached from other machines, too: whoever reaches it may do everything.\n');
    await untilEnd();
    return 0;
  } catch (thrown) {
    write(`${messageOf(thrown)}\n`);
    return 1;
  }
}

interface Given {
  readonly options: { readonly port: number; readonly tickTimeMs: number; readonly host?: string; readonly directory?: string };
  readonly allowedTwice: boolean;
}

function optionsOf(args: readonly string[]): Given | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      port: { type: 'string', default: '2181' },
      host: { type: 'string' },
      directory: { type: 'string', default: '.zookeeper' },
      memory: { type: 'boolean', default: false },
      'tick-time': { type: 'string', default: '500' },
      'allow-production': { type: 'boolean', multiple: true, default: [] },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  return {
    options: {
      ...{ port: whole('--port', values.port), tickTimeMs: whole('--tick-time', values['tick-time']) },
      ...(values.host === undefined ? {} : { host: given('--host', values.host) }),
      ...(values.memory ? {} : { directory: given('--directory', values.directory) }),
    },
    allowedTwice: values['allow-production'].length >= 2,
  };
}

/** An option that a shell has made of an unset variable is not a wish for whatever the empty text means. */
function given(option: string, value: string): string {
  if (value === '') throw new Error(`${option} is empty. Leave it out for its default.`);
  return value;
}

function whole(option: string, value: string): number {
  if (!/^\d+$/.test(value)) throw new Error(`${option} is ${JSON.stringify(value)}: a whole number.`);
  return Number(value);
}
