import { afterAll, beforeAll, describe, it } from 'vitest';
import { ZooKeeperError } from '../../src/zookeeper/wire/errors.js';
import type { Client, OpenSubject, Subject } from './subject.js';

/** One thing that mastership relies on, said of both the real server and its model. */
export interface Statement {
  readonly what: string;
  /** `at` is an empty node of this test. */
  holds(client: Client, at: string, subject: Subject): Promise<void>;
}

/** Asks all statements of one subject. */
export function contractOf(name: string, statements: Readonly<Record<string, readonly Statement[]>>, open: OpenSubject): void {
  describe(name, () => {
    let subject: Subject;
    beforeAll(async () => void (subject = await open()));
    afterAll(() => subject.close());
    let tests = 0;
    for (const [about, list] of Object.entries(statements)) {
      describe(about, () => {
        it.each(list)('$what', ({ holds }) =>
          subject.run(async () => {
            const at = `/contract-${(tests += 1)}`;
            const client = await subject.open();
            await client.session.create(at, bytes(''), 'persistent');
            await holds(client, at, subject);
            await client.close();
          }),
        );
      });
    }
  });
}

export function bytes(text: string): Buffer {
  return Buffer.from(text);
}

/** The ZooKeeper error that `promise` rejects with. */
export async function refusal(promise: Promise<unknown>): Promise<ZooKeeperError> {
  try {
    await promise;
  } catch (thrown) {
    if (thrown instanceof ZooKeeperError) return thrown;
    throw thrown;
  }
  throw new Error('Expected a refusal, but it was done.');
}
