import type { HeldTenure } from '../../mastership/election/held-tenure.js';
import { isObject } from '../../support/checks.js';
import type { Clock, Timer } from '../../support/clock.js';
import { messageOf } from '../../support/errors.js';
import type { Observer } from '../../support/observer.js';
import { isZooKeeperError } from '../../wire/errors.js';
import { BadProgressError } from './errors.js';
import type { NoteStore } from './note-store.js';

/** One write of the progress of a run within this time at most. */
export const PROGRESS_PERIOD_MS = 1_000;
const MAX_NOTE_LENGTH = 200;
/** How often a refused write is tried again while this replica is still master. */
const MAX_REFUSALS = 3;

/** How far a run is, as it is kept. */
export interface ProgressNote {
  /** From 0 to 1. */
  readonly fraction: number;
  readonly note: string | undefined;
  readonly atMs: number;
  /** Of the tenure that told it. */
  readonly token: string;
}

/** How far a job is, as a run has told last. */
export interface JobProgress {
  /** From 0 to 1. */
  readonly fraction: number;
  /** What the run has said of it, at most 200 characters. */
  readonly note?: string | undefined;
  /** By the wall clock of the replica that told it. */
  readonly at: Date;
  /** Of the run that told it; in decimal, as text: JSON knows no bigint. To compare: `BigInt(fencingToken)`. */
  readonly fencingToken: string;
}

/** From what is kept; undefined when it is not what `Progress` writes: somebody has written over it by hand. */
export function readProgress(kept: unknown): JobProgress | undefined {
  if (!isObject(kept)) return undefined;
  const { fraction, note, atMs, token } = kept;
  if (typeof fraction !== 'number' || fraction < 0 || fraction > 1 || typeof atMs !== 'number') return undefined;
  if ((note !== undefined && typeof note !== 'string') || typeof token !== 'string' || !/^\d+$/u.test(token)) return undefined;
  const at = new Date(atMs);
  return Number.isNaN(at.getTime()) ? undefined : { fraction, note, at, fencingToken: token };
}

/** What the progress of one run needs. */
export interface ProgressParts {
  readonly store: NoteStore;
  readonly job: string;
  readonly tenure: HeldTenure;
  readonly clock: Clock;
  readonly observer: Observer;
  /** Whether the record may be made where there is none. */
  readonly mayCreate: () => boolean;
}

/** Throws unless these can be noted as progress of `job`. */
export function checkProgress(job: string, fraction: unknown, note: unknown): void {
  if (typeof fraction !== 'number' || !(fraction >= 0 && fraction <= 1))
    throw new BadProgressError(job, `expected a fraction from 0 to 1, received ${String(fraction)}`);
  if (note !== undefined && (typeof note !== 'string' || note.length > MAX_NOTE_LENGTH))
    throw new BadProgressError(job, `expected a note of at most ${MAX_NOTE_LENGTH} characters, received ${describe(note)}`);
}

function describe(note: unknown): string {
  return typeof note === 'string' ? `${note.length} characters` : typeof note;
}

/** Writes the progress of one run, the last value within each period; what cannot be written is dropped. */
export class Progress {
  private latest: ProgressNote | undefined;
  private timer: Timer | undefined;
  private lastMs: number | undefined;
  private ended = false;

  constructor(private readonly parts: ProgressParts) {}

  report(fraction: number, note?: string): void {
    const { job, clock, tenure } = this.parts;
    checkProgress(job, fraction, note);
    if (this.ended) return;
    this.latest = { fraction, note, atMs: clock.wallMs(), token: tenure.token.toString() };
    const sinceMs = this.lastMs === undefined ? PROGRESS_PERIOD_MS : clock.monotonicMs() - this.lastMs;
    if (sinceMs >= PROGRESS_PERIOD_MS) this.write();
    else this.timer ??= clock.after(PROGRESS_PERIOD_MS - sinceMs, () => this.write(), { keepAlive: false });
  }

  /** The run has ended: what was told last is written at once. */
  end(): void {
    this.ended = true;
    if (this.timer !== undefined) this.write();
  }

  private write(): void {
    const { clock, tenure } = this.parts;
    this.timer?.cancel();
    this.timer = undefined;
    this.lastMs = clock.monotonicMs();
    const { latest } = this;
    if (latest === undefined || !tenure.isValid()) return;
    this.save(latest, MAX_REFUSALS).catch((thrown: unknown) => {
      const { observer, job } = this.parts;
      observer.observe({
        level: 'debug',
        event: 'job.progress-not-noted',
        message: `The progress of "${job}" was not noted: ${messageOf(thrown)}`,
      });
    });
  }

  /**
   * A refusal does not mean that the mastership is over: another replica may have moved the election's record on,
   * as it does when it raises the floor of the tokens. The master then reads it again. If it is master still, what
   * was told last is written.
   */
  private async save(note: ProgressNote, refusals: number): Promise<void> {
    const { store, job, tenure, mayCreate } = this.parts;
    try {
      await store.saveNote(job, 'progress', Buffer.from(JSON.stringify(note)), tenure.fence, mayCreate());
    } catch (thrown) {
      if (refusals === 0 || tenure.fence === undefined || !isZooKeeperError(thrown, 'no-node', 'bad-version')) throw thrown;
      if (thrown.reason === 'no-node' && !mayCreate()) throw thrown;
      await tenure.fence.refused();
      if (!tenure.isValid() || this.latest === undefined) throw thrown;
      await this.save(this.latest, refusals - 1);
    }
  }
}
