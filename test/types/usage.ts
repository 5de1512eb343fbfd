// The public types as applications use them, and what they must refuse. Compiled against the source by this project,
// and against the tarball's declarations in the scratch applications of test/e2e/package; never run.
import type { Type } from '@nestjs/common';
import { Injectable, Module, UseGuards } from '@nestjs/common';
import { Cron, Interval, Timeout } from '@nestjs/schedule';
import {
  type AddedJobOptions,
  type AdminAccess,
  BadBarrierError,
  BadCheckpointError,
  BadCounterError,
  BadLockError,
  BadOrderError,
  BadProgressError,
  BadScheduleError,
  BadTriggerError,
  type Barrier,
  BarrierFullError,
  type BarrierName,
  Barriers,
  BarrierTimeoutError,
  type BarrierWait,
  type ChangeOptions,
  type Checkpoint,
  ClusterCronError,
  ClusterCronExceptionFilter,
  ClusterJobs,
  ClusterJobsAdminModule,
  type ClusterJobsAdminOptions,
  type ClusterMember,
  ConnectStringError,
  type Counter,
  CounterBusyError,
  type CounterFormat,
  CounterFormatError,
  type CounterName,
  type CounterOptions,
  CounterRangeError,
  Counters,
  CounterUncertainError,
  type CounterWait,
  type CreateMode,
  type CreateOptions,
  type DoubleBarrier,
  type GatherOptions,
  HookStoppedError,
  type Ids,
  type IdsOptions,
  type InterruptedPolicy,
  type JobChange,
  JobContendedError,
  JobExistsError,
  JobInUseError,
  type JobOptions,
  type JobProgress,
  JobRun,
  JobRunningError,
  JobSetupError,
  type JobStatus,
  type JobVerdict,
  type Lease,
  type Lock,
  LockBusyError,
  type LockContender,
  LockCrowdedError,
  type LockHolderView,
  LockLostError,
  type LockName,
  Locks,
  type LockSet,
  LockRevocationError,
  LocksNotReleasedError,
  type LockView,
  type LockWait,
  MasterElection,
  MasterGuard,
  type MasterGuardOptions,
  MasterOnly,
  type MasterOnlyOptions,
  type Mastership,
  MastershipLostError,
  type MisfirePolicy,
  MissingChrootError,
  type MonitorOptions,
  type NewSchedule,
  NoCodeScheduleError,
  type NodeChange,
  type NodeChildren,
  type NodeContent,
  type NodeData,
  type NodeMode,
  type NodeOptions,
  type NodeRights,
  NoEnsembleError,
  NoJobStoreError,
  NoSlotsError,
  NotCalledError,
  NotConnectedError,
  NotMasterError,
  type Observation,
  type Observer,
  OnMasterElected,
  OnMasterLost,
  type OpResult,
  OrderNotSentError,
  type OrderOptions,
  type Outcome,
  type OverlapPolicy,
  OwnNodeError,
  type ReadWriteLock,
  type RetryOptions,
  type Right,
  type RightsOptions,
  RunAbortedError,
  type RunCause,
  RunIgnoresAbortError,
  type RunLogging,
  type RunningJob,
  RunTimeoutError,
  type ScheduleSpec,
  type Semaphore,
  type SemaphoreOptions,
  type SemaphoreView,
  SessionEndedError,
  type SilenceAlarm,
  type Stat,
  type Tenure,
  TooManyTriggersError,
  type Triggered,
  TriggerInputError,
  TriggerLostError,
  TriggerNotAcceptedError,
  type TriggerOptions,
  TriggerRefusedError,
  TriggerUncertainError,
  UnboundError,
  UncomparableVersionError,
  UnfinishedResultError,
  UnknownJobError,
  UnknownReplicaError,
  UnreadableJobError,
  UnreadableNodeError,
  type VerdictReason,
  type VerdictsOptions,
  type VersionOptions,
  type WaitOptions,
  WithLock,
  type WithLockOptions,
  type WriteLock,
  type ZookeeperAuthOptions,
  ZookeeperClient,
  ZooKeeperError,
  ZookeeperModule,
  type ZookeeperModuleAsyncOptions,
  type ZookeeperModuleOptions,
  ZookeeperOptionsError,
  type ZookeeperOptionsFactory,
  type ZooKeeperReason,
} from 'nestjs-cluster-cron';
import {
  ELECTIONS,
  runJob,
  type RunJobOptions,
  TestElections,
  ZookeeperTestingModule,
  type ZookeeperTestingOptions,
  type CutOptions,
  type RestartOptions,
  startTestZookeeper,
  type TestZookeeper,
  TestZookeeperError,
  type TestZookeeperOptions,
  type TestZookeeperSession,
} from 'nestjs-cluster-cron/testing';
import {
  type LockAcquisition,
  LockStoreFullError,
  LockStoreNodeError,
  type LockStoreRegistry,
  ZookeeperLockStore,
} from 'nestjs-cluster-cron/locks';
import type { Observable } from 'rxjs';

