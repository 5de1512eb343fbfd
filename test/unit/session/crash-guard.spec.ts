import { describe, expect, it } from 'vitest';
import {
  ChargeReader,
  encodeCharge,
  unfitForGuard,
  type Charge,
  type GuardedSession,
} from '../../../src/zookeeper/session/crash-guard/charge.js';
import { CrashGuard } from '../../../src/zookeeper/session/crash-guard/crash-guard.js';
import type { GuardEvents } from '../../../src/zookeeper/session/crash-guard/guard-process.js';
import { DEATH_WITHIN_MS, hasDied } from '../../../src/zookeeper/session/crash-guard/parent-death.js';
import type { Observation } from '../../../src/zookeeper/support/observer.js';
import type { Op } from '../../../src/zookeeper/wire/operations.js';
import { HandClock } from '../mastership/hand-clock.js';

const ENSEMBLE = {
  connectString: 'zk:2181/prod',
  auth: { scheme: 'digest', credentials: ['me:secret'] },
  tls: { ca: Buffer.from('a certificate'), servername: 'zk' },
} as const;
const session = (id: bigint): GuardedSession => ({ id, password: Buffer.alloc(16, 7), timeoutMs: 10_000 });
const WILL: readonly Op[] = [{ kind: 'set', path: '/a', data: Buffer.from('over'), version: 3 }];
const CHARGE: Charge = { parentPid: 7, ensemble: ENSEMBLE, session: session(5n), lastWills: [WILL], isOver: false };

describe('a charge', () => {
  it('comes out of the pipe as it was put in, however it is cut', () => {
    for (const bytesAtOnce of [1, 3, 10_000]) {
      const reader = new ChargeReader();
      const all = Buffer.concat([encodeCharge({ ...CHARGE, lastWills: [] }), encodeCharge(CHARGE)]);
      for (let at = 0; at < all.length; at += bytesAtOnce) reader.read(all.subarray(at, at + bytesAtOnce));
      expect(reader.charge).toEqual(CHARGE);
    }
  });

  it('is not there when its sender has died while it wrote: the one before counts', () => {
    const reader = new ChargeReader();
    const before = { ...CHARGE, lastWills: [] };
    reader.read(encodeCharge(before));
    reader.read(encodeCharge(CHARGE).subarray(0, -1));
    expect(reader.charge).toEqual(before);
  });

  it('takes options of TLS that are text, bytes and lists, and says which do not fit', () => {
    expect(unfitForGuard(undefined)).toBeUndefined();
    expect(unfitForGuard({ ca: [Buffer.from('a'), 'b'], rejectUnauthorized: true, pfx: [{ buf: Buffer.from('c') }] })).toBeUndefined();
    expect(unfitForGuard({ checkServerIdentity: () => undefined })).toBe('tls.checkServerIdentity, which is a function');
    expect(unfitForGuard({ secureContext: new Map() })).toBe('tls.secureContext, which is no plain object');
  });
});

describe('the death of a parent', () => {
  it('is believed when there is another parent, now or a little later', async () => {
    const clock = new HandClock();
    expect(await hasDied(7, () => 1, clock)).toBe(true);
    let parent = 7;
    const verdict = hasDied(7, () => parent, clock);
    parent = 1;
    clock.pass(1);
    expect(await verdict).toBe(true);
  });

  it('is not believed while the parent is the same', async () => {
    const clock = new HandClock();
    let isOver = false;
    const verdict = hasDied(7, () => 7, clock).finally(() => (isOver = true));
    for (let passedMs = 0; passedMs < DEATH_WITHIN_MS; passedMs += 50) {
      expect(isOver).toBe(false);
      clock.pass(50);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await verdict).toBe(false);
  });
});

