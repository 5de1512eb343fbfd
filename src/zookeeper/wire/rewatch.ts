import { setWatchesFrame } from './requests.js';
import type { WatchKind, Watches } from './watches.js';

/**
 * As ZooKeeper's own client (ClientCnxn): one request beyond jute.maxbuffer (1 MiB) would be refused at each
 * connection, for ever.
 */
const MAX_CHUNK_BYTES = 128 * 1024;

/** The requests that set all watches again on a new connection, in chunks. */
export function setWatchesFrames(watches: Watches, sinceZxid: bigint, chroot: string): Buffer[] {
  const frames: Buffer[] = [];
  let chunk = emptyChunk();
  let bytes = 0;
  for (const kind of ['data', 'exists', 'children'] as const) {
    for (const path of watches.paths(kind)) {
      const whole = chroot === '' ? path : path === '/' ? chroot : chroot + path;
      const size = 4 + Buffer.byteLength(whole);
      if (bytes > 0 && bytes + size > MAX_CHUNK_BYTES) {
        frames.push(setWatchesFrame(sinceZxid, chunk));
        chunk = emptyChunk();
        bytes = 0;
      }
      chunk[kind].push(whole);
      bytes += size;
    }
  }
  if (bytes > 0) frames.push(setWatchesFrame(sinceZxid, chunk));
  return frames;
}

function emptyChunk(): Record<WatchKind, string[]> {
  return { data: [], exists: [], children: [] };
}
