import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FrameReader, MAX_REPLY_BYTES } from '../../../src/zookeeper/wire/frames.js';
import { ProtocolError, Reader } from '../../../src/zookeeper/wire/reader.js';
import { readReplyBody } from '../../../src/zookeeper/wire/replies.js';

function framed(body: Buffer): Buffer {
  const bytes = Buffer.alloc(4 + body.length, body);
  bytes.writeInt32BE(body.length);
  body.copy(bytes, 4);
  return bytes;
}

it('finds the same frames however the bytes are cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 50 }), { maxLength: 20 }),
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
      (bodies, cuts) => {
        const bytes = Buffer.concat(bodies.map((body) => framed(Buffer.from(body))));
        const reader = new FrameReader();
        const found: string[] = [];
        for (let from = 0, cut = 0; from < bytes.length; cut++) {
          const length = cuts[cut % cuts.length] ?? 1;
          reader.push(bytes.subarray(from, from + length));
          from += length;
          for (let frame = reader.next(); frame !== undefined; frame = reader.next()) found.push(frame.toString('hex'));
        }
        expect(found).toEqual(bodies.map((body) => Buffer.from(body).toString('hex')));
      },
    ),
  );
});

it('takes thousands of frames out of one piece without deep recursion', () => {
  const reader = new FrameReader();
  reader.push(Buffer.concat(Array.from({ length: 100_000 }, () => framed(Buffer.alloc(16)))));
  let count = 0;
  while (reader.next() !== undefined) count++;
  expect(count).toBe(100_000);
});

it.each([0, -1, -2_147_483_648, MAX_REPLY_BYTES + 1, 2_147_483_647])('refuses a frame of %i bytes before it has come', (size) => {
  const reader = new FrameReader();
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(size);
  reader.push(bytes);
  expect(() => reader.next()).toThrow(ProtocolError);
});

it('reads any bytes as a reply, or throws a ProtocolError, quickly and without large allocations', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(1, 2, 3, 4, 5, 9, 12, 14, 18, -11),
      fc.uint8Array({ maxLength: 300 }),
      fc.constantFrom('', '/app'),
      (type, bytes, chroot) => {
        try {
          readReplyBody(type, new Reader(Buffer.from(bytes)), chroot);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(ProtocolError);
        }
      },
    ),
    { numRuns: 2000 },
  );
});
