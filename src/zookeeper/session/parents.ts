import { isZooKeeperError } from '../wire/errors.js';
import type { Session } from './session.js';
import { MissingChrootError } from './errors.js';

/**
 * Makes the persistent nodes of `paths`, parents first, that are missing. Safe to repeat and to run
 * on every replica at once.
 * @throws {MissingChrootError} when nothing can be made, because there is no node at the chroot.
 */
export async function makeParents(session: Session, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    try {
      await session.create(path, Buffer.alloc(0), 'persistent', { access: 'parent' });
    } catch (thrown) {
      // What has no parent of its own has the chroot for one. It is not made here: two spellings of
      // it would be two masters.
      if (isZooKeeperError(thrown, 'no-node') && path.lastIndexOf('/') === 0) throw new MissingChrootError(thrown);
      if (!isZooKeeperError(thrown, 'node-exists')) throw thrown;
    }
  }
}

/** `/a/b` gives `/a`, `/a/b`. */
export function withParents(path: string): string[] {
  const parts = path.split('/').slice(1);
  return parts.map((_, i) => `/${parts.slice(0, i + 1).join('/')}`);
}
