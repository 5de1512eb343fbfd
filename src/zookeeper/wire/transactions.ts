import { aclFor, type Acls } from './acl.js';
import { ZOOKEEPER_CODES } from './errors.js';
import { WireFailure } from './failure.js';
import type { CreateMode, Op, OpResult } from './operations.js';
import { jute, type PackageOp, type WireRequest } from './package.js';
import type { MultiResult } from './replies.js';
import { checkPath, OP, request } from './requests.js';

/** The flags of a create request (CreateMode). */
export const MODES: Readonly<Record<CreateMode, number>> = {
  persistent: 0,
  ephemeral: 1,
  'persistent-sequential': 2,
  'ephemeral-sequential': 3,
};

/**
 * A transaction as one request, made directly from the codec's `TransactionRequest`: the package's `Transaction`
 * insists on its own `ConnectionManager`, and sends version 0 as -1, "any version", so that a compare-and-set on a
 * fresh node always succeeds.
 */
export function multiRequest(ops: readonly Op[], acls: Acls): WireRequest {
  return request(OP.multi, new jute.TransactionRequest(ops.map((op) => packageOp(op, acls))));
}

function packageOp(op: Op, acls: Acls): PackageOp {
  checkPath(op.path);
  switch (op.kind) {
    case 'create':
      return { type: OP.create, path: op.path, data: op.data, acls: aclFor(acls, op.access), mode: MODES[op.mode] };
    case 'set':
      return { type: OP.setData, path: op.path, data: op.data, version: op.version };
    case 'delete':
      return { type: OP.delete, path: op.path, version: op.version };
    case 'check':
      return { type: OP.check, path: op.path, version: op.version };
  }
}

/**
 * The results of `ops`, or the failure of the first operation with an error of its own (those before it have 0, those
 * after it -2).
 */
export function readResults(ops: readonly Op[], results: readonly MultiResult[]): readonly OpResult[] | WireFailure {
  const answers: OpResult[] = [];
  for (const [opIndex, op] of ops.entries()) {
    const result = results[opIndex];
    if (result?.type === 'error') {
      if (result.code !== 0) return new WireFailure(result.code, true, true, undefined, { opIndex, path: op.path });
    } else if (result?.type !== op.kind) {
      return new WireFailure(ZOOKEEPER_CODES['marshalling-error'], true, false, 'the reply does not match the transaction');
    } else {
      answers.push(opResult(result));
    }
  }
  return answers;
}

function opResult(result: Exclude<MultiResult, { type: 'error' }>): OpResult {
  switch (result.type) {
    case 'create':
      return { kind: 'create', path: result.path };
    case 'set':
      return { kind: 'set', stat: result.stat };
    default:
      return { kind: result.type };
  }
}
