import { backoffMs } from '../../support/backoff.js';
import type { Clock, Timer } from '../../support/clock.js';
import { messageOf } from '../../support/errors.js';
import { harmless, type Observer } from '../../support/observer.js';
import type { Op } from '../../wire/operations.js';
import type { Charge, GuardedEnsemble, GuardedSession, LastWills, SessionGuard } from './charge.js';
import { startGuard, type GuardEvents, type GuardProcess } from './guard-process.js';

export interface CrashGuardOptions {
  readonly ensemble: GuardedEnsemble;
  readonly clock: Clock;
  readonly observer: Observer;
  /** A seam for tests. */
  readonly start?: (events: GuardEvents) => GuardProcess;
}

/** The pauses before a guard that has ended is started again. */
const FIRST_PAUSE_MS = 500;
const MAX_PAUSE_MS = 60_000;
/** One that lasted longer is no reason for a longer pause. */
const STEADY_MS = 60_000;
/** A guard that is not needed any more gets this long to end by itself. */
const FINISH_MS = 1_000;

type State =
  /** There was nothing to guard yet. */
  | { readonly kind: 'idle' }
  | { readonly kind: 'running'; readonly guard: GuardProcess; readonly sinceMs: number }
  | { readonly kind: 'pausing'; readonly timer: Timer }
  | { readonly kind: 'stopped' };

/**
 * Ends the session of this process at the moment at which the process dies, and proves that it has died, so that a
 * successor need not wait: neither for the session timeout, nor for the lease.
 *
 * Who could do that? A dead process cannot, and nobody else knows that it is dead. So a child is started that does
 * nothing but wait for the end of a pipe. Through that it is told the session's id and password, and the transactions
 * that are to be carried out (last wills). When the pipe ends it makes sure that its parent is dead, attaches to the
 * session, writes the wills, and closes it.
 *
 * Why that is sound:
 *
 * 1. **It acts for the dead alone.** Belief in a mastership is a value in the memory of one process, compared with that
 *    process's clock. When the kernel has given the child another parent, the last thread of the process has stopped
 *    for good, and nothing of it will ever ask or answer again. A process that is stopped (SIGSTOP), swapped out,
 *    writing a core dump, or hangs in a driver keeps its children and descriptors, so it is never taken for dead. The
 *    end of the pipe is a reason to look, and no proof.
 * 2. **It proves no more than was true.** A will deletes the election node in the version that the tenure has won or
 *    accepted, moves the record from the version that it has written, and deletes the tenure node: the transaction by
 *    which a master resigns. A tenure that is over, or whose nodes have changed hands or versions since the will was
 *    left, makes ZooKeeper refuse it: the record moves with every win, and the tenure node has a random name. Then
 *    nothing is proven, and the successor waits as for any unproven end. A will is only left for a tenure that was
 *    believed, so nothing of its own predecessor is left unproven.
 * 3. **What the dead had sent may still arrive.** A transaction of it, still on its way, is carried out before the will
 *    or after it. Before: it was the master's. After: the tenure node is gone, which every write of a tenure checks, or
 *    the session is over. A run that was claimed so never starts, and its successor finds it as cut short.
 * 4. **One client at a time.** The session's former client is dead before the guard attaches, so they do not take the
 *    session from each other. Two guards (one that was thought to hang, and its successor) can at worst disturb each
 *    other in the same work.
 * 5. **Without it, all is as ever.** When the guard dies as well, is slow, stopped, or cannot reach a server, the
 *    session ends by its timeout and the successor waits. A late guard finds the session gone, or does late what is
 *    still true: the dead do not come back.
 * 6. **Whoever has the password can end the session, and no more than that.** It lets nobody be master, and ending a
 *    session is no proof, so nobody believes too early. A forged proof would need write access to the election's
 *    record, by which anybody can forge one anyway; ZooKeeper's access control lists are there against that. The
 *    password goes through a pipe between parent and child: it is in no argument, no variable and no file.
 *
 * What it cannot see: processes that a run has started go on after the death of their parent, now beside the
 * successor's. And it dies with the machine, the container, and whoever kills both.
 */
export class CrashGuard implements SessionGuard, LastWills {
  private state: State = { kind: 'idle' };
  private session: GuardedSession | undefined;
  private readonly wills = new Map<string, readonly Op[]>();
  private failures = 0;
  private readonly observer: Observer;
  private readonly start: NonNullable<CrashGuardOptions['start']>;

  constructor(private readonly options: CrashGuardOptions) {
    this.observer = harmless(options.observer);
    this.start = options.start ?? startGuard;
  }

  guard(session: GuardedSession | undefined): void {
    if (session?.id !== this.session?.id) this.wills.clear();
    this.session = session;
    if (this.state.kind === 'idle' && session !== undefined) this.begin();
    else this.tell();
  }

  leave(sessionId: bigint, key: string, will: readonly Op[] | undefined): void {
    if (sessionId !== this.session?.id) return;
    if (will === undefined && !this.wills.has(key)) return;
    if (will === undefined) this.wills.delete(key);
    else this.wills.set(key, will);
    this.tell();
  }

  stop(): void {
    const { state, options } = this;
    this.session = undefined;
    this.wills.clear();
    this.state = { kind: 'stopped' };
    if (state.kind === 'pausing') state.timer.cancel();
    if (state.kind !== 'running') return;
    state.guard.send(this.charge(true));
    state.guard.finish();
    options.clock.after(FINISH_MS, () => state.guard.kill(), { keepAlive: false });
  }

  private charge(isOver: boolean): Charge {
    const { session, wills, options } = this;
    return { parentPid: process.pid, ensemble: options.ensemble, session, lastWills: [...wills.values()], isOver };
  }

  private tell(): void {
    if (this.state.kind === 'running') this.state.guard.send(this.charge(false));
  }

  private begin(): void {
    const { options } = this;
    const sinceMs = options.clock.monotonicMs();
    try {
      const guard = this.start({ ready: () => this.ready(guard), ended: (why) => this.ended(guard, why) });
      this.state = { kind: 'running', guard, sinceMs };
      this.tell();
    } catch (thrown) {
      this.again(messageOf(thrown));
    }
  }

  private ready(guard: GuardProcess): void {
    const message = `A crash guard, process ${guard.pid}, will end the ZooKeeper session if this process dies.`;
    this.observer.observe({ level: 'debug', event: 'session.guarded', message, fields: { pid: guard.pid } });
  }

  private ended(guard: GuardProcess, why: string): void {
    const { state, options } = this;
    if (state.kind !== 'running' || state.guard !== guard) return;
    if (options.clock.monotonicMs() - state.sinceMs >= STEADY_MS) this.failures = 0;
    this.again(why);
  }

  private again(why: string): void {
    const { options } = this;
    const delayMs = backoffMs(this.failures, FIRST_PAUSE_MS, MAX_PAUSE_MS);
    this.failures += 1;
    this.state = { kind: 'pausing', timer: options.clock.after(delayMs, () => this.begin(), { keepAlive: false }) };
    this.observer.observe({
      level: 'warn',
      event: 'session.unguarded',
      message: `There is no crash guard: ${why}. It is started again in ${Math.round(delayMs)} ms; if this process dies before, its session ends by its timeout.`,
      fields: { why, failures: this.failures },
    });
  }
}
