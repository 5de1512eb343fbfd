/** How long a method waits for ZooKeeper. */
export interface WaitOptions {
  /**
   * How long to wait for a session with ZooKeeper where there is none, as in a process that has just
   * started; milliseconds, up to a day. 0: not at all. Then it rejects with `ZK_NOT_CONNECTED`, and nothing
   * was sent. Default 10 000.
   */
  readonly timeoutMs?: number | undefined;
  /**
   * Ends the whole wait, for a session and for the answer: its reason is thrown. Nothing is sent after it; a command
   * that had been sent may be carried out all the same, so ask for it again, or look.
   */
  readonly signal?: AbortSignal | undefined;
}

/** Who gives a command, kept with it, and how long it may wait. */
export interface OrderOptions extends WaitOptions {
  /** A person or a program, 1 to 100 characters; the address of this replica is added. Default: that alone. */
  readonly by?: string | undefined;
}

/** How `alarms$` and `jobs$` look at the cluster. */
export interface MonitorOptions {
  /** The pause between two looks, milliseconds; 100 to 3 600 000 (an hour). Default 5 000. */
  readonly everyMs?: number | undefined;
}

/** How `verdicts` is asked. */
export interface VerdictsOptions extends WaitOptions {
  /** How many of the newest; a whole number from 1. There are at most 100, however many are asked for. Default 100. */
  readonly limit?: number | undefined;
}
