import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import Database from 'libsql';

/** What an audit reads. */
export interface Period {
  readonly period: string;
  readonly invoices: number;
  readonly lowestToken: string;
  readonly highestToken: string;
}

/** A run wrote whose mastership is older than one that has already written. */
export class StaleMasterError extends Error {
  constructor(token: bigint) {
    super(`A write with fencing token ${token} was refused: a newer master has written already.`);
    this.name = 'StaleMasterError';
  }
}

/**
 * The invoices, in an SQLite file that all replicas share; it stands where a service has its Postgres or MySQL, and the
 * statements would be the same there.
 *
 * Two things make a write harmless that comes twice, or too late. The primary key: an invoice of a customer for a
 * period is there once, whoever writes it. And the fence: one row that holds the highest fencing token seen; each
 * transaction raises it to its own token first, and goes no further where it is higher already.
 */
@Injectable()
export class Invoices implements OnModuleDestroy {
  private readonly database = new Database(process.env['INVOICES_FILE'] ?? 'invoices.db', { timeout: 10_000 });

  constructor() {
    this.database.exec(`
      CREATE TABLE IF NOT EXISTS fence (id INTEGER PRIMARY KEY CHECK (id = 1), token INTEGER NOT NULL);
      INSERT OR IGNORE INTO fence (id, token) VALUES (1, 0);
      CREATE TABLE IF NOT EXISTS invoice (period TEXT, customer INTEGER, token INTEGER NOT NULL, PRIMARY KEY (period, customer));
    `);
  }

  onModuleDestroy(): void {
    this.database.close();
  }

  /**
   * Writes the invoice of a customer for a period, once.
   * @throws {StaleMasterError} when a run with a higher token has written before: nothing is written.
   */
  issue(period: string, customer: number, token: bigint): void {
    const write = this.database.transaction(() => {
      const { changes } = this.database.prepare('UPDATE fence SET token = ? WHERE id = 1 AND token <= ?').run(token, token);
      if (changes === 0) throw new StaleMasterError(token);
      this.database.prepare('INSERT OR IGNORE INTO invoice (period, customer, token) VALUES (?, ?, ?)').run(period, customer, token);
    });
    // From its first statement on it holds the write lock, so nobody raises the fence between the check and the write.
    write.immediate();
  }

  periods(): Period[] {
    const rows: unknown[] = this.database
      .prepare(
        `SELECT period, COUNT(*) AS invoices, CAST(MIN(token) AS TEXT) AS lowestToken, CAST(MAX(token) AS TEXT) AS highestToken
         FROM invoice GROUP BY period ORDER BY period`,
      )
      .all();
    return rows as Period[];
  }
}
