import { beforeEach, expect, it } from 'vitest';
import { NotMasterError, RunIgnoresAbortError, UnknownReplicaError } from '../../../src/zookeeper/mastership/election/errors.js';
import { StandaloneElections } from '../../../src/zookeeper/mastership/standalone.js';
import { failureOf } from '../../support/eventually.js';
import { HandClock } from './hand-clock.js';

let elections: StandaloneElections;

beforeEach(() => {
  elections = new StandaloneElections({ key: 'Bank:1', address: '10.0.0.1:80', clock: new HandClock() });
});

it('observes before its start, and is master of every election from then on, also of those named later', () => {
  const own = elections.election();
  expect([own.isMaster(), own.state().kind, own.tenure()]).toEqual([false, 'observing', undefined]);
  elections.start();
  expect([own.isMaster(), elections.election('mail').isMaster()]).toEqual([true, true]);
  expect(elections.election()).toBe(own);
  expect(elections.election('mail').key).toBe('Bank:1:mail');
});

it('never becomes master with candidate: false', () => {
  const observer = new StandaloneElections({ key: 'Bank:1', address: '10.0.0.1:80', candidate: false });
  observer.start();
  expect(observer.election().isMaster()).toBe(false);
});

it('answers itself as the master', async () => {
  elections.start();
  expect(await elections.election().master()).toEqual({ address: '10.0.0.1:80', isThis: true });
});

it('wins again after it resigned, with a higher token, and ends the tenure before', async () => {
  elections.start();
  const election = elections.election();
  const tenure = election.tenure();
  const ends: string[] = [];
  tenure?.onInvalid((why) => ends.push(why));
  await election.resign();
  expect([tenure?.isValid(), ends]).toEqual([false, ['resigned by call']]);
  tenure?.onInvalid((why) => ends.push(`late: ${why}`));
  expect(ends).toEqual(['resigned by call', 'late: resigned by call']);
  expect(election.tenure()?.token).toBeGreaterThan(tenure?.token ?? 0n);
});

it('drains before it stops, and stays master when a run ignores its abort', async () => {
  elections.start();
  const election = elections.election();
  const seen: boolean[] = [];
  election.setDrain(async (tenure) => {
    seen.push(election.isMaster(), tenure?.isValid() ?? false, election.tenure() === undefined);
    return 'stuck';
  });
  expect(await failureOf(election.resign())).toBeInstanceOf(RunIgnoresAbortError);
  expect(await elections.stop(1_000)).toBe('stuck');
  expect(seen).toEqual([true, true, true, true, true, true]);
  election.setDrain(() => Promise.resolve('drained'));
  expect(await elections.stop(1_000)).toBe('resigned');
  expect(election.isMaster()).toBe(false);
});

it('refuses to resign when it is not master, and to hand over to anybody', async () => {
  expect(await failureOf(elections.election().resign())).toBeInstanceOf(NotMasterError);
  expect(await failureOf(elections.election().transferTo('10.0.0.2:80'))).toBeInstanceOf(UnknownReplicaError);
});
