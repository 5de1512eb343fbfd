/** How many overlaps, and how many duplicates, are listed one by one. */
const SHOWN = 20;

/**
 * @typedef {object} Failover
 * @property {string} replica the old master
 * @property {'SIGKILL' | 'SIGTERM'} signal
 * @property {number} electedMs from the signal to the next master's "elected"
 * @property {number} firstRunMs from the signal to the next master's first run
 * @property {number} drainMs from the signal to the end of the old master's last run
 * @property {import('./replica.mjs').Replica['exit']} exit
 */

/**
 * Prints what the demo has shown, and judges it.
 *
 * @param {{ write(text: string): void }} out
 * @param {import('./audit.mjs').Audit} audit
 * @param {{ killed: Failover, drained: Failover, exits: Array<{ replica: string, exit: Failover['exit'] }>,
 *   fromMs: number, toMs: number, verdicts: Record<string, import('./replica.mjs').Verdict[]> }} seen
 * @param {{ kill: number, term: number }} boundsMs
 * @returns {number} the exit code: 1 when something is not as promised
 */
export function report(out, audit, { killed, drained, exits, fromMs, toMs, verdicts }, boundsMs) {
  const overlaps = audit.overlaps();
  const duplicates = audit.duplicates();
  const { outcomes, wrong } = audit.ticks(verdicts, fromMs, toMs);
  const cut = audit.runs.filter((run) => run.cut).length;
  const ticks = audit.runs.length - duplicates.length;
  const checks = /** @type {Array<[boolean, string]>} */ ([
    [
      isBetween(0, killed.electedMs, boundsMs.kill),
      `failover after SIGKILL   ${seconds(killed.electedMs)} to the next master, ${seconds(killed.firstRunMs)} to its first run (bound ${seconds(boundsMs.kill)})`,
    ],
    [
      isBetween(0, drained.electedMs, boundsMs.term),
      `failover after SIGTERM   ${seconds(drained.electedMs)} to the next master, ${seconds(drained.firstRunMs)} to its first run (bound ${seconds(boundsMs.term)}); ${seconds(drained.drainMs)} of it the run in progress`,
    ],
    [drained.exit?.code === 0, `exit after SIGTERM       ${exitOf(drained.exit)}`],
    [
      exits.every(({ exit }) => exit?.code === 0),
      `exits at the end         ${exits.map(({ replica, exit }) => `${replica}: ${exitOf(exit)}`).join(', ')}`,
    ],
    [overlaps.length === 0, `overlapping runs         ${overlaps.length} of ${audit.runs.length}`],
    [duplicates.length === 0, `duplicate runs           ${duplicates.length}`],
    [
      wrong.length === 0,
      `ticks without a verdict  ${wrong.length}; verdicts: ${Object.entries(outcomes)
        .map(([outcome, count]) => `${count} ${outcome}`)
        .join(', ')}`,
    ],
    [audit.tokensGrow(), 'fencing tokens           grow from master to master'],
  ]);
  out.write(`\nRESULT: ${ticks} ticks ran in ${seconds(toMs - fromMs)}\n`);
  for (const [good, text] of checks) out.write(`  ${good ? 'ok   ' : 'WRONG'}  ${text}\n`);
  if ((outcomes.missed ?? 0) > 0)
    out.write(`  note   missed  ${outcomes.missed}: due during a failover; of several the job runs the last one (misfire: 'run-latest')\n`);
  if (cut > 0) out.write(`  note   runs cut short  ${cut}: their process was killed\n`);
  for (const [one, other] of overlaps.slice(0, SHOWN)) out.write(`  overlap: ${show(one)} and ${show(other)}\n`);
  for (const tick of wrong.slice(0, SHOWN)) out.write(`  verdicts: ${tick}\n`);
  for (const tick of duplicates.slice(0, SHOWN)) out.write(`  duplicate: ${tick}\n`);
  return checks.every(([good]) => good) ? 0 : 1;
}

/**
 * Before the signal nobody else may have been master.
 *
 * @param {number} low
 * @param {number} value
 * @param {number} high
 */
function isBetween(low, value, high) {
  return low <= value && value <= high;
}

/** @param {Failover['exit']} exit */
function exitOf(exit) {
  if (exit === undefined) return 'still running';
  return exit.signal === null ? `code ${exit.code}` : exit.signal;
}

/** @param {import('./audit.mjs').Run} run */
function show(run) {
  return `${run.job} on ${run.replica}, ${new Date(run.startMs).toISOString()} to ${run.endMs === undefined ? 'the end' : new Date(run.endMs).toISOString()}`;
}

/** @param {number} ms */
function seconds(ms) {
  return `${(ms / 1000).toFixed(2)} s`;
}