/** Compiles when both types are the same; `any` is the same as nothing else. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : never;
function same<A, B>(_same: Same<A, B>): void {}

// ---- The module ----

export const minimal: ZookeeperModuleOptions = { connectString: 'zk:2181', service: 'S', version: '1' };
export const full: ZookeeperModuleOptions = {
  ...minimal,
  address: '10.0.0.1:9090',
  electionScope: 'service',
  candidate: false,
  sessionTimeoutMs: 10_000,
  rootPath: '/soa',
  auth: { scheme: 'digest', credentials: ['user:password'], readableBy: 'creator', parents: 'shared' },
  tls: { ca: 'certificate' },
  drainTimeoutMs: 15_000,
  maxClockSkewMs: 30_000,
  standalone: false,
  allowStandaloneInProduction: false,
};
// An option that comes from the environment may be undefined, also under exactOptionalPropertyTypes.
export const fromEnvironment: ZookeeperModuleOptions = {
  ...minimal,
  address: process.env['ADDRESS'],
  tls: undefined,
  candidate: undefined,
};
// @ts-expect-error an election has no name without `version`
export const withoutVersion: ZookeeperModuleOptions = { connectString: 'zk:2181', service: 'S' };
// @ts-expect-error misspelt options are refused
export const misspelt: ZookeeperModuleOptions = { ...minimal, sessionTimeout: 10_000 };
// @ts-expect-error there are two scopes only
export const unknownScope: ZookeeperModuleOptions = { ...minimal, electionScope: 'planet' };
// @ts-expect-error durations are numbers of milliseconds
export const textDuration: ZookeeperModuleOptions = { ...minimal, drainTimeoutMs: '15s' };
// @ts-expect-error digest is the one scheme
export const unknownScheme: ZookeeperAuthOptions = { scheme: 'sasl', credentials: [] };

@Injectable()
class OptionsFactory implements ZookeeperOptionsFactory {
  createZookeeperOptions(): ZookeeperModuleOptions {
    return minimal;
  }
}
export const asynchronous: ZookeeperModuleAsyncOptions[] = [
  { imports: [], inject: [OptionsFactory], useFactory: (factory: OptionsFactory) => factory.createZookeeperOptions() },
  { useFactory: async () => Promise.resolve(minimal) },
  { useClass: OptionsFactory },
  { useExisting: OptionsFactory },
];
// @ts-expect-error a factory must answer the module's options
export const wrongFactory: ZookeeperModuleAsyncOptions = { useFactory: () => ({ service: 'S' }) };

@Module({ imports: [ZookeeperModule.forRoot(minimal), ...asynchronous.map((options) => ZookeeperModule.forRootAsync(options))] })
export class Root {}

// ---- What is attached to methods ----

const options: MasterOnlyOptions = { name: 'send', election: undefined };
const retry: RetryOptions = { attempts: 3, backoffMs: 100, maxBackoffMs: undefined };
const misfire: MisfirePolicy = 'run-all';
const onInterrupted: InterruptedPolicy = { rerun: 2 };
const overlap: OverlapPolicy = 'queue-latest';
const jobOptions: JobOptions = { claim: 'tick', misfire, misfireWindowMs: 5_000, onInterrupted, overlap, timeoutMs: 5, retry };
export const everyOption: MasterOnlyOptions = { ...options, ...jobOptions, maxSilenceMs: 5_000 };
// An option that comes from a configuration may be undefined.
export const noOption: JobOptions = {
  claim: undefined,
  misfire: undefined,
  misfireWindowMs: undefined,
  onInterrupted: undefined,
  overlap: undefined,
  timeoutMs: undefined,
  retry: undefined,
  maxSilenceMs: undefined,
};
// @ts-expect-error ticks are claimed, or nothing is
export const unknownClaim: MasterOnlyOptions = { claim: 'cluster' };
// @ts-expect-error how often it is run again must be said
export const endlessRerun: MasterOnlyOptions = { onInterrupted: 'rerun' };
// @ts-expect-error a repetition needs a pause
export const withoutPause: MasterOnlyOptions = { retry: { attempts: 3 } };
// @ts-expect-error durations are numbers of milliseconds
export const textTimeout: MasterOnlyOptions = { timeoutMs: '5s' };

@Injectable()
export class Jobs {
  @Cron('* * * * * *')
  @MasterOnly()
  async withRun(run: JobRun): Promise<number> {
    return Promise.resolve(Number(run.fencingToken));
  }

  @MasterOnly(options)
  @Interval(1_000)
  withoutRun(): string {
    return 'sent';
  }

  @MasterOnly({ election: 'reports' })
  @Timeout(1_000)
  once(): void {}

  @MasterOnly()
  plain(account: string, amount: number): string {
    return `${account} ${amount}`;
  }

  @OnMasterElected()
  @OnMasterElected('reports')
  elected(signal: AbortSignal): boolean {
    return signal.aborted;
  }

  @OnMasterLost('reports')
  lost(): void {}

  // @ts-expect-error only methods can be gated, not properties
  @MasterOnly() property = 1;

  // @ts-expect-error misspelt options are refused
  @MasterOnly({ elections: 'reports' })
  misspelt(): void {}

  // @ts-expect-error an election's name is text
  @OnMasterElected({ election: 'reports' })
  objectHook(): void {}
}
// @ts-expect-error a class is no job
@MasterOnly()
export class NoJob {}

const guardOptions: MasterGuardOptions = { election: 'reports', exposeMaster: true };
same<ReturnType<typeof MasterGuard.with>, Type<MasterGuard>>(true);

@UseGuards(MasterGuard, MasterGuard.with(guardOptions), MasterGuard.with({}))
export class Endpoint {}
// @ts-expect-error what strangers are told must be asked for by its name
MasterGuard.with({ expose: true });

// ---- What a run sees ----

export function inRun(run: JobRun): void {
  same<typeof run.job, string>(true);
  same<typeof run.firedTime, Date>(true);
  same<typeof run.cause, RunCause>(true);
  same<RunCause, 'schedule' | 'misfire' | 'rerun' | 'trigger' | 'direct'>(true);
  same<typeof run.scheduledTime, Date | undefined>(true);
  same<typeof run.attempt, number>(true);
  same<typeof run.input, unknown>(true);
  run.progress(0.5, 'half of it');
  // @ts-expect-error how far it is must be told
  run.progress('half of it');
  same<typeof run.fencingToken, bigint>(true);
  same<typeof run.signal, AbortSignal>(true);
  same<ReturnType<typeof run.assertMaster>, void>(true);
  same<ReturnType<typeof JobRun.current>, JobRun | undefined>(true);
  same<typeof run.checkpoint, Checkpoint>(true);
  // @ts-expect-error a run's token is a fact
  run.fencingToken = 2n;
  // @ts-expect-error there may be no run around this code
  JobRun.current().assertMaster();
}

export async function resume({ checkpoint }: JobRun): Promise<void> {
  const reached = await checkpoint.get<{ position: number }>();
  same<typeof reached, { position: number } | undefined>(true);
  await checkpoint.set({ position: (reached?.position ?? 0) + 1 });
}

// ---- What the cluster has decided, and orders to it ----

const order: OrderOptions = { by: 'alice' };
const schedule: NewSchedule = { cronTime: '0 0 3 * * *', timeZone: 'Asia/Shanghai' };
const triggering: TriggerOptions = { input: { day: 1 }, idempotencyKey: 'day-1', wait: 'done', timeoutMs: 5_000, by: 'alice' };
const monitoring: MonitorOptions = { everyMs: 1_000 };
const added: AddedJobOptions = { ...jobOptions, name: 'added', cronTime: new Date(), timeZone: 'UTC', election: 'reports' };

export async function control(jobs: ClusterJobs, stop: AbortSignal): Promise<string> {
  const status: JobStatus[] = await jobs.list();
  const [running]: readonly (RunningJob | undefined)[] = status[0]?.running ?? [];
  same<RunningJob['fencingToken'], string>(true);
  same<JobVerdict['fencingToken'], string | undefined>(true);
  same<JobStatus['progress'], JobProgress | undefined>(true);
  same<ScheduleSpec['timeZone'], string>(true);
  const spec: ScheduleSpec | undefined = status[0]?.schedule;
  const triggered: Triggered = await jobs.trigger('send', { ...triggering, signal: stop });
  const verdict: JobVerdict | undefined = triggered.verdict;
  same<JobVerdict['outcome'], Outcome>(true);
  same<JobVerdict['reason'], VerdictReason | undefined>(true);
  same<typeof jobs.verdicts$, Observable<JobVerdict>>(true);
  same<ReturnType<typeof jobs.alarms$>, Observable<SilenceAlarm>>(true);
  const paused: boolean = await jobs.pause('send', order);
  await jobs.resume('send');
  await jobs.reschedule('send', schedule, order);
  await jobs.reschedule('send', null);
  // @ts-expect-error whether it has a new schedule, or that of the code, must be said
  await jobs.reschedule('send');
  await jobs.resetClaim('send');
  const changes: JobChange[] = await jobs.history('send');
  jobs.alarms$(monitoring).subscribe((alarm) => alarm.silentSince.getTime());
  jobs.jobs$().subscribe((all) => all.length);
  jobs.add(added, (run) => run.signal);
  // @ts-expect-error a job has a schedule
  jobs.add({ name: 'added' }, () => undefined);
  await jobs.remove('added');
  const [last] = await jobs.verdicts('send', { limit: 1 });
  return `${changes[0]?.at.getTime()} ${running?.attempt} ${spec?.cronTime} ${verdict?.outcome} ${last?.count} ${paused} ${await jobs.why('send', new Date())}`;
}

export function refused(thrown: unknown): string | undefined {
  if (thrown instanceof UnknownJobError) return thrown.similar.join();
  if (thrown instanceof TriggerNotAcceptedError || thrown instanceof TriggerRefusedError || thrown instanceof TriggerLostError)
    return thrown.trigger;
  if (thrown instanceof JobInUseError) return thrown.replicas.join();
  if (thrown instanceof BadOrderError) return `${thrown.method}: ${thrown.problems.join()}`;
  for (const kind of [UnreadableJobError, NoSlotsError, NoCodeScheduleError, JobContendedError, OrderNotSentError, TooManyTriggersError])
    if (thrown instanceof kind) return thrown.job;
  for (const kind of [BadScheduleError, BadTriggerError, JobExistsError, NoJobStoreError, TriggerInputError, TriggerUncertainError])
    if (thrown instanceof kind) return thrown.code;
  for (const kind of [JobRunningError, UnfinishedResultError]) if (thrown instanceof kind) return thrown.code;
  return undefined;
}

// ---- Who is master ----

export async function elections(election: MasterElection): Promise<void> {
  same<ReturnType<typeof election.isMaster>, boolean>(true);
  same<ReturnType<typeof election.mastership$>, Observable<Mastership>>(true);
  const master = await election.master('reports');
  // @ts-expect-error nobody may be master
  master.address.split(':');
  same<typeof master, { readonly address: string; readonly isThis: boolean } | undefined>(true);
  await election.resign();
  await election.transferTo('10.0.0.2:9090', 'reports');
  // @ts-expect-error somebody must be named
  await election.transferTo();
}

/** Every state is told apart by `kind`, and a new one would have to be added here. */
export function inWords(mastership: Mastership): string {
  switch (mastership.kind) {
    case 'observing':
    case 'electing':
      return mastership.why;
    case 'standby':
      return mastership.master;
    case 'waiting':
      return tenureOf(mastership.tenure);
    case 'master':
    case 'doubtful':
    case 'draining':
      return `${tenureOf(mastership.tenure)} for ${leaseMs(mastership.lease)} ms`;
  }
}
const tenureOf = (tenure: Tenure): string => String(tenure.token + 1n);
const leaseMs = (lease: Lease): number => lease.lengthMs;

