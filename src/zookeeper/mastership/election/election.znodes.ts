import { withParents } from '../../session/parents.js';

/**
 * Where an election lives in the tree.
 *
 * ```
 * <root>/master/services/<key>        ephemeral, data host:port: whoever creates it is elected (a fixed format,
 *                                     which others share)
 * <root>/elections/<key>              persistent, the record (election-record.ts), until no replica of its version
 *                                     lives (prune.ts)
 *   /tenure-<id>                      ephemeral, the tenure in force
 *   /line/<address>~<id>-<sequence>   ephemeral, the standbys
 * ```
 *
 * The tenure node is a child of the record on purpose: the transaction that wins or resigns writes the record and
 * creates or deletes that child, so afterwards the record's `mzxid` equals its `pzxid`. An edit by hand, or a
 * session's end, breaks the equation. So one read tells whether a resignation in the record is what a master
 * wrote (election-record.ts).
 */
export interface ElectionZnodes {
  readonly key: string;
  readonly node: string;
  readonly record: string;
  readonly line: string;
  /** The persistent nodes that must exist before anyone can stand or win, parents first; the record begins empty. */
  readonly parents: readonly string[];
  tenure(id: string): string;
}

export interface ElectionName {
  readonly rootPath: string;
  readonly service: string;
  readonly version: string;
  readonly scope: 'version' | 'service';
  /** A further election of the service. */
  readonly name?: string | undefined;
}

/** `*` cannot be a version (options check), so a named election across versions collides with no version's election. */
function keyOf({ service, version, scope, name }: ElectionName): string {
  const base = scope === 'version' ? `${service}:${version}` : name === undefined ? service : `${service}:*`;
  return name === undefined ? base : `${base}:${name}`;
}

export function electionZnodes(name: ElectionName): ElectionZnodes {
  const key = keyOf(name);
  const root = name.rootPath === '/' ? '' : name.rootPath;
  const record = `${root}/elections/${key}`;
  return {
    key,
    node: `${root}/master/services/${key}`,
    record,
    line: `${record}/line`,
    parents: [...new Set([...withParents(`${root}/master/services`), ...withParents(`${record}/line`)])],
    tenure: (id) => `${record}/tenure-${id}`,
  };
}
