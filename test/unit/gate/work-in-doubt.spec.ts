import { expect, it } from 'vitest';
import { ElectionGate } from '../../../src/zookeeper/gate/election-gate.js';
import type { Election } from '../../../src/zookeeper/mastership/election/election.js';
import { LocalMastership } from '../../../src/zookeeper/mastership/election/local-mastership.js';
import type { Observation } from '../../../src/zookeeper/support/observer.js';
import { HandClock } from '../mastership/hand-clock.js';

const LEASE_MS = 3_000;

it('a lease that runs out says that this process stood still, and what it did meanwhile', () => {
  const clock = new HandClock();
  const said: Observation[] = [];
  const observer = { observe: (observation: Observation) => void said.push(observation) };
  const mastership = new LocalMastership('Bank:1', clock, observer, 'not started');
  const election = {
    key: 'Bank:1',
    state: () => mastership.state(),
    onChange: (listener: Parameters<Election['onChange']>[0]) => mastership.onChange(listener),
    setDrain: () => undefined,
  } as unknown as Election;
  const { inProgress } = new ElectionGate(election, { observer, clock, drainTimeoutMs: 1, address: 'a:1' });
  const work = (what: string) => ({ what, startedMs: clock.monotonicMs(), abort: () => undefined });
  const [before, blocking, beside] = [work('before'), work('payouts'), work('interest')];
  inProgress.add(before);
  inProgress.delete(before);
  clock.pass(1_000);
  const lease = { sentAtMs: clock.monotonicMs(), sentWallMs: clock.wallMs(), lengthMs: LEASE_MS };
  mastership.apply({ kind: 'believed', tenure: { id: 'a', token: 7n, czxid: 7n }, lease });
  inProgress.add(blocking);
  inProgress.add(beside);
  // One of them blocks the event loop; it ends in the same turn, before any timer can run.
  clock.stall(6_310);
  inProgress.delete(blocking);
  clock.runDue();
  const lines = said.filter(({ level }) => level === 'warn').map(({ event, message }) => ({ event, message }));
  expect(lines).toEqual([
    {
      event: 'mastership.doubtful',
      message: expect.stringMatching(/ This process itself stood still for at least 3310 ms .*look here first\.$/u),
    },
    {
      event: 'mastership.work-in-doubt',
      message: 'When the lease of "Bank:1" ran out, this was going on here, or had just ended: "interest", "payouts".',
    },
  ]);
});
