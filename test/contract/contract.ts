import { NODE_STATEMENTS } from './nodes.suite.js';
import { SESSION_STATEMENTS } from './sessions.suite.js';
import type { Statement } from './statements.js';
import { TRANSACTION_STATEMENTS } from './transactions.suite.js';
import { WATCH_STATEMENTS } from './watches.suite.js';

/**
 * Everything that mastership takes for granted about ZooKeeper. Asked of the real server and of the model
 * that the race tests use.
 */
export const CONTRACT: Readonly<Record<string, readonly Statement[]>> = {
  nodes: NODE_STATEMENTS,
  transactions: TRANSACTION_STATEMENTS,
  sessions: SESSION_STATEMENTS,
  watches: WATCH_STATEMENTS,
};
