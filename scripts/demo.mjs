// `npm run demo`, from a bare clone: installs what is missing, then hands over.
import { ensureInstalled } from './install.mjs';
import { canProvisionUnasked, provisionZooKeeper } from './zookeeper/install.mjs';

try {
  await ensureInstalled();
  if (!process.env.ZOOKEEPER_CONNECT) await chooseZooKeeper();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
await import('./demo/demo.mjs');

/** Three real servers where they can be had without a question; else one inside Node, which needs nothing. */
async function chooseZooKeeper() {
  const yes = process.argv.includes('--yes');
  if (process.argv.includes('--embedded')) process.env.DEMO_ZOOKEEPER = 'embedded';
  if (process.env.DEMO_ZOOKEEPER === 'embedded') return;
  if (!canProvisionUnasked({ yes })) {
    process.env.DEMO_ZOOKEEPER = 'embedded';
    console.error('ZooKeeper: none here, so one inside Node is used. With real ones: npm run demo -- --yes, or set ZOOKEEPER_CONNECT.');
    return;
  }
  try {
    const { where } = await provisionZooKeeper({ yes });
    console.error(`ZooKeeper: ${where}`);
  } catch (error) {
    process.env.DEMO_ZOOKEEPER = 'embedded';
    console.error(
      `ZooKeeper: one inside Node, because no real one could be had: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