// ---- Who is there, and how orders wait ----

export async function company(election: MasterElection, jobs: ClusterJobs, signal: AbortSignal): Promise<string[]> {
  const wait: WaitOptions = { timeoutMs: 5_000, signal };
  await jobs.ready(wait);
  const newest: VerdictsOptions = { ...wait, limit: 10 };
  await jobs.verdicts('payouts', newest);
  const members: readonly ClusterMember[] = await election.members('reports', { signal });
  await election.master(undefined, { signal });
  await election.transferTo('10.0.0.2:9090', undefined, { signal });
  await election.resign('reports', { signal });
  return members.map(({ address, version, candidate, since, holds, rank, isThis }) =>
    [address, version, candidate, since.toISOString(), holds.join(), rank?.toFixed(), isThis].join(' '),
  );
}

export const logRuns: RunLogging = 'seldom';
const access: AdminAccess = 'read-only';
const admin: ClusterJobsAdminOptions = { access: () => access };

@Module({ imports: [ClusterJobsAdminModule.forRoot(admin)], providers: [ClusterCronExceptionFilter] })
export class AdminApp {}

// ---- What can go wrong ----

export function errors(thrown: unknown): string | undefined {
  if (thrown instanceof NotMasterError) return thrown.master;
  if (thrown instanceof MastershipLostError) return `${thrown.election} ${String(thrown.token + 1n)}`;
  if (thrown instanceof UnknownReplicaError) return thrown.known.join();
  if (thrown instanceof ZookeeperOptionsError || thrown instanceof JobSetupError) return thrown.problems.join();
  if (thrown instanceof RunIgnoresAbortError) return thrown.election;
  for (const kind of [
    BadCheckpointError,
    BadProgressError,
    HookStoppedError,
    NotCalledError,
    RunAbortedError,
    RunTimeoutError,
    UnboundError,
  ])
    if (thrown instanceof kind) return thrown.code;
  for (const kind of [JobRunningError, UnfinishedResultError]) if (thrown instanceof kind) return thrown.code;
  for (const kind of [ConnectStringError, MissingChrootError, NotConnectedError, UncomparableVersionError, UnreadableNodeError])
    if (thrown instanceof kind) return thrown.code;
  if (thrown instanceof SessionEndedError) return String(thrown.sessionId + 1n);
  if (thrown instanceof ZooKeeperError) return thrown.outcomeUnknown ? reasonInWords(thrown.reason) : undefined;
  return thrown instanceof ClusterCronError ? thrown.message : undefined;
}

