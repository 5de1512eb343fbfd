/**
 * The HTTP status that tells a client what to do about an error with this code: correct the request (400, 404, 409,
 * 413, 421), or try again (429, 503, 504). Errors about the set-up of the application are the server's own: 500.
 */
const STATUS: Readonly<Record<string, number>> = {
  ZK_BAD_ORDER: 400,
  ZK_BAD_TRIGGER: 400,
  ZK_BAD_SCHEDULE: 400,
  ZK_BAD_LOCK: 400,
  ZK_UNKNOWN_JOB: 404,
  ZK_UNKNOWN_REPLICA: 404,
  ZK_NO_SLOTS: 409,
  ZK_NO_CODE_SCHEDULE: 409,
  ZK_JOB_EXISTS: 409,
  ZK_JOB_IN_USE: 409,
  ZK_JOB_RUNNING: 409,
  ZK_JOB_RECORD: 409,
  ZK_TRIGGER_REFUSED: 409,
  ZK_TRIGGER_INPUT: 413,
  ZK_NOT_MASTER: 421,
  ZK_TOO_MANY_TRIGGERS: 429,
  ZK_LOCK_CROWDED: 429,
  ZK_LOCK_STORE_FULL: 429,
  ZK_JOB_CONTENDED: 503,
  ZK_JOB_BUSY: 503,
  ZK_NOT_CONNECTED: 503,
  ZK_ORDER_NOT_SENT: 503,
  ZK_SESSION_ENDED: 503,
  ZK_NO_ENSEMBLE: 503,
  ZK_LOCK_BUSY: 503,
  ZK_LOCK_LOST: 503,
  ZK_LOCKS_NOT_RELEASED: 503,
  ZK_CONNECTION_LOSS: 503,
  ZK_SESSION_EXPIRED: 503,
  ZK_OPERATION_TIMEOUT: 503,
  ZK_TRIGGER_LOST: 503,
  ZK_TRIGGER_UNCERTAIN: 503,
  ZK_TRIGGER_NOT_ACCEPTED: 504,
};

export function httpStatusOf(code: string): number {
  return STATUS[code] ?? 500;
}
