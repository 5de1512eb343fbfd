import { beforeEach, expect, it } from 'vitest';
import { LeaseKeeper, type Lease } from '../../src/zookeeper/session/lease.js';
import type { Session } from '../../src/zookeeper/session/session.js';
import { ZooKeeperError, type ZooKeeperReason } from '../../src/zookeeper/wire/errors.js';
import { HandClock } from '../unit/mastership/hand-clock.js';

const LENGTH = 400;

/** The renewals on their way, to be answered by the test: which of them count is a matter of order alone. */
class Renewals {
  attached = true;
  readonly answers: ((error?: ZooKeeperError) => void)[] = [];
  #attachedAgain: () => void = () => undefined;

  multi(): Promise<readonly []> {
    return new Promise((resolve, reject) => this.answers.push((error) => (error === undefined ? resolve([]) : reject(error))));
  }

  onAttached(listener: () => void): () => void {
    this.#attachedAgain = listener;
    return () => undefined;
  }

  attach(): void {
    this.attached = true;
    this.#attachedAgain();
  }

  async answer(reason?: ZooKeeperReason, opIndex?: number): Promise<void> {
    const answer = this.answers.shift();
    if (answer === undefined) throw new Error('no renewal is on its way');
    const at = opIndex === undefined ? {} : { opIndex };
    answer(reason === undefined ? undefined : new ZooKeeperError(reason, { operation: 'multi', sent: true, ...at }));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

let clock: HandClock;
let renewals: Renewals;
let keeper: LeaseKeeper;
let armed: number | undefined;
let leases: Lease[];
let late: number[];

beforeEach(() => {
  clock = new HandClock();
  renewals = new Renewals();
  keeper = new LeaseKeeper(renewals as unknown as Session, clock, '/soa', LENGTH);
  armed = keeper.next();
  leases = [];
  late = [];
});

const hold = (): (() => void) =>
  keeper.hold(
    { armedSince: () => armed, renewed: (lease) => leases.push(lease), late: (tookMs) => late.push(tookMs) },
    keeper.leaseFromNow(),
  );

it('lets a tenure believe from the moment at which the renewal was sent, not answered', async () => {
  hold();
  clock.pass(LENGTH / 4);
  const sentAtMs = clock.monotonicMs();
  clock.pass(50);
  await renewals.answer();
  expect(leases).toEqual([expect.objectContaining({ sentAtMs, lengthMs: LENGTH })]);
});

it('does not count a renewal for a tenure whose node is not watched when the answer comes', async () => {
  hold();
  clock.pass(LENGTH / 4);
  armed = undefined;
  await renewals.answer();
  expect(leases).toEqual([]);
});

it('does not count a renewal that was sent before the watch was', async () => {
  hold();
  clock.pass(LENGTH / 4);
  armed = keeper.next();
  await renewals.answer();
  expect(leases).toEqual([]);
});

it('sends one more as soon as the one in flight is answered, when that one was sent too early', async () => {
  hold();
  clock.pass(LENGTH / 4);
  armed = keeper.next();
  keeper.renewNow();
  expect(renewals.answers).toHaveLength(1);
  await renewals.answer();
  await renewals.answer();
  expect(leases).toHaveLength(1);
});

it.each(['no-node', 'no-auth', 'bad-version'] as const)(
  'counts a check that was refused for %s: the leader has answered it for this session',
  async (reason) => {
    hold();
    clock.pass(LENGTH / 4);
    await renewals.answer(reason, 0);
    expect(leases).toHaveLength(1);
  },
);

it.each(['session-expired', 'session-moved', 'connection-loss', 'throttled', 'operation-timeout'] as const)(
  'does not count an answer of %s',
  async (reason) => {
    hold();
    clock.pass(LENGTH / 4);
    await renewals.answer(reason, reason === 'session-expired' || reason === 'session-moved' ? 0 : undefined);
    expect(leases).toEqual([]);
  },
);

it('does not count an answer that comes when its own lease is over', async () => {
  hold();
  clock.pass(LENGTH / 4);
  clock.pass(LENGTH);
  await renewals.answer();
  expect(leases).toEqual([]);
  expect(late).toEqual([LENGTH]);
});

it('sends nothing when nobody holds anything or there is no connection, and at once when there is one again', () => {
  const release = hold();
  release();
  clock.pass(10 * LENGTH);
  expect(renewals.answers).toHaveLength(0);
  hold();
  renewals.attached = false;
  clock.pass(LENGTH);
  expect(renewals.answers).toHaveLength(0);
  renewals.attach();
  expect(renewals.answers).toHaveLength(1);
});

it('keeps one renewal in flight, and counts the period from the sending', async () => {
  hold();
  clock.pass(LENGTH / 4);
  clock.pass(LENGTH / 2);
  expect(renewals.answers).toHaveLength(1);
  await renewals.answer();
  clock.runDue();
  expect(renewals.answers).toHaveLength(1);
});