const reasonInWords = (reason: ZooKeeperReason): string => reason.replaceAll('-', ' ');

export const observer: Observer = {
  observe: ({ level, event, message, fields }: Observation) => console.log(level, event, message, fields),
};

// ---- The testing kit ----

export async function testing(jobs: Jobs, module: { overrideProvider(token: symbol): unknown }): Promise<void> {
  const kit: ZookeeperTestingOptions = { master: true, otherAddress: 'other:1', drainTimeoutMs: 100 };
  const run: RunJobOptions = {
    fencingToken: 7n,
    firedTime: new Date(),
    scheduledTime: new Date(),
    cause: 'rerun',
    attempt: 2,
    input: { day: 1 },
    checkpoint: { position: 5 },
    onCheckpoint: (value) => String(value),
    onProgress: (fraction) => fraction.toFixed(),
    lost: AbortSignal.abort(),
  };
  ZookeeperTestingModule.forRoot(kit);
  // @ts-expect-error a test says who is master
  ZookeeperTestingModule.forRoot({});
  const number = await runJob(jobs, 'withRun', run);
  same<typeof number, number>(true);
  const text = await runJob(jobs, 'withoutRun');
  same<typeof text, string>(true);
  // @ts-expect-error the instance has no such method
  await runJob(jobs, 'absent');
  new TestElections({ master: false }).setMaster(true, 'reports');
  module.overrideProvider(ELECTIONS);
}

