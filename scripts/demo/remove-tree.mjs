// remove-tree.mjs <connect string> <path>: removes the node and everything below it; a node that is not there is fine.
import untyped from 'node-zookeeper-client';

// The package has no types.
const zookeeper = /** @type {any} */ (untyped);

const [connectString = '', path = ''] = process.argv.slice(2);
const client = zookeeper.createClient(connectString, { sessionTimeout: 10_000 });
const giveUp = setTimeout(() => finish(`${connectString} does not answer`), 15_000);

client.once('connected', () => {
  client.removeRecursive(path, (/** @type {any} */ error) => {
    const gone = error === null || error === undefined || error.getCode?.() === zookeeper.Exception.NO_NODE;
    finish(gone ? undefined : error.message);
  });
});
client.connect();

/** @param {string | undefined} problem */
function finish(problem) {
  clearTimeout(giveUp);
  if (problem !== undefined) {
    process.stderr.write(`${path} could not be removed: ${problem}\n`);
    process.exit(1);
  }
  client.once('disconnected', () => process.exit(0));
  client.close();
}
