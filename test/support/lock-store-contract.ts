import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import type { KeyLocks } from '../../src/zookeeper/recipes/lock-store/key-locks.js';
import { eventually } from './eventually.js';

/** What the contract of a store for `@nestjs/locks` is held against. */
export interface ContractSubject {
  /** A client of the store; several share one store. */
  readonly store: () => KeyLocks;
  /** How many ask at once in a race. */
  readonly callers: number;
}

/** Where the end of a lock is not what the statement is about. */
const LONG_MS = 60_000;
const SHORT_MS = 300;
const MONTH_MS = 30 * 86_400_000;

const newKey = (): string => `contract ${randomUUID()} `;

async function tokenOf(acquiring: ReturnType<KeyLocks['acquire']>): Promise<number> {
  const answer = await acquiring;
  if (!answer.acquired) throw new Error('The key is held by somebody else.');
  expect(Number.isSafeInteger(answer.fencingToken) && answer.fencingToken >= 1).toBe(true);
  return answer.fencingToken;
}

/** The token of the one who has got it; fails unless there is exactly one. */
async function onlyToken(
  acquiring: readonly ReturnType<KeyLocks['acquire']>[],
): Promise<{ readonly token: number; readonly rank: number }> {
  const answers = await Promise.all(acquiring);
  const ranks = answers.flatMap(({ acquired }, rank) => (acquired ? [rank] : []));
  expect(ranks).toHaveLength(1);
  const rank = ranks[0] ?? 0;
  return { token: await tokenOf(Promise.resolve(answers[rank] ?? { acquired: false })), rank };
}

const REFUSED = { acquired: false };

/**
 * The contract of a store, as the documentation of Nest's package `@nestjs/locks` states it, in statements of our own.
 * None depends on how fast the machine is: the end of a short lock is awaited.
 */