const COUNTER_OPTIONS: CounterOptions = { format: 'int64' };
const IDS_OPTIONS: IdsOptions = { block: 100, prefix: 'INV-' };

@Injectable()
export class Numbers {
  private readonly total: Counter<bigint>;
  private readonly stock: Counter<number>;
  private readonly ids: Ids;

  constructor(counters: Counters, name: CounterName, format: CounterFormat) {
    this.total = counters.counter('total');
    this.stock = counters.counter({ path: '/shop/stock' }, { format: 'int32' });
    this.ids = counters.ids(name, IDS_OPTIONS);
    same<typeof COUNTER_OPTIONS.format, CounterFormat | undefined>(true);
    if (format === 'text') counters.counter('total', { format });
    // @ts-expect-error there is no such format
    counters.counter('total', { format: 'float' });
  }

  async count(wait: CounterWait): Promise<string> {
    const total = await this.total.add(5, wait);
    same<typeof total, bigint>(true);
    const stock = await this.stock.decrement();
    same<typeof stock, number>(true);
    await this.stock.set(10n);
    if (await this.total.compareAndSet(total, 0)) await this.total.increment({ waitMs: 1_000 });
    // @ts-expect-error numbers are whole
    await this.total.add('1');
    const id = await this.ids.next(wait);
    same<typeof id, bigint>(true);
    return `${this.total.name} ${this.ids.name} ${await this.ids.nextName()} ${await this.total.get()}`;
  }

