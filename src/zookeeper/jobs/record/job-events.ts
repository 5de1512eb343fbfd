import { Listeners } from '../../support/listeners.js';
import type { StoredVerdict } from './verdict.js';

/** A job has not succeeded for longer than its `maxSilenceMs`, or has again. */
export interface SilenceAlarm {
  /** Its name. */
  readonly job: string;
  /** It is silent, or not any more. */
  readonly kind: 'raised' | 'cleared';
  /** The last success; where there was none, since when one is expected. */
  readonly silentSince: Date;
  /** The limit, as the job says, milliseconds. */
  readonly maxSilenceMs: number;
}

/** What happens to the jobs on this replica, for listeners of one application. */
export class JobEvents {
  readonly verdicts: Listeners<[job: string, verdict: StoredVerdict]>;
  readonly alarms: Listeners<[alarm: SilenceAlarm]>;

  constructor(failed: (thrown: unknown) => void) {
    this.verdicts = new Listeners(failed);
    this.alarms = new Listeners(failed);
  }
}
