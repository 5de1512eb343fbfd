import { isZooKeeperError } from '../wire/errors.js';
import type { Session } from '../session/session.js';

/** Makes the persistent nodes of `paths`, parents first, that are missing. Safe to repeat and to run on every replica at once. */
export async function makeParents(session: Session, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    try {
      await session.create(path, Buffer.alloc(0), 'persistent', { access: 'parent' });
    } catch (thrown) {
      if (!isZooKeeperError(thrown, 'node-exists')) throw thrown;
    }
  }
}