  describe(thrown: unknown): string {
    if (thrown instanceof CounterUncertainError) return thrown.why;
    if (thrown instanceof CounterBusyError) return `${thrown.counter} ${thrown.why}`;
    if (thrown instanceof CounterRangeError) return `${thrown.value - thrown.max} ${thrown.min}`;
    if (thrown instanceof CounterFormatError) return `${thrown.path} ${thrown.problem}`;
    return thrown instanceof BadCounterError ? thrown.problem : '';
  }
}

const LOCK_OPTIONS: WithLockOptions = { onBusy: 'wait', waitMs: 5_000 };

@Injectable()
export class Bookings {
  constructor(private readonly locks: Locks) {}

  @WithLock((account: string) => `account-${account}`, { onBusy: 'skip', waitMs: 0 })
  async book(account: string, amount: number): Promise<string> {
    return account + amount.toFixed();
  }

  @WithLock({ path: '/billing/ledger' }, LOCK_OPTIONS)
  async close(): Promise<void> {}

  // @ts-expect-error the name is made of arguments that the method does not have
  @WithLock((account: number) => `account-${account}`)
  async misnamed(account: string): Promise<string> {
    return account;
  }

  // @ts-expect-error only async methods can hold a lock
  @WithLock('ledger')
  notAsync(): void {}

  async ledger(wait: LockWait): Promise<LockView> {
    const name: LockName = 'ledger';
    await using held: Lock = await this.locks.acquire(name, wait);
    held.assertHeld();
    same<typeof held.fencingToken, bigint>(true);
    same<typeof held.held, boolean>(true);
    held.signal.throwIfAborted();
    const maybe = await this.locks.tryAcquire(name);
    same<typeof maybe, Lock | undefined>(true);
    await maybe?.release();
    const answer = await this.locks.withLock(name, ({ fencingToken }) => fencingToken, { waitMs: 5_000 });
    same<typeof answer, bigint>(true);
    // @ts-expect-error a wait is a number of milliseconds
    await this.locks.acquire(name, { waitMs: '5s' });
    const set: LockSet = await this.locks.acquireAll(['a', { path: '/b' }], wait);
    same<typeof set.locks, readonly Lock[]>(true);
    set.assertHeld();
    if (set.held && !set.signal.aborted) await set.release();
    const lock: ReadWriteLock = this.locks.readWrite({ path: '/b' });
    const writer: WriteLock = await lock.write(wait);
    same<Awaited<ReturnType<WriteLock['downgrade']>>, Lock>(true);
    await (await writer.downgrade()).release();
    await (await lock.read()).release();
    same<Awaited<ReturnType<ReadWriteLock['tryWrite']>>, WriteLock | undefined>(true);
    await (await lock.tryRead())?.release();
    await (await lock.tryWrite())?.release();
    await lock.withRead(({ fencingToken }) => fencingToken, { waitMs: 1 });
    await lock.withWrite(({ held: isHeld }) => isHeld, { waitMs: 1 });
    // @ts-expect-error a reader cannot become a writer
    (await lock.read()).downgrade();
    await using inner: Lock = held.reenter();
    same<typeof inner.revocationRequested, AbortSignal>(true);
    same<number, Awaited<ReturnType<Locks['requestRevocation']>>>(true);
    const options: SemaphoreOptions = { permits: 3 };
    const semaphore: Semaphore = this.locks.semaphore('exports', options);
    semaphore.resize(semaphore.permits + 1);
    const permit: Lock = await semaphore.acquire(wait);
    await permit.release();
    const permits: LockSet = await semaphore.acquireMany(2, { waitMs: 1 });
    await permits.release();
    await (await semaphore.tryAcquire())?.release();
    await semaphore.withPermit(({ signal }) => signal.throwIfAborted(), wait);
    const { heldCount, waitingCount, holders: permitHolders }: SemaphoreView = await semaphore.inspect();
    same<typeof permitHolders, readonly LockContender[]>(true);
    same<typeof heldCount, typeof waitingCount>(true);
    const view = await this.locks.inspect(name);
    const holders: readonly LockHolderView[] = view.holders;
    same<(typeof holders)[0]['token'], bigint | undefined>(true);
    same<LockContender['shares'], boolean>(true);
    same<LockContender['node'], string>(true);
    const waiting: readonly LockContender[] = view.waiting;
    return { ...view, waiting };
  }