export function itKeepsTheContractOfALockStore({ store, callers }: ContractSubject): void {
  const owners = Array.from({ length: callers }, (_, index) => `owner ${index}`);
  const race = (key: string, ttl = LONG_MS): ReturnType<KeyLocks['acquire']>[] => owners.map((owner) => store().acquire(key, owner, ttl));

  /** A key that `owner` has held, and whose lock has expired. Answers its token. */
  const expired = async (key: string, owner: string): Promise<number> => {
    const token = await tokenOf(store().acquire(key, owner, 1));
    await eventually(async () => expect(await store().renew(key, owner, 1)).toBe(false), { what: 'the lock to expire' });
    return token;
  };

  it('gives a free key once, and not again to the same owner', async () => {
    const key = newKey();
    await tokenOf(store().acquire(key, 'a', LONG_MS));
    expect(await store().acquire(key, 'b', LONG_MS)).toEqual(REFUSED);
    expect(await store().acquire(key, 'a', LONG_MS)).toEqual(REFUSED);
  });

  it('frees a key for its owner only, and once; the next token is greater', async () => {
    const key = newKey();
    const first = await tokenOf(store().acquire(key, 'a', LONG_MS));
    expect(await store().release(key, 'b')).toBe(false);
    expect(await store().acquire(key, 'b', LONG_MS)).toEqual(REFUSED);
    expect(await store().release(key, 'a')).toBe(true);
    expect(await store().release(key, 'a')).toBe(false);
    expect(await tokenOf(store().acquire(key, 'b', LONG_MS))).toBeGreaterThan(first);
  });

  it('renews and releases nothing where there is nothing', async () => {
    const key = newKey();
    expect(await store().renew(key, 'a', LONG_MS)).toBe(false);
    expect(await store().release(key, 'a')).toBe(false);
    await tokenOf(store().acquire(key, 'a', LONG_MS));
  });

  it('renews for the owner only, from the call on: others are refused after the first end', async () => {
    // On a machine that is slow at this moment the first lock may be over before the renewal comes.
    const key = await eventually(
      async () => {
        const tried = newKey();
        await tokenOf(store().acquire(tried, 'a', SHORT_MS));
        expect(await store().renew(tried, 'b', LONG_MS)).toBe(false);
        expect(await store().renew(tried, 'a', LONG_MS)).toBe(true);
        return tried;
      },
      { what: 'a renewal in time' },
    );
    const witness = newKey();
    await tokenOf(store().acquire(witness, 'w', SHORT_MS));
    await eventually(async () => expect(await store().renew(witness, 'w', 1)).toBe(false), {
      what: 'the first end to pass',
      everyMs: SHORT_MS + 50,
    });
    expect(await store().acquire(key, 'b', LONG_MS)).toEqual(REFUSED);
    expect(await store().release(key, 'a')).toBe(true);
  });

  it('lets an expired lock be taken over with a greater token, and its owner is fenced off', async () => {
    const key = newKey();
    const stale = await expired(key, 'paused');
    expect(await tokenOf(store().acquire(key, 'next', LONG_MS))).toBeGreaterThan(stale);
    expect(await store().renew(key, 'paused', LONG_MS)).toBe(false);
    expect(await store().release(key, 'paused')).toBe(false);
    expect(await store().acquire(key, 'other', LONG_MS)).toEqual(REFUSED);
    expect(await store().release(key, 'next')).toBe(true);
  });

  it('never revives an expired lock, and lets nobody release one', async () => {
    const key = newKey();
    await expired(key, 'a');
    expect(await store().renew(key, 'a', LONG_MS)).toBe(false);
    expect(await store().release(key, 'a')).toBe(false);
    await tokenOf(store().acquire(key, 'b', LONG_MS));
  });

  it('gives tokens that grow, however the key became free', async () => {
    const key = newKey();
    const tokens: number[] = [];
    for (const round of [1, 2, 3]) {
      tokens.push(await tokenOf(store().acquire(key, `released ${round}`, LONG_MS)));
      expect(await store().release(key, `released ${round}`)).toBe(true);
      tokens.push(await expired(key, `expired ${round}`));
    }
    expect(tokens).toEqual([...new Set(tokens)].toSorted((a, b) => a - b));
  });

  it('keeps keys apart that look alike, and that are alike for 500 characters', async () => {
    const base = newKey();
    const long = 'Лк€x'.repeat(125);
    const names = ['k', 'K', 'k ', ' k', 'k\t', 'a:b', 'a%3Ab', 'a:b:owner', 'ключ', 'klucz-ż', '🔒', '\u00e9', 'e\u0301'];
    const keys = [...names, '__proto__', 'constructor', 'toString', `${long}x`, `${long}y`, `y${long}`].map((name) => base + name);
    for (const [index, key] of keys.entries()) await tokenOf(store().acquire(key, `owner ${index}`, LONG_MS));
    for (const [index, key] of keys.entries()) {
      expect(await store().acquire(key, 'other', LONG_MS)).toEqual(REFUSED);
      expect(await store().release(key, `owner ${index}`)).toBe(true);
    }
  });

  it('takes a ttl of 30 days', async () => {
    const key = newKey();
    await tokenOf(store().acquire(key, 'a', MONTH_MS));
    expect(await store().renew(key, 'a', MONTH_MS)).toBe(true);
    expect(await store().acquire(key, 'b', LONG_MS)).toEqual(REFUSED);
    expect(await store().release(key, 'a')).toBe(true);
  });

  it(`lets one of ${callers} at once have a free key, and an expired one`, async () => {
    const free = newKey();
    await onlyToken(race(free));
    const stale = await expired(free + free, 'paused');
    expect((await onlyToken(race(free + free))).token).toBeGreaterThan(stale);
    expect(await store().renew(free + free, 'paused', LONG_MS)).toBe(false);
  });

  it(`is not brought to revive a lock by ${callers} who take it over meanwhile`, async () => {
    const key = newKey();
    await expired(key, 'paused');
    const renewing = store().renew(key, 'paused', LONG_MS);
    await onlyToken(race(key));
    expect(await renewing).toBe(false);
  });

  it(`lets each of ${callers} keys have one holder of two at once`, async () => {
    const base = newKey();
    await Promise.all(
      owners.map((owner) => onlyToken([store().acquire(base + owner, 'a', LONG_MS), store().acquire(base + owner, 'b', LONG_MS)])),
    );
  });

  it(`lets at most one of ${callers} have a key that is released meanwhile, and else the next one`, async () => {
    const key = newKey();
    await tokenOf(store().acquire(key, 'holder', LONG_MS));
    const [released, ...answers] = await Promise.all([store().release(key, 'holder'), ...race(key)]);
    expect(released).toBe(true);
    const winners = answers.filter(({ acquired }) => acquired).length;
    expect(winners).toBeLessThanOrEqual(1);
    expect((await store().acquire(key, 'late', LONG_MS)).acquired).toBe(winners === 0);
  });

  it(`gives growing tokens over rounds of ${callers}`, async () => {
    const key = newKey();
    let before = 0;
    for (let round = 0; round < 5; round += 1) {
      const { token, rank } = await onlyToken(race(key));
      expect(token).toBeGreaterThan(before);
      before = token;
      expect(await store().release(key, owners[rank] ?? '')).toBe(true);
    }
  });
}
