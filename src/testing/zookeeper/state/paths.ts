/** The path of the node above; that of `/a` is `/`. */
export function parentOf(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf('/')));
}

/** The last part of a path. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Ranges of UTF-16 code units that no path may hold: control characters, surrogates, private use, specials. */
const FORBIDDEN: ReadonlyArray<readonly [from: number, to: number]> = [
  [0x00, 0x1f],
  [0x7f, 0x9f],
  [0xd800, 0xf8ff],
  [0xfff0, 0xffff],
];

/** Whether ZooKeeper takes this for a path (PathUtils.validatePath, 3.8). */
export function isPath(path: string): boolean {
  if (path === '/') return true;
  if (!path.startsWith('/') || path.endsWith('/') || hasForbidden(path)) return false;
  return path
    .slice(1)
    .split('/')
    .every((name) => name !== '' && name !== '.' && name !== '..');
}

/**
 * The number that ends a sequential node's name, as Java's `%010d` writes it; negative once the counter has wrapped.
 */
export function sequenceText(made: number): string {
  return made < 0 ? `-${String(-made).padStart(9, '0')}` : String(made).padStart(10, '0');
}

function hasForbidden(path: string): boolean {
  for (let at = 0; at < path.length; at += 1) {
    const unit = path.charCodeAt(at);
    if (unit >= 0x7f || unit <= 0x1f) if (FORBIDDEN.some(([from, to]) => unit >= from && unit <= to)) return true;
  }
  return false;
}
