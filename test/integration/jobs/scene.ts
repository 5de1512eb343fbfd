import { heldBy, type JobRecord, type RunEntry } from '../../../src/zookeeper/jobs/record/job-record.js';
import { jobZnodes } from '../../../src/zookeeper/jobs/persistence/job.znodes.js';
import { viewIn, type Change, type JobStore } from '../../../src/zookeeper/jobs/persistence/job-store.js';
import type { JobControl } from '../../../src/zookeeper/jobs/record/job-control.js';
import type { TriggerNode } from '../../../src/zookeeper/jobs/record/trigger.state.js';
import type { StoredVerdict } from '../../../src/zookeeper/jobs/record/verdict.js';
import { ZookeeperJobStore } from '../../../src/zookeeper/jobs/persistence/zookeeper-store.js';
import type { Session, Sessions } from '../../../src/zookeeper/session/session.js';
import { systemClock } from '../../../src/zookeeper/support/clock.js';
import type { Op } from '../../../src/zookeeper/wire/operations.js';
import { ObservedSessions } from '../session/observed-sessions.js';

export const JOB = 'payouts';
export const EMPTY: JobRecord = {
  schedule: { cronTime: '* * * * * *', timeZone: 'UTC', sinceMs: undefined },
  cursor: undefined,
  running: [],
  triggers: [],
  pausedMs: undefined,
  resumedMs: undefined,
  recent: [],
  succeededMs: undefined,
  alarmedMs: undefined,
};
export const CONTROL: JobControl = { declared: [], inForce: { from: 'code', version: '1' }, audit: [] };

/**
 * A store of its own below a root of its own, and what its session has written: the bytes of paths and
 * data in its transactions.
 */
export interface StoreScene extends AsyncDisposable {
  readonly store: ZookeeperJobStore;
  readonly session: Session;
  readonly znodes: ReturnType<typeof jobZnodes>;
  /** What keeps the session. */
  readonly sessions: Sessions;
  written(): number;
}

/** What happens at certain requests of a store. */
export interface Interludes {
  /** Once for each path: before the first answer of this kind is handed on. */
  readonly afterGet?: (path: string) => Promise<void> | undefined;
  /** A removal of this node, alone or in a transaction, has been answered. */
  readonly afterRemoval?: (path: string) => void;
}

export async function openStore(connectString: string, rootPath: string, interludes: Interludes = {}): Promise<StoreScene> {
  const observed = await ObservedSessions.start(connectString);
  const session = observed.supervisor.current();
  if (session === undefined) throw new Error('There is no session.');
  let written = 0;
  const counting = new Proxy(session, {
    get: (target, key) => {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        if (key === 'multi') written += (args[0] as readonly Op[]).reduce((sum, op) => sum + sizeOf(op), 0);
        return withInterludes(key, args, (value as (...of: unknown[]) => unknown).apply(target, args));
      };
    },
  });
  const seen = new Set<string>();
  const withInterludes = (key: string | symbol, args: readonly unknown[], answer: unknown): unknown => {
    if (!(answer instanceof Promise)) return answer;
    const [path = ''] = args as readonly [string?];
    if (key === 'get' && interludes.afterGet !== undefined && !seen.has(path)) {
      seen.add(path);
      return answer.then(async (read: unknown) => (await interludes.afterGet?.(path), read));
    }
    const removals = key === 'delete' ? [path] : key === 'multi' ? removalsIn(args[0] as readonly Op[]) : [];
    return removals.length === 0 ? answer : answer.finally(() => removals.forEach((gone) => interludes.afterRemoval?.(gone)));
  };
  const sessions = withSession(observed.supervisor, counting);
  const service = 'Bank';
  return {
    store: new ZookeeperJobStore({ sessions, rootPath, service, clock: systemClock, observer: { observe: () => undefined } }),
    session,
    sessions: observed.supervisor,
    znodes: jobZnodes({ rootPath, service }),
    written: () => written,
    [Symbol.asyncDispose]: () => observed[Symbol.asyncDispose](),
  };
}

/** The same, with this one in place of its session. */
export function withSession(sessions: Sessions, session: Session): Sessions {
  return new Proxy(sessions, {
    get: (target, key) => {
      const value: unknown = key === 'current' ? () => session : Reflect.get(target, key, target);
      return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
    },
  });
}

function removalsIn(operations: readonly Op[]): string[] {
  return operations.flatMap(({ kind, path }) => (kind === 'delete' ? [path] : []));
}

function sizeOf(op: Op): number {
  return op.path.length + ('data' in op ? op.data.length : 0);
}

export function tickAt(second: number): { dueMs: number; nominalMs: number } {
  return { dueMs: second * 1_000, nominalMs: second * 1_000 };
}

export function entryOf(second: number): RunEntry {
  const run = {
    cause: 'schedule',
    starts: 1,
    startedMs: second * 1_000,
    holder: heldBy('version~00000000-0000-4000-8000-000000000000'),
  } as const;
  return { claim: `claim-${second}`, tick: tickAt(second), trigger: undefined, election: 'abcdefgh', token: 4_294_967_299n, ...run };
}

export function verdictOf(second: number, error?: string): StoredVerdict {
  const none = { reason: undefined, until: undefined, trigger: undefined, explanation: undefined } as const;
  const run = {
    cause: 'schedule',
    attempt: 1,
    startedMs: second * 1_000,
    durationMs: 1,
    by: '10.0.0.1:9090',
    token: 4_294_967_299n,
  } as const;
  return { ...none, ...run, outcome: error === undefined ? 'ran' : 'failed', tick: tickAt(second), count: 1, error };
}

export function triggerOf(id: string, change: Partial<TriggerNode> = {}): TriggerNode {
  return { id, input: { amount: 7 }, by: 'anna', atMs: 5, state: 'waiting', ...change } as TriggerNode;
}

export async function changeOf(store: JobStore, record: Partial<JobRecord>, more: Partial<Change> = {}): Promise<Change> {
  const view = viewIn(await store.load(JOB));
  if (view === undefined) throw new Error('There is no record.');
  return { view, record: { ...view.record, ...record }, verdicts: [], triggers: [], fence: undefined, ...more };
}
