import { expect, it } from 'vitest';
import { startServer } from '../../support/zookeeper.js';
import { Replicas } from './replicas.js';

it('smoke', async () => {
  await using server = await startServer();
  await using replicas = new Replicas(server.connectString);
  const [first, second] = await replicas.line(3);
  await first.election.resign();
  const now = await replicas.master({ not: first });
  console.log(replicas.reigns, now.address, second?.address);
  console.log(replicas.all.flatMap((r) => r.observations.map((o) => `${r.address} ${o.level} ${o.event} ${o.message}`)).join('\n'));
});
