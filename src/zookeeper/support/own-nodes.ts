/** What this library keeps below the root. */
const OWN = ['barriers', 'counters', 'elections', 'ids', 'jobs', 'lock-store', 'locks', 'master', 'members', 'receipts', 'semaphores'];

/** Whether it is the root, or what this library keeps below it. What else is there belongs to whoever has made it. */
export function isOwnNode(path: string, rootPath: string): boolean {
  const root = rootPath === '/' ? '' : rootPath;
  return path === rootPath || OWN.some((name) => path === `${root}/${name}` || path.startsWith(`${root}/${name}/`));
}
