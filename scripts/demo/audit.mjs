/**
 * @typedef {object} Run what the log of a replica says about one run
 * @property {string} replica
 * @property {string} job
 * @property {number} tickMs the instant of the schedule that it ran for
 * @property {number} startMs
 * @property {number | undefined} endMs undefined while it runs
 * @property {bigint} token
 * @property {boolean} cut its process was killed before it ended
 */

/**
 * @typedef {object} Reign one replica's time as master
 * @property {string} replica
 * @property {number} fromMs
 * @property {number | undefined} toMs until it was told to stop, or stopped being master
 */

/** All runs and all reigns of a demo, and what follows from them. */
export class Audit {
  /** @type {Run[]} */
  runs = [];
  /** @type {Reign[]} */
  reigns = [];

  /** @param {Readonly<Record<string, number>>} periodsMs each job's period; ticks fall on whole multiples of it */
  constructor(periodsMs) {
    this.periodsMs = periodsMs;
  }

  /** @param {string} replica @param {Record<string, any>} line a JSON log line */
  read(replica, line) {
    switch (line.event) {
      case 'app.elected':
        return void this.reigns.push({ replica, fromMs: Date.parse(line.at), toMs: undefined });
      case 'app.lost':
        return this.endReign(replica, Date.parse(line.at));
      case 'run.started':
        return void this.runs.push(this.#started(replica, line));
      case 'run.ended':
        return this.#ended(replica, line);
      default:
    }
  }

  /** The replica is not counted on from now on. @param {string} replica @param {number} atMs */
  endReign(replica, atMs) {
    for (const reign of this.reigns) if (reign.replica === replica) reign.toMs ??= atMs;
  }

  /** The replica's process is gone: what ran ends with it. @param {string} replica @param {number} atMs */
  died(replica, atMs) {
    this.endReign(replica, atMs);
    for (const run of this.runs) {
      if (run.replica !== replica || run.endMs !== undefined) continue;
      run.endMs = atMs;
      run.cut = true;
    }
  }

  /** Pairs of runs that were in progress at one instant on two replicas, or twice the same job on one. */
  overlaps() {
    /** @type {Array<[Run, Run]>} */
    const pairs = [];
    for (const [index, one] of this.runs.entries()) {
      for (const other of this.runs.slice(index + 1)) {
        const apart = (one.endMs ?? Infinity) <= other.startMs || (other.endMs ?? Infinity) <= one.startMs;
        if (!apart && (one.replica !== other.replica || one.job === other.job)) pairs.push([one, other]);
      }
    }
    return pairs;
  }

  /** Ticks that more than one run started for. */
  duplicates() {
    const counts = new Map();
    for (const run of this.runs) {
      const key = `${run.job} ${new Date(run.tickMs).toISOString()}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    return [...counts].filter(([, count]) => count > 1).map(([key]) => key);
  }

  /**
   * What became of the ticks between the two instants: how many of each outcome, and the ticks that have no
   * verdict, or more than one.
   *
   * @param {Record<string, import('./replica.mjs').Verdict[]>} verdicts of each job
   * @param {number} fromMs
   * @param {number} toMs
   */
  ticks(verdicts, fromMs, toMs) {
    /** @type {Record<string, number>} */
    const outcomes = {};
    const wrong = [];
    for (const [job, periodMs] of Object.entries(this.periodsMs)) {
      for (let tickMs = Math.ceil(fromMs / periodMs) * periodMs; tickMs < toMs; tickMs += periodMs) {
        const found = (verdicts[job] ?? []).filter((verdict) => isAbout(verdict, tickMs));
        if (found.length !== 1) wrong.push(`${job} ${new Date(tickMs).toISOString()} has ${found.length} verdicts`);
        const outcome = found[0]?.outcome;
        if (outcome !== undefined) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      }
    }
    return { outcomes, wrong };
  }

  /** Whether each master's runs carry a higher fencing token than its predecessor's. */
  tokensGrow() {
    let highest = 0n;
    for (const run of this.runs.toSorted((one, other) => one.startMs - other.startMs)) {
      if (run.token < highest) return false;
      highest = run.token;
    }
    return highest > 0n;
  }

  /** @param {string} replica @param {Record<string, any>} line @returns {Run} */
  #started(replica, line) {
    return {
      replica,
      job: line.job,
      tickMs: Date.parse(line.scheduledTime),
      startMs: Date.parse(line.startedAt),
      endMs: undefined,
      token: BigInt(line.fencingToken),
      cut: false,
    };
  }

  /** @param {string} replica @param {Record<string, any>} line */
  #ended(replica, line) {
    const startMs = Date.parse(line.startedAt);
    const run = this.runs.find(
      (each) => each.replica === replica && each.job === line.job && each.startMs === startMs && each.endMs === undefined,
    );
    if (run !== undefined) run.endMs = Date.parse(line.endedAt);
  }
}

/** @param {import('./replica.mjs').Verdict} verdict @param {number} tickMs */
function isAbout({ scheduledTime, until }, tickMs) {
  if (scheduledTime === undefined) return false;
  return Date.parse(scheduledTime) <= tickMs && tickMs <= Date.parse(until ?? scheduledTime);
}
