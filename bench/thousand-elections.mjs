// One session wins 1 000 elections whose predecessors have resigned, beside 1 000 pipelined bare creates and watches
// through node-zookeeper-client on the same server. The winner starts from nothing: its session is already attached.
import { createRequire } from 'node:module';
import { changed, figures, isMaster, ms, replica, table, withServer } from './support/library.mjs';

const zookeeper = createRequire(import.meta.url)('node-zookeeper-client');
const COUNT = Number(process.argv[2] ?? 1_000);
const ROUNDS = Number(process.argv[3] ?? 7);

const names = Array.from({ length: COUNT }, (_, i) => `e${i}`);

async function winAll(connectString) {
  const one = replica(connectString, '127.0.0.1:1');
  const elections = names.map((name) => one.elections.election(name));
  one.sessions.start();
  await new Promise((resolve) => one.sessions.onSession(resolve));
  const startedMs = performance.now();
  one.elections.start();
  await Promise.all(elections.map((election) => changed(election, isMaster)));
  const tookMs = performance.now() - startedMs;
  await one.stop();
  return tookMs;
}

function bare(connectString) {
  return new Promise((resolve, reject) => {
    const client = zookeeper.createClient(connectString);
    client.once('connected', () => {
      const startedMs = performance.now();
      let left = COUNT * 2;
      const done = (error) => {
        if (error) return reject(error);
        if (--left > 0) return;
        const tookMs = performance.now() - startedMs;
        client.close();
        resolve(tookMs);
      };
      for (const name of names) {
        const path = `/bare-${name}`;
        client.create(path, Buffer.from('127.0.0.1:1'), zookeeper.CreateMode.EPHEMERAL, done);
        client.getData(path, () => undefined, done);
      }
    });
    client.connect();
  });
}

await withServer(async (server) => {
  const ours = [];
  const theirs = [];
  await winAll(server.connectString); // makes the records, whose tenures then have resigned
  await bare(server.connectString);
  for (let round = 0; round < ROUNDS; round++) {
    ours.push(await winAll(server.connectString));
    theirs.push(await bare(server.connectString));
  }
  const [a, b] = [figures(ours), figures(theirs)];
  table(
    [`${COUNT} in one session, ${ROUNDS} rounds`, 'median', 'min', 'max'],
    [
      ['elections won', ms(a.median), ms(a.min), ms(a.max)],
      ['bare create + watch (node-zookeeper-client)', ms(b.median), ms(b.min), ms(b.max)],
    ],
  );
  console.log(`ratio of the medians: ${(a.median / b.median).toFixed(2)} (target: at most 2)`);
});
