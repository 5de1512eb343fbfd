import { insideRun, type JobRun } from '../jobs/run/job-run.js';
import type { HeldTenure } from '../mastership/election/held-tenure.js';
import { beginWork, makeRun, type Execution, type ExecutionParts, type RunRequest } from './execution.js';
import { isThenable } from '../gate/outcome.js';

/**
 * Carries out a call by other code: at once, in its async context, and without attempts or a time limit of its own.
 * Returns and throws what `call` does. `ended` is called once, when that has returned or its promise has settled.
 */
export function callDirectly(
  request: Omit<RunRequest, 'through'>,
  tenure: HeldTenure,
  parts: ExecutionParts,
  call: (run: JobRun) => unknown,
  ended: (execution: Execution) => void,
): unknown {
  const work = beginWork(request, tenure, parts);
  const run = makeRun(request, request.firstAttempt, work, parts.clock);
  const startedMs = parts.clock.wallMs();
  const end = (outcome: Execution['outcome'], thrown?: unknown): void => {
    const durationMs = Math.round(parts.clock.monotonicMs() - work.startedMs);
    request.over();
    try {
      ended({ outcome, reason: undefined, attempt: request.firstAttempt, startedMs, durationMs, thrown, value: undefined, run });
    } finally {
      work.end();
    }
  };
  const fail = (thrown: unknown): never => {
    end(run.signal.aborted ? 'interrupted' : 'failed', thrown);
    throw thrown;
  };
  try {
    const result = insideRun(run, () => call(run));
    if (isThenable(result)) return Promise.resolve(result).then((value) => (end('ran'), value), fail);
    end('ran');
    return result;
  } catch (thrown) {
    return fail(thrown);
  }
}