  describe(thrown: unknown): string {
    if (thrown instanceof LockBusyError) return `${thrown.lock} ${thrown.waitedMs.toFixed()} ${thrown.holder ?? ''}`;
    if (thrown instanceof LockLostError) return thrown.why;
    if (thrown instanceof LockRevocationError) return thrown.lock;
    if (thrown instanceof LocksNotReleasedError) return `${thrown.locks.join()} ${thrown.of.toFixed()}`;
    if (thrown instanceof LockCrowdedError) return (thrown.waiting - thrown.limit).toFixed();
    return thrown instanceof BadLockError ? thrown.problem : '';
  }
}

@Injectable()
export class Inventory {
  constructor(private readonly client: ZookeeperClient) {}

  async write(data: NodeData, mode: CreateMode): Promise<readonly OpResult[]> {
    const rights: readonly Right[] = [{ scheme: 'world', id: 'anyone', may: ['read'] }];
    const making: CreateOptions = { mode, rights, parents: true, ownNodes: false, waitMs: 5_000, signal: AbortSignal.abort() };
    const path = await this.client.create('/inventory/item', data, making);
    const where: NodeOptions = { waitMs: 0 };
    const content: NodeContent = await this.client.get(path, where);
    const version: VersionOptions = { version: content.stat.version };
    const stat: Stat = await this.client.set(path, 'two', version);
    same<typeof stat.czxid, bigint>(true);
    const children: NodeChildren = await this.client.children(path);
    await this.client.sync(path);
    const changes: readonly NodeChange[] = [
      { kind: 'create', path: `${path}/${children.names.length}`, mode: 'ephemeral-sequential' },
      { kind: 'check', path, version: 0 },
    ];
    const all: ChangeOptions = { ownNodes: true };
    const seen = await this.client.exists(path);
    same<typeof seen, Stat | undefined>(true);
    await this.client.delete(path, version);
    const container: NodeMode = 'container';
    await this.client.create('/x', '', { mode: container });
    const read: NodeRights = await this.client.rights(path);
    const ofRights: RightsOptions = { version: read.stat.aversion };
    same<typeof stat, Stat>(true);
    await this.client.setRights(path, [...read.rights, ...rights], ofRights);
    // @ts-expect-error there is no such mode
    await this.client.create('/x', '', { mode: 'ttl' });
    // @ts-expect-error containers are made one by one
    await this.client.multi([{ kind: 'create', path: '/x', mode: 'container' }]);
    return this.client.multi(changes, all);
  }

  async watch(signal: AbortSignal): Promise<void> {
    for await (const content of this.client.watch('/inventory', { signal })) same<typeof content, NodeContent | undefined>(true);
    for await (const children of this.client.watchChildren('/inventory')) same<typeof children, NodeChildren | undefined>(true);
  }

