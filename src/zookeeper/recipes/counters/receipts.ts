import { randomUUID } from 'node:crypto';
import { getOrUndefined } from '../../session/nodes.js';
import { makeParents, withParents } from '../../session/parents.js';
import type { Session } from '../../session/session.js';
import { compareAndSet, versionAfter } from '../../wire/compare-and-set.js';
import { isZooKeeperError } from '../../wire/errors.js';
import { ANY_VERSION, type Op } from '../../wire/operations.js';

/** So many transactions with a receipt are under way in one session at most; the others wait for their turn. */
const MAX_RECEIPTS = 32;

/**
 * A node that this session alone writes, in the same transaction as something whose outcome nothing else tells. When
 * the reply is lost, what stands in it says whether the transaction was carried out: to read the number of a counter
 * says nothing, since others write the same numbers.
 */
export class Receipt {
  /** Of the node. */
  private version = 0;

  constructor(readonly path: string) {}

  /** What writes it as part of a transaction, once: the same operations again are refused. */
  operations(id: string): readonly Op[] {
    return compareAndSet(this.path, Buffer.from(id), this.version);
  }

  written(): void {
    this.version = versionAfter(this.version);
  }

  /** Whether the transaction with this id was carried out; undefined when the node is gone, and with it the answer. */
  async tells(session: Session, id: string): Promise<boolean | undefined> {
    const read = await getOrUndefined(session, this.path);
    return read && read.data.toString() === id;
  }
}

/** The receipts of one session. As ephemeral nodes they go with it. */
export class Receipts {
  private readonly free: Receipt[] = [];
  private readonly waiting: (() => void)[] = [];
  private inUse = 0;

  constructor(
    readonly session: Session,
    private readonly folder: string,
  ) {}

  /** Lends a receipt to `use`. One that cannot be relied on any more, which `use` says, is not lent again. */
  async lend<T>(use: (receipt: Receipt) => Promise<{ readonly value: T; readonly isSound: boolean }>): Promise<T> {
    while (this.inUse >= MAX_RECEIPTS) await new Promise<void>((resolve) => this.waiting.push(resolve));
    this.inUse += 1;
    let receipt: Receipt | undefined;
    try {
      receipt = this.free.pop() ?? (await this.make());
      const { value, isSound } = await use(receipt);
      if (isSound) {
        this.free.push(receipt);
        receipt = undefined;
      }
      return value;
    } finally {
      if (receipt !== undefined) this.session.delete(receipt.path, ANY_VERSION).catch(() => undefined);
      this.inUse -= 1;
      this.waiting.shift()?.();
    }
  }

  private async make(): Promise<Receipt> {
    for (;;) {
      // Another name for each attempt: when the reply is lost, nobody need know which of them there are.
      const path = `${this.folder}/${randomUUID()}`;
      try {
        await this.session.create(path, Buffer.alloc(0), 'ephemeral');
        return new Receipt(path);
      } catch (thrown) {
        if (!isZooKeeperError(thrown, 'no-node')) throw thrown;
        await makeParents(this.session, withParents(this.folder));
      }
    }
  }
}
