// `npm run demo`, from a bare clone: installs what is missing, then hands over.
import { ensureInstalled } from './install.mjs';
import { provisionZooKeeper } from './zookeeper/install.mjs';

try {
  await ensureInstalled();
  if (!process.env.ZOOKEEPER_CONNECT) {
    const { where } = await provisionZooKeeper({ yes: process.argv.includes('--yes') });
    console.error(`ZooKeeper: ${where}`);
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
await import('./demo/demo.mjs');