  isMistake(thrown: unknown): boolean {
    return thrown instanceof NoEnsembleError || (thrown instanceof OwnNodeError && thrown.path !== '');
  }
}

@Injectable()
export class Steps {
  constructor(private readonly barriers: Barriers) {}

  async together(signal: AbortSignal): Promise<void> {
    const wait: BarrierWait = { waitMs: 1_000, signal };
    const name: BarrierName = { path: '/shared/barrier' };
    const barrier: Barrier = this.barriers.barrier(name);
    await barrier.set();
    await barrier.wait(wait);
    await barrier.open(wait);
    const options: GatherOptions = { members: 3, ...wait };
    await this.barriers.gather('nightly', options);
    // @ts-expect-error a gathering has a number of members
    await this.barriers.gather('nightly', wait);
    const double: DoubleBarrier = this.barriers.double('merge', 2);
    await double.enter(wait);
    await double.leave(wait);
  }

  whatNow(thrown: unknown): string {
    if (thrown instanceof BarrierTimeoutError) return `${thrown.barrier}: ${thrown.missing} after ${thrown.waitedMs}`;
    if (thrown instanceof BarrierFullError) return `${thrown.barrier} has ${thrown.members}`;
    return thrown instanceof BadBarrierError ? thrown.problem : '';
  }
}

/** As `@nestjs/locks` has it. */
@Injectable()
export class LocksStorage implements LockStoreRegistry {
  registerSource(store: {
    acquire(key: string, owner: string, ttl: number): Promise<{ acquired: true; fencingToken: number } | { acquired: false }>;
    renew(key: string, owner: string, ttl: number): Promise<boolean>;
    release(key: string, owner: string): Promise<boolean>;
  }): void {
    void store;
  }
}

@Module({ providers: [LocksStorage, ZookeeperLockStore.registeredIn(LocksStorage)] })
export class LockStoreModule {}

export async function lockStore(store: ZookeeperLockStore): Promise<boolean> {
  const answer: LockAcquisition = await store.acquire('key', 'owner', 30_000);
  if (answer.acquired) same<typeof answer.fencingToken, number>(true);
  // @ts-expect-error durations are numbers
  await store.renew('key', 'owner', '30s');
  // @ts-expect-error a store is registered with what takes one
  ZookeeperLockStore.registeredIn(LockStoreModule);
  return store.release('key', 'owner');
}

export function whyNotTaken(thrown: unknown): string {
  if (thrown instanceof LockStoreFullError) return `${thrown.keys} of ${thrown.limit}`;
  return thrown instanceof LockStoreNodeError ? `${thrown.key} ${thrown.path}` : '';
}

export async function testZookeeper(): Promise<void> {
  const options: TestZookeeperOptions = {
    host: '127.0.0.1',
    port: 2181,
    directory: '/tmp/zookeeper',
    tickTimeMs: 100,
    minSessionTimeoutMs: 200,
    maxSessionTimeoutMs: 60_000,
    maxFrameBytes: 1 << 20,
    maxConnections: 100,
    containerCheckMs: 1_000,
    time: 'manual',
    childProcess: false,
    log: (line) => line.trim(),
  };
  await using zookeeper: TestZookeeper = await startTestZookeeper(options);
  const connect: Pick<ZookeeperModuleOptions, 'connectString'> = zookeeper;
  const sessions: readonly TestZookeeperSession[] = await zookeeper.sessions();
  const owner = await zookeeper.ownerOf('/soa/master/services/S:1');
  same<typeof owner, bigint | undefined>(true);
  if (owner !== undefined) await zookeeper.expire(owner);
  // @ts-expect-error a session is named by its id
  await zookeeper.expire('0x1');
  const cut: CutOptions = { session: sessions[0]?.id ?? 0n, direction: 'to-server' };
  await zookeeper.cut(cut);
  await zookeeper.heal();
  const kept: RestartOptions = { keep: 'older' };
  await zookeeper.restart(kept);
  // @ts-expect-error a restart says what is kept
  await zookeeper.restart();
  const failure = new TestZookeeperError('why');
  same<typeof failure.code, string>(true);
  const data = await zookeeper.read(connect.connectString ?? '/');
  same<typeof data, Buffer | undefined>(true);
}
