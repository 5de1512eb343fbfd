const COLUMNS = [10, 17, 12, 16, 10, 12];

/**
 * The replicas as a table.
 *
 * @param {import('./cluster.mjs').Cluster} cluster
 * @param {import('./audit.mjs').Audit} audit
 * @returns {string[]} its lines
 */
export function pictureOf(cluster, audit) {
  const rows = cluster.replicas.map((replica) => {
    const runs = audit.runs.filter((run) => run.replica === replica.name);
    const last = runs.at(-1);
    return [
      replica.name,
      replica.address,
      stateOf(replica),
      replica.exit ? '' : (replica.election?.fencingToken ?? ''),
      count(runs, 'interest'),
      count(runs, 'statements'),
      last === undefined
        ? ''
        : `${last.job} ${new Date(last.startMs).toISOString().slice(11, 19)} ${last.cut ? '(cut short)' : last.endMs === undefined ? '(running)' : ''}`,
    ];
  });
  return [
    '',
    `ZooKeeper: ${cluster.connectString}`,
    '',
    row(['replica', 'address', 'state', 'fencing token', 'interest', 'statements', 'last run (UTC)']),
    ...rows.map(row),
  ];
}

/** @param {import('./replica.mjs').Replica} replica @returns {string} */
function stateOf(replica) {
  if (replica.exit) return replica.exit.signal === null ? `exit ${replica.exit.code}` : 'killed';
  if (replica.mastership) return 'MASTER';
  return replica.election?.state ?? 'starting';
}

/** @param {readonly import('./audit.mjs').Run[]} runs @param {string} job */
function count(runs, job) {
  return String(runs.filter((run) => run.job === job).length);
}

/** @param {readonly string[]} cells */
function row(cells) {
  return `  ${cells.map((cell, index) => cell.padEnd(COLUMNS[index] ?? 0)).join(' ')}`.trimEnd();
}
