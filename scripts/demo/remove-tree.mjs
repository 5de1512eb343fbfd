// remove-tree.mjs <connect string> <path>: removes the node and everything below it; a node that is not there is fine.
import { promisify } from 'node:util';
import untyped from 'node-zookeeper-client';

// The package has no types.
const zookeeper = /** @type {any} */ (untyped);
const { NO_NODE, NOT_EMPTY } = zookeeper.Exception;

/** A tree that is still being written to is tried again so many times. */
const TRIES = 20;

const [connectString = '', root = ''] = process.argv.slice(2);
const client = zookeeper.createClient(connectString, { sessionTimeout: 10_000 });
/** @type {(path: string) => Promise<string[]>} */
const childrenOf = promisify(client.getChildren.bind(client));
/** @type {(path: string) => Promise<void>} */
const removeNode = promisify(client.remove.bind(client));

const giveUp = setTimeout(() => finish(`${connectString} does not answer`), 15_000);
client.once('connected', () =>
  remove(root).then(
    () => finish(),
    (error) => finish(String(error)),
  ),
);
client.connect();

/** @param {string} path */
async function remove(path) {
  for (let tries = 1; ; tries += 1) {
    try {
      for (const name of await childrenOf(path)) await remove(`${path}/${name}`);
      return await removeNode(path);
    } catch (error) {
      const code = /** @type {any} */ (error).getCode?.();
      if (code === NO_NODE) return;
      if (code !== NOT_EMPTY || tries >= TRIES) throw error;
    }
  }
}

/** @param {string} [problem] */
function finish(problem) {
  clearTimeout(giveUp);
  if (problem !== undefined) {
    process.stderr.write(`${root} could not be removed: ${problem}\n`);
    process.exit(1);
  }
  client.once('disconnected', () => process.exit(0));
  client.close();
}
