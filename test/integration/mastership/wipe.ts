import type { Admin } from '../../support/admin.js';
import { eventually } from '../../support/eventually.js';

interface Transaction {
  remove(path: string, version: number): Transaction;
  commit(done: (error: Error | null) => void): void;
}

/**
 * Deletes a node and all below it in one transaction, as an operator's script would who does not want to race with
 * replicas that make their nodes again at once.
 */
export async function wipeAtOnce(admin: Admin, path: string): Promise<void> {
  await eventually(
    async () => {
      const deepestFirst = (await admin.tree(path)).sort((a, b) => b.split('/').length - a.split('/').length);
      const client = admin.client as unknown as { transaction(): Transaction };
      const transaction = deepestFirst.reduce((all, one) => all.remove(one, -1), client.transaction());
      await new Promise<void>((resolve, reject) => transaction.commit((error) => (error ? reject(error) : resolve())));
    },
    { what: `${path} to be wiped` },
  );
}
