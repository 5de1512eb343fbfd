/** The opcodes that the server knows (ZooDefs.OpCode, 3.9). */
export const OPCODES = {
  create: 1,
  delete: 2,
  exists: 3,
  getData: 4,
  setData: 5,
  getAcl: 6,
  setAcl: 7,
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
  createTtl: 21,
  multiRead: 22,
  auth: 100,
  setWatches: 101,
  sasl: 102,
  getEphemerals: 103,
  getAllChildrenNumber: 104,
  setWatches2: 105,
  addWatch: 106,
  whoAmI: 107,
  closeSession: -11,
  error: -1,
} as const;

/** The xids of what has no number of its own. */
export const XIDS = { event: -1 } as const;

/** Kinds of events (Watcher.Event.EventType). */
export const EVENT_TYPES = { created: 1, deleted: 2, changed: 3, children: 4 } as const;

/** `SyncConnected`, the one state that a server tells with an event. */
export const CONNECTED_STATE = 3;
