import { ClusterCronError } from './errors.js';

/** Something that this library takes for impossible happened: a bug of ours, never of the caller's. */
export class InvariantError extends ClusterCronError {
  constructor(what: string) {
    super('ZK_INVARIANT', `${what}. This is a bug in nestjs-cluster-cron; please report it with the lines logged before it.`);
  }
}

/** Throws unless `condition` holds. */
export function invariant(condition: unknown, what: string): asserts condition {
  if (!condition) throw new InvariantError(what);
}

/** The `default` of a switch over a tagged union: the compiler proves that it is never reached. */
export function unreachable(value: never): never {
  throw new InvariantError(`unexpected case ${JSON.stringify(value)}`);
}
