import type { Session } from '../../src/zookeeper/session/session.js';

/** One client of the server under the contract, with the faults that can befall it. */
export interface Client {
  readonly session: Session;
  /** Breaks the connection and keeps it broken. Resolves when the client has noticed. */
  cut(): Promise<void>;
  /** Lets it connect again. Resolves when it is attached and its watches are set again. */
  mend(): Promise<void>;
  /**
   * Runs `write`, and breaks the connection between its execution and its answer. Resolves when both the client has
   * noticed and the write is done.
   */
  loseAnswerTo(write: () => Promise<unknown>): Promise<unknown>;
  /** Ends the session on the server without the client's doing. Resolves when its ephemeral nodes are gone. */
  kill(): Promise<void>;
  /** Ends the session as an application does at shutdown. */
  close(): Promise<'closed' | 'abandoned'>;
}

/** What the contract is asked of: the real server, or the model of it. */
export interface Subject {
  /** A client with a session of its own, and an empty node that is the test's. */
  open(): Promise<Client>;
  /** Makes a container node, which `Operations` cannot. */
  createContainer(path: string): Promise<void>;
  /** Runs one test. The model moves its time meanwhile. */
  run(test: () => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

/** How a contract file starts its subject. */
export type OpenSubject = () => Promise<Subject>;
