// A wall clock that can be set. Imported before anything else; from then on `Date` shows it. The monotonic clock stays
// as it is. CLOCK_JUMPS: JSON list of `ClockJump` (job-replica.ts), oldest first.
const RealDate = Date;
const real = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout };
const jumps = JSON.parse(process.env.CLOCK_JUMPS ?? '[]');

/** Timers longer than this wait for the wall clock: who sets it on by days wants the days to have passed. */
const LONG_MS = 600_000;

/** @type {Map<NodeJS.Timeout, { dueMs: number, run: () => void }>} */
const long = new Map();

/** What this wall clock showed, or will show, at an instant of the machine's own. */
export function wallAt(realMs) {
  return realMs + (jumps.findLast((jump) => jump.atMs <= realMs)?.skewMs ?? 0);
}

const wallNow = () => wallAt(RealDate.now());

/** From `atMs` of the machine's clock on, the wall clock is off by `skewMs`. */
export function addJump(jump) {
  jumps.push(jump);
  real.setTimeout(fireOverdue, jump.atMs - RealDate.now() + 1);
}

/** Looks at each long timer that the jump has brought near, or past. */
function fireOverdue() {
  for (const [handle, { dueMs, run }] of long) {
    const leftMs = dueMs - wallNow();
    if (leftMs > LONG_MS) continue;
    real.clearTimeout(handle);
    real.setTimeout(() => long.delete(handle) && run(), Math.max(1, leftMs));
  }
}

function SettableDate(...args) {
  if (new.target === undefined) return new RealDate(wallNow()).toString();
  return Reflect.construct(RealDate, args.length === 0 ? [wallNow()] : args, new.target);
}
Object.setPrototypeOf(SettableDate, RealDate);
SettableDate.prototype = RealDate.prototype;
SettableDate.prototype.constructor = SettableDate;
SettableDate.now = wallNow;
globalThis.Date = SettableDate;

function settableTimeout(run, delayMs, ...args) {
  if (!(delayMs > LONG_MS)) return real.setTimeout(run, delayMs, ...args);
  const handle = real.setTimeout(() => long.delete(handle) && run(...args), delayMs);
  long.set(handle, { dueMs: wallNow() + delayMs, run: () => run(...args) });
  return handle;
}
globalThis.setTimeout = Object.assign(settableTimeout, real.setTimeout);
globalThis.clearTimeout = (handle) => {
  long.delete(handle);
  real.clearTimeout(handle);
};
