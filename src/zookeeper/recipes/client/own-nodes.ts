import { OwnNodeError } from './errors.js';

/** What this library keeps below the root. */
const OWN = ['elections', 'jobs', 'locks', 'master', 'members'];

/**
 * @throws {OwnNodeError} for the root, and for what this library keeps below it. What else is there belongs to whoever
 * has made it.
 */
export function refuseOwnNode(path: string, rootPath: string): void {
  const root = rootPath === '/' ? '' : rootPath;
  if (path === rootPath || OWN.some((name) => path === `${root}/${name}` || path.startsWith(`${root}/${name}/`)))
    throw new OwnNodeError(path);
}
