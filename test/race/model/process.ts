import type { Clock, Timer } from '../../../src/zookeeper/support/clock.js';
import type { Scheduled, World } from './world.js';

interface PendingTimer {
  readonly dueMs: number;
  readonly run: () => void;
  event: Scheduled | undefined;
}

/** How a process's clocks differ from true time. */
export interface ClockFault {
  /** Local milliseconds per true millisecond. */
  readonly rate: number;
  /** What the wall clock shows at true time 0. */
  readonly wallAtStartMs: number;
}

/** A process that tells true time. */
export const TRUE_TIME: ClockFault = { rate: 1, wallAtStartMs: 1_700_000_000_000 };

/**
 * One simulated Node process: its event loop and its clocks. Frozen (SIGSTOP, or a stalled loop), time passes and
 * nothing of it runs; woken, its overdue timers run before anything that arrived meanwhile, as Node does it. Suspended,
 * its monotonic clock stands still as well, and only the wall clock goes on.
 */
export class SimProcess implements Clock {
  private state: 'running' | 'frozen' | 'dead' = 'running';
  private readonly timers = new Set<PendingTimer>();
  private readonly arrived: (() => void)[] = [];
  private lostMs = 0;
  private suspendedAtMs: number | undefined;
  private wallShiftMs = 0;

  constructor(
    readonly name: string,
    readonly world: World,
    private readonly fault: ClockFault,
  ) {}

  get running(): boolean {
    return this.state === 'running';
  }

  get dead(): boolean {
    return this.state === 'dead';
  }

  monotonicMs(): number {
    const trueMs = this.suspendedAtMs ?? this.world.nowMs;
    return 1_000 + (trueMs - this.lostMs) * this.fault.rate;
  }

  wallMs(): number {
    return this.fault.wallAtStartMs + this.wallShiftMs + this.world.nowMs * this.fault.rate;
  }

  standstillMs(): number {
    return 0;
  }

  after(delayMs: number, run: () => void): Timer {
    const timer: PendingTimer = { dueMs: this.monotonicMs() + Math.max(1, Math.ceil(delayMs)), run, event: undefined };
    this.timers.add(timer);
    this.arm(timer);
    return {
      cancel: () => {
        this.timers.delete(timer);
        timer.event?.cancel();
      },
    };
  }

  /** Something reached the process from outside: runs now, or when it wakes. */
  receive(run: () => void): void {
    if (this.state === 'dead') return;
    if (this.state === 'frozen') return void this.arrived.push(run);
    this.world.touch();
    run();
  }

  /** Whether its two clocks have ever disagreed: a suspend, or a jump of the wall clock. */
  get clocksDisagreed(): boolean {
    return this.suspendedAtMs !== undefined || this.lostMs > 0 || this.wallShiftMs !== 0;
  }

  freeze(options: { readonly suspended?: boolean } = {}): void {
    if (this.state !== 'running') return;
    this.world.trace(`${this.name}: ${options.suspended ? 'suspended' : 'frozen'}`);
    this.state = 'frozen';
    if (options.suspended) this.suspendedAtMs = this.world.nowMs;
  }

  wake(): void {
    if (this.state !== 'frozen') return;
    this.world.trace(`${this.name}: wakes`);
    this.state = 'running';
    if (this.suspendedAtMs !== undefined) this.lostMs += this.world.nowMs - this.suspendedAtMs;
    this.suspendedAtMs = undefined;
    for (const timer of [...this.timers].sort((a, b) => a.dueMs - b.dueMs)) this.arm(timer, { prompt: true });
    for (const run of this.arrived.splice(0)) this.world.in(0, () => this.receive(run));
  }

  kill(): void {
    this.world.trace(`${this.name}: killed`);
    this.state = 'dead';
    for (const timer of this.timers) timer.event?.cancel();
    this.timers.clear();
    this.arrived.length = 0;
  }

  jumpWallClock(byMs: number): void {
    this.world.trace(`${this.name}: wall clock ${byMs} ms`);
    this.wallShiftMs += byMs;
  }

  private arm(timer: PendingTimer, options: { readonly prompt?: boolean } = {}): void {
    timer.event?.cancel();
    const dueInMs = (timer.dueMs - this.monotonicMs()) / this.fault.rate;
    const lateMs = options.prompt && dueInMs <= 0 ? 0 : this.world.choices.latenessMs();
    timer.event = this.world.in(Math.max(0, dueInMs) + lateMs, () => this.fire(timer));
  }

  private fire(timer: PendingTimer): void {
    if (this.state !== 'running' || !this.timers.has(timer)) return;
    if (timer.dueMs > this.monotonicMs() + 0.001) return this.arm(timer);
    this.timers.delete(timer);
    this.world.touch();
    timer.run();
  }
}
