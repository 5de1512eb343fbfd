import type { Obstacle } from '../jobs/decide/obstacle.js';
import type { Mastership } from '../mastership/election/mastership.state.js';
import type { Clock } from '../support/clock.js';
import { standstillOfReplica } from '../support/standstill.js';

/** Obstacles that are remembered; a tick is hardly ever decided about later than after so many. */
const MAX_KEPT = 8;
const MAX_WHY_LENGTH = 100;
/** A standstill is worth telling if it was at least this part of a silence. */
const A_GOOD_PART = 0.2;

/** Who had the election node. */
interface Holder {
  readonly address: string;
  readonly sinceMs: number;
  readonly untilMs: number;
  /** How this replica lost it; empty where it was another one. */
  readonly why: string;
  /** A sentence about the standstill of this process meanwhile, or nothing. */
  readonly stood: string;
}

/**
 * When, and why, no run could start under one election, as far as this replica has seen it: who was master before it,
 * and when it was in doubt. What it has not seen it does not say.
 */
export class Availability {
  private readonly kept: Obstacle[] = [];
  private was: Mastership;
  /** When `was` began, by the wall clock. */
  private sinceMs: number;
  /** Who had the election node last, as far as this replica has seen it. */
  private last: Holder | undefined;
  /** A sentence about the wait that has just ended with the mastership, if there was one. */
  private waited = '';

  constructor(
    private readonly key: string,
    private readonly address: string,
    private readonly clock: Clock,
    state: Mastership,
  ) {
    this.was = state;
    this.sinceMs = clock.wallMs();
  }

  /** Oldest first. */
  get obstacles(): readonly Obstacle[] {
    return this.kept;
  }

  /** The state has changed. */
  note(state: Mastership): void {
    const { was } = this;
    const wallMs = this.clock.wallMs();
    if (was.kind !== 'standby' || state.kind !== 'standby' || was.master !== state.master) this.leave(was, state, wallMs);
    this.was = state;
  }

  private leave(was: Mastership, state: Mastership, wallMs: number): void {
    switch (was.kind) {
      case 'standby':
        if (this.last !== undefined) this.keep(this.last.sinceMs, this.last.untilMs, `${this.before(this.last)}.`);
        this.last = { address: was.master, sinceMs: this.sinceMs, untilMs: wallMs, why: '', stood: '' };
        break;
      case 'master':
      case 'draining':
        this.lose(wallMs, state);
        break;
      case 'doubtful':
        this.afterDoubt(was.lease.sentWallMs, state, wallMs);
        break;
      case 'waiting':
        this.waited = state.kind === 'master' ? ` It had to wait, because ${was.why}.` : '';
        break;
      default:
    }
    if (state.kind === 'master' && was.kind !== 'doubtful') this.becameMaster(was, wallMs);
    this.sinceMs = wallMs;
  }

  private becameMaster(was: Mastership, wallMs: number): void {
    if (was.kind === 'draining') {
      this.keep(this.sinceMs, wallMs, `${this.address} was to hand "${this.key}" over from ${span(this.sinceMs, wallMs)}.`);
      return;
    }
    const { last, waited } = this;
    this.waited = '';
    this.last = undefined;
    const became = `${this.address} became master${last === undefined ? ` of "${this.key}"` : ''} at ${at(wallMs)}.${waited}`;
    if (last === undefined) this.keep(undefined, wallMs, became);
    else this.keep(last.sinceMs, wallMs, `${this.before(last)}; ${became}${last.stood}`);
  }

  /** The election node tells more than is said here: its holder may have been dead for as long as its session lived. */
  private before({ address, untilMs, why }: Holder): string {
    if (why !== '') return `${address} was master of "${this.key}" itself until ${at(untilMs)} (${why})`;
    return `${address} had the election node of "${this.key}" until ${at(untilMs)}`;
  }

  private lose(untilMs: number, state: Mastership, stood = ''): void {
    if (state.kind !== 'electing' && state.kind !== 'observing') return;
    const why = state.why.replace(/\.$/, '').slice(0, MAX_WHY_LENGTH);
    this.last = { address: this.address, sinceMs: untilMs, untilMs, why, stood };
  }

  private afterDoubt(sentMs: number, state: Mastership, wallMs: number): void {
    const silentMs = wallMs - sentMs;
    const stood = standstillOfReplica(this.clock, silentMs, silentMs * A_GOOD_PART);
    if (state.kind !== 'master' && state.kind !== 'draining') return this.lose(sentMs, state, stood);
    const silence = `From ${span(sentMs, wallMs)} ZooKeeper acknowledged nothing that ${this.address}, the master, sent.`;
    this.keep(sentMs, wallMs, `${silence}${stood}`);
  }

  private keep(sinceMs: number | undefined, untilMs: number, why: string): void {
    this.kept.push({ sinceMs, untilMs, why });
    if (this.kept.length > MAX_KEPT) this.kept.shift();
  }
}

function at(ms: number): string {
  return new Date(ms).toISOString();
}

function span(sinceMs: number, untilMs: number): string {
  return `${at(sinceMs)} to ${at(untilMs)}`;
}
