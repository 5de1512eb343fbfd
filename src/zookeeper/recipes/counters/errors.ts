import { ClusterCronError } from '../../support/errors.js';

/** The name or the options of a counter, or a number for it, cannot be used. Nothing was sent. */
export class BadCounterError extends ClusterCronError {
  constructor(readonly problem: string) {
    super('ZK_BAD_COUNTER', `This counter cannot be used so: ${problem}.`);
  }
}

/** A number would have become larger, or smaller, than its format can hold. It was not changed. */
export class CounterRangeError extends ClusterCronError {
  constructor(
    readonly counter: string,
    /** What it would have become. */
    readonly value: bigint,
    /** The smallest that its format can hold. */
    readonly min: bigint,
    /** The largest that its format can hold. */
    readonly max: bigint,
  ) {
    super(
      'ZK_COUNTER_RANGE',
      `Counter ${JSON.stringify(counter)} would become ${value}, and its format holds ${min} to ${max}. It was not changed: ` +
        'set it back, or use a counter with a wider format.',
    );
  }
}

/** The node of a counter holds something that its format does not know. Nothing was changed. */
export class CounterFormatError extends ClusterCronError {
  constructor(
    readonly path: string,
    /** What is expected, and what is there, as a clause. */
    readonly problem: string,
  ) {
    super(
      'ZK_COUNTER_FORMAT',
      `The node ${path} cannot be read as a counter: ${problem}. Say the format in which it is written ({ format }), or use another path.`,
    );
  }
}

/** The counter could not be changed in time, because too many others change it. It was not changed by this call. */
export class CounterBusyError extends ClusterCronError {
  constructor(
    readonly counter: string,
    /** Why not, as a clause. */
    readonly why: string,
  ) {
    super('ZK_COUNTER_BUSY', `Counter ${JSON.stringify(counter)} was not changed: ${why}. Try again, or spread it over several counters.`);
  }
}

/**
 * Nobody can say whether a change of a counter was made: no answer came. It is not repeated, since it might count
 * twice.
 */
export class CounterUncertainError extends ClusterCronError {
  constructor(
    readonly counter: string,
    /** What has happened, as a clause. */
    readonly why: string,
  ) {
    super(
      'ZK_COUNTER_UNCERTAIN',
      `Counter ${JSON.stringify(counter)} may have been changed, or may still be: ${why}. Read it before you repeat the change.`,
    );
  }
}