/** A crash guard whose processes are the test's own. */
function scene() {
  const clock = new HandClock();
  const told: Observation[] = [];
  const started: { readonly charges: Charge[]; readonly events: GuardEvents; did: string[] }[] = [];
  let failure: Error | undefined;
  const guard = new CrashGuard({
    ensemble: ENSEMBLE,
    clock,
    observer: { observe: (observation) => told.push(observation) },
    start(events) {
      if (failure !== undefined) throw failure;
      const one = { charges: [] as Charge[], events, did: [] as string[] };
      started.push(one);
      return {
        pid: 100 + started.length,
        send: (charge) => void one.charges.push(charge),
        finish: () => void one.did.push('finish'),
        kill: () => void one.did.push('kill'),
      };
    },
  });
  const last = (): Charge | undefined => started.at(-1)?.charges.at(-1);
  return { clock, told, started, guard, last, fail: (error: Error | undefined) => (failure = error) };
}

describe('the guard of a process', () => {
  it('is started with the first session, and told all there is at each change', () => {
    const { guard, started, last } = scene();
    expect(started).toHaveLength(0);
    guard.guard(session(5n));
    guard.leave(5n, 'a', WILL);
    expect(last()).toEqual({ ...CHARGE, parentPid: process.pid });
    guard.leave(5n, 'a', undefined);
    expect(last()?.lastWills).toEqual([]);
    expect(started).toHaveLength(1);
  });

  it('keeps no will of a session that is over, nor takes one for it', () => {
    const { guard, last } = scene();
    guard.guard(session(5n));
    guard.leave(5n, 'a', WILL);
    guard.guard(undefined);
    expect([last()?.session, last()?.lastWills]).toEqual([undefined, []]);
    guard.guard(session(6n));
    guard.leave(5n, 'a', WILL);
    expect([last()?.session?.id, last()?.lastWills]).toEqual([6n, []]);
    guard.leave(6n, 'a', WILL);
    guard.guard(session(6n));
    expect(last()?.lastWills).toEqual([WILL]);
  });

  it('is started again after it has ended, in pauses that grow up to a minute, and knows all', () => {
    const { guard, started, clock, told, last } = scene();
    guard.guard(session(5n));
    guard.leave(5n, 'a', WILL);
    for (let deaths = 1; deaths <= 12; deaths += 1) {
      started.at(-1)?.events.ended('it was ended by SIGKILL');
      expect(told).toHaveLength(deaths);
      const fullMs = Math.min(60_000, 500 * 2 ** (deaths - 1));
      clock.pass(fullMs / 2 - 1);
      expect(started).toHaveLength(deaths);
      clock.pass(fullMs / 2 + 1);
      expect(started).toHaveLength(deaths + 1);
    }
    expect(last()?.lastWills).toEqual([WILL]);
    expect(told[0]?.message).toContain('There is no crash guard: it was ended by SIGKILL.');
    clock.pass(60_000);
    started.at(-1)?.events.ended('it was ended by SIGKILL');
    clock.pass(500);
    expect(started).toHaveLength(14);
  });

  it('is told of when it cannot be started, and started later', () => {
    const { guard, started, clock, told, fail } = scene();
    fail(new Error('main.js is missing'));
    guard.guard(session(5n));
    expect(told.map(({ level, event }) => [level, event])).toEqual([['warn', 'session.unguarded']]);
    fail(undefined);
    clock.pass(500);
    expect(started).toHaveLength(1);
  });

  it('is let go when the session was closed, and killed when it does not go', () => {
    const { guard, started, clock, told, last } = scene();
    guard.guard(session(5n));
    guard.stop();
    expect([last()?.isOver, started[0]?.did]).toEqual([true, ['finish']]);
    started[0]?.events.ended('it has ended with exit code 0');
    clock.pass(1_000);
    expect([told, started.length, started[0]?.did]).toEqual([[], 1, ['finish', 'kill']]);
    guard.guard(session(6n));
    expect(started).toHaveLength(1);
  });

  it('is not started any more when there is none at the stop', () => {
    const { guard, started, clock } = scene();
    guard.guard(session(5n));
    started[0]?.events.ended('it was ended by SIGKILL');
    guard.stop();
    clock.pass(60_000);
    expect(started).toHaveLength(1);
  });

  it('never shows a secret in what it tells', () => {
    const { guard, started, told } = scene();
    guard.guard(session(5n));
    started[0]?.events.ready();
    started[0]?.events.ended('it was ended by SIGKILL');
    expect(told).toHaveLength(2);
    expect(JSON.stringify(told, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))).not.toMatch(
      /secret|password|certificate/,
    );
  });
});
