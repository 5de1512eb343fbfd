import { expect, it } from 'vitest';
import { unlessAborted } from '../../../src/zookeeper/support/abort.js';

it('answers what the work answers, and rejects as it does', async () => {
  const { signal } = new AbortController();
  expect(await unlessAborted(Promise.resolve(7), signal)).toBe(7);
  expect(await unlessAborted(Promise.resolve(7), undefined)).toBe(7);
  await expect(unlessAborted(Promise.reject(new Error('broken')), signal)).rejects.toThrow('broken');
});

it('gives the caller up when the signal aborts, also before, and leaves the work to itself', async () => {
  const stop = new AbortController();
  let fail!: (thrown: Error) => void;
  const work = new Promise<never>((_, reject) => (fail = reject));
  const waited = unlessAborted(work, stop.signal);
  stop.abort(new Error('enough'));
  await expect(waited).rejects.toThrow('enough');
  await expect(unlessAborted(work, stop.signal)).rejects.toThrow('enough');
  // Nobody hears of it: an unhandled rejection would fail this test.
  fail(new Error('later'));
  await new Promise((resolve) => setImmediate(resolve));
});
