// One process that counts: the built library, no Nest. Arguments: servers, session timeout (ms), format, path. Commands
// are lines on stdin; what happens are lines of JSON on stdout.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const dist = fileURLToPath(new URL('../../../dist/', import.meta.url));
const require = createRequire(import.meta.url);
const { createSessions } = require(`${dist}zookeeper/session/sessions.js`);
const { EnsembleCounters } = require(`${dist}zookeeper/recipes/counters/ensemble-counters.js`);
const { Counters } = require(`${dist}zookeeper/api/counters.js`);
const { systemClock } = require(`${dist}zookeeper/support/clock.js`);
const { silentObserver } = require(`${dist}zookeeper/support/observer.js`);

const [connectString, timeoutMs, format, path] = process.argv.slice(2);
const tell = (event, fields = {}) => process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);

const sessions = createSessions({ connectString, sessionTimeoutMs: Number(timeoutMs), clock: systemClock, observer: silentObserver });
const counters = new Counters(new EnsembleCounters({ sessions, clock: systemClock, rootPath: '/soa' }));
/** As ids in blocks with `ids:<block>`, else as a counter of that format. */
const [, block] = /^ids:(\d+)$/.exec(format) ?? [];
const ids = block && counters.ids({ path }, { block: Number(block) });
const counter = block === undefined ? counters.counter({ path }, { format }) : undefined;
const wait = { waitMs: 120_000 };
const next = () => (ids ? ids.next(wait) : counter.increment(wait));

const COMMANDS = {
  get: async () => tell('value', { value: String(await counter.get(wait)) }),
  add: async (by) => tell('value', { value: String(await counter.add(BigInt(by), wait)) }),
  async turns(count) {
    for (let turn = 0; turn < Number(count); turn += 1) {
      try {
        tell('counted', { value: String(await next()) });
      } catch (thrown) {
        if (thrown.code !== 'ZK_COUNTER_UNCERTAIN') throw thrown;
        tell('uncertain');
      }
    }
    tell('done');
  },
};

createInterface({ input: process.stdin }).on('line', async (line) => {
  const [command, argument] = JSON.parse(line).split(' ');
  try {
    await COMMANDS[command](argument);
  } catch (thrown) {
    tell('failed', { error: String(thrown?.message ?? thrown) });
  }
});
sessions.onSession(() => tell('connected'));
sessions.start();
