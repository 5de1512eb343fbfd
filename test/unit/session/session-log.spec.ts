import { expect, it } from 'vitest';
import { SessionLog } from '../../../src/zookeeper/session/session-log.js';
import type { Observation } from '../../../src/zookeeper/support/observer.js';
import { HandClock } from '../mastership/hand-clock.js';
import { ManualClock } from '../wire/manual-clock.js';

function logged() {
  const clock = new ManualClock();
  const said: Observation[] = [];
  const log = new SessionLog({ observe: (observation) => said.push(observation) }, clock);
  return { clock, said, log };
}

it('says a repeated failure at once and then at most once a minute, with the number of those not shown', () => {
  const { clock, said, log } = logged();
  const sinceMs = clock.monotonicMs();
  for (let attempt = 1; attempt <= 121; attempt++) {
    log.attemptFailed('zk1:2181', 'refused', { sinceMs, attempts: attempt, failure: 'not reached' });
    clock.pass(1000);
  }
  expect(said.map(({ message }) => message)).toEqual([
    'Could not connect to ZooKeeper at zk1:2181: refused. Attempt 1, 0 ms without a connection; retrying for as long as it takes; until then no @MasterOnly job starts here.',
    'Could not connect to ZooKeeper at zk1:2181: refused. Attempt 61, 60000 ms without a connection; retrying for as long as it takes; until then no @MasterOnly job starts here. 59 further failures since the last such line are not shown.',
    'Could not connect to ZooKeeper at zk1:2181: refused. Attempt 121, 120000 ms without a connection; retrying for as long as it takes; until then no @MasterOnly job starts here. 59 further failures since the last such line are not shown.',
  ]);
});

it('says that credentials are refused although it has just said that another server cannot be reached, and both once', () => {
  const { said, log } = logged();
  for (let attempts = 1; attempts <= 6; attempts += 2) {
    log.attemptFailed('zk1:2181', 'refused', { sinceMs: 0, attempts, failure: 'not reached' });
    log.attemptFailed('zk2:2181', 'refused', { sinceMs: 0, attempts: attempts + 1, failure: 'credentials refused' });
  }
  expect(said.map(({ level, event }) => `${level} ${event}`)).toEqual([
    'warn session.connect-failed',
    'error session.authentication-failed',
  ]);
  expect(said[1]?.message).toMatch(/^ZooKeeper at zk2:2181 has refused the credentials\. Attempt 2, .*the other servers are tried/u);
});

it('says of a session that was lost whether this process itself stood still before, and so does not accuse ZooKeeper alone', () => {
  const clock = new HandClock();
  const said: Observation[] = [];
  const log = new SessionLog({ observe: (observation) => said.push(observation) }, clock);
  const lose = (): void => {
    log.detached(7n, 'zk1:2181', 'nothing acknowledged', 12_000);
    log.expired(7n, 500);
  };
  lose();
  clock.after(100, () => undefined);
  clock.pass(6_410);
  lose();
  expect(
    said.map(({ message }) => / This process itself stood still for at least (\d+) ms .*look here first\.$/u.exec(message)?.[1]),
  ).toEqual([undefined, undefined, '6310', '6310']);
});

it('says the first failure of the next outage at once', () => {
  const { said, log } = logged();
  log.attemptFailed('zk1:2181', 'refused', { sinceMs: 0, attempts: 1, failure: 'not reached' });
  log.reattached(7n, 'zk1:2181', 10);
  log.attemptFailed('zk1:2181', 'refused', { sinceMs: 0, attempts: 1, failure: 'not reached' });
  expect(said.map(({ event }) => event)).toEqual(['session.connect-failed', 'session.reattached', 'session.connect-failed']);
});

it('writes session numbers as the server does, also those with the highest bit set', () => {
  const { said, log } = logged();
  log.expired(-0x7ffe_0000_0000_0001n, 5000);
  expect(said[0]?.message).toBe(
    'ZooKeeper has ended session 0x8001ffffffffffff after 5000 ms without a connection: it expired, or was closed by force. Its ephemeral nodes are gone. A new session is being made.',
  );
});

it('is not stopped by an observer that throws', () => {
  const log = new SessionLog(
    {
      observe: () => {
        throw new Error('boom');
      },
    },
    new ManualClock(),
  );
  expect(() => log.closed(7n, 'closed', 3)).not.toThrow();
});
