// One replica of the failover benches, driven by lines on stdin: "resign". Tells on stdout when it became master and
// when it began to resign, by the machine's monotonic clock (shared by all processes), in nanoseconds. argv:
// connectString, address, sessions in this process, session timeout in ms.
import { createInterface } from 'node:readline';
import { replica } from './library.mjs';

const [connectString, address, count = '1', timeoutMs = '10000'] = process.argv.slice(2);
const say = (event, more = '') => process.stdout.write(`${event} ${process.hrtime.bigint()} ${more}\n`);

const replicas = Array.from({ length: Number(count) }, (_, i) =>
  replica(connectString, `${address}${i}`, { sessionTimeoutMs: Number(timeoutMs) }),
);
const elections = replicas.map((one) => one.elections.election());
let standing = 0;
for (const election of elections) {
  let told = false;
  election.onChange((state) => {
    if (state.kind === 'master') say('elected');
    if (!told && (state.kind === 'master' || state.kind === 'standby')) {
      told = true;
      if (++standing === elections.length) say('ready');
    }
  });
}
for (const one of replicas) one.start();

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const master = elections.find((election) => election.isMaster());
    if (line !== 'resign' || master === undefined) return;
    say('resigning');
    void master.resign();
  })
  .on('close', () => process.exit(0));
