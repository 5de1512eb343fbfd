/** ZooKeeper's opcodes (ZooDefs.OpCode, 3.9). */
export const OPCODES = {
  create: 1,
  delete: 2,
  exists: 3,
  getData: 4,
  setData: 5,
  getACL: 6,
  setACL: 7,
  getChildren: 8,
  sync: 9,
  ping: 11,
  getChildren2: 12,
  check: 13,
  multi: 14,
  create2: 15,
  reconfig: 16,
  checkWatches: 17,
  removeWatches: 18,
  createContainer: 19,
  createTTL: 21,
  multiRead: 22,
  auth: 100,
  setWatches: 101,
  sasl: 102,
  setWatches2: 105,
  addWatch: 106,
  whoAmI: 107,
  closeSession: -11,
} as const;

export type OpName = keyof typeof OPCODES;

/** Those that the leader turns into a transaction (closing a session and `multi` are among them). */
export const WRITES: readonly OpName[] = [
  'create',
  'delete',
  'setData',
  'setACL',
  'multi',
  'create2',
  'reconfig',
  'createContainer',
  'createTTL',
];

const NAMES = new Map<number, OpName>(Object.entries(OPCODES).map(([name, code]) => [code, name as OpName]));

export type Direction = 'to-server' | 'to-client';

/** One message of ZooKeeper's protocol as it passes the proxy. */
export interface Frame {
  readonly direction: Direction;
  /** Counts the proxy's connections from 1. */
  readonly connection: number;
  /** `raw`: not ZooKeeper's framing (TLS, a four-letter word), passed in the pieces it came in. */
  readonly kind: 'connect' | 'request' | 'reply' | 'event' | 'raw';
  /** Of a request, or of the request that a reply belongs to. */
  readonly op?: OpName;
  readonly xid?: number;
  /** Of a reply: 0, or one of ZooKeeper's error codes. */
  readonly error?: number;
  /** All of it, with the length in front. */
  readonly bytes: Buffer;
}

/** The server's own limit is 1 MiB by default; more can only be something else. */
const MAX_FRAME = 16 * 1024 * 1024;

/** Cuts both directions of one connection into frames, and knows which request a reply belongs to. */
export class FrameReader {
  readonly #pending: Record<Direction, Buffer> = { 'to-server': Buffer.alloc(0), 'to-client': Buffer.alloc(0) };
  readonly #greeted: Record<Direction, boolean> = { 'to-server': false, 'to-client': false };
  readonly #asked = new Map<number, OpName[]>();
  #raw = false;

  constructor(readonly connection: number) {}

  /** The frames that `chunk` completes. */
  read(direction: Direction, chunk: Buffer): Frame[] {
    if (this.#raw) return [this.#rawFrame(direction, chunk)];
    let rest = Buffer.concat([this.#pending[direction], chunk]);
    const frames: Frame[] = [];
    while (rest.length >= 4) {
      const length = rest.readInt32BE(0);
      if (length < 0 || length > MAX_FRAME) {
        this.#raw = true;
        this.#pending[direction] = Buffer.alloc(0);
        return [...frames, this.#rawFrame(direction, rest)];
      }
      if (rest.length < 4 + length) break;
      frames.push(this.#frame(direction, rest.subarray(0, 4 + length)));
      rest = rest.subarray(4 + length);
    }
    this.#pending[direction] = rest;
    return frames;
  }

  #rawFrame(direction: Direction, bytes: Buffer): Frame {
    return { direction, connection: this.connection, kind: 'raw', bytes };
  }

  #frame(direction: Direction, bytes: Buffer): Frame {
    const base = { direction, connection: this.connection, bytes };
    if (!this.#greeted[direction]) {
      this.#greeted[direction] = true;
      return { ...base, kind: 'connect' };
    }
    if (bytes.length < 12) return { ...base, kind: 'raw' };
    const xid = bytes.readInt32BE(4);
    return direction === 'to-server' ? this.#request(base, xid) : this.#answer(base, xid);
  }

  #request(base: Pick<Frame, 'direction' | 'connection' | 'bytes'>, xid: number): Frame {
    const op = NAMES.get(base.bytes.readInt32BE(8));
    if (op === undefined) return { ...base, kind: 'request', xid };
    this.#asked.set(xid, [...(this.#asked.get(xid) ?? []), op]);
    return { ...base, kind: 'request', xid, op };
  }

  #answer(base: Pick<Frame, 'direction' | 'connection' | 'bytes'>, xid: number): Frame {
    if (xid === -1) return { ...base, kind: 'event', xid };
    // Pings, auth and setWatches have one xid for all; then the answers come in the order of the requests.
    const asked = this.#asked.get(xid) ?? [];
    const op = asked.shift();
    if (asked.length === 0) this.#asked.delete(xid);
    const error = base.bytes.length >= 20 ? base.bytes.readInt32BE(16) : 0;
    return { ...base, kind: 'reply', xid, error, ...(op === undefined ? {} : { op }) };
  }
}
