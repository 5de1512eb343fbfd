import { Injectable } from '@nestjs/common';

/** An account as clients see it. */
export interface Account {
  readonly id: string;
  readonly balanceCents: number;
}

/** A write came from a run whose mastership is older than one that has already written. */
export class StaleTokenError extends Error {
  constructor(token: bigint, highest: bigint) {
    super(`A write with fencing token ${token} was refused: token ${highest} has already written.`);
    this.name = 'StaleTokenError';
  }
}

/**
 * The accounts, in memory: each replica has its own, and they start alike. It stands where a real service has its
 * database, and does what that database should do with the fencing token: refuse a write that is older than the newest
 * one seen.
 */
@Injectable()
export class Ledger {
  private readonly balances = new Map([
    ['alice', 1_200_000],
    ['bob', 350_000],
    ['carol', 98_000],
  ]);
  private highestToken = 0n;

  accounts(): readonly Account[] {
    return [...this.balances].map(([id, balanceCents]) => ({ id, balanceCents }));
  }

  find(id: string): Account | undefined {
    const balanceCents = this.balances.get(id);
    return balanceCents === undefined ? undefined : { id, balanceCents };
  }

  /**
   * Adds `amountCents` to the account and answers it.
   *
   * @param token the fencing token of the run that writes; none for a write that no job makes.
   * @throws StaleTokenError when a newer master has written already.
   */
  post(id: string, amountCents: number, token?: bigint): Account | undefined {
    if (token !== undefined) {
      if (token < this.highestToken) throw new StaleTokenError(token, this.highestToken);
      this.highestToken = token;
    }
    const balanceCents = this.balances.get(id);
    if (balanceCents === undefined) return undefined;
    this.balances.set(id, balanceCents + amountCents);
    return this.find(id);
  }
}
