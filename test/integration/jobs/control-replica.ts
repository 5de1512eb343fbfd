import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import type { ControlParts } from '../../../src/zookeeper/jobs/control/amend.js';
import { register, type Registered } from '../../../src/zookeeper/jobs/control/registration.js';
import { heldBy, type JobRecord } from '../../../src/zookeeper/jobs/record/job-record.js';
import { viewIn } from '../../../src/zookeeper/jobs/persistence/job-store.js';
import type { Declaration, JobControl } from '../../../src/zookeeper/jobs/record/job-control.js';
import { ZookeeperJobStore } from '../../../src/zookeeper/jobs/persistence/zookeeper-store.js';
import { systemClock } from '../../../src/zookeeper/support/clock.js';
import type { Admin } from '../../support/admin.js';
import { eventually } from '../../support/eventually.js';
import { ObservedSessions } from '../session/observed-sessions.js';

export const JOB = 'payouts';
export const SERVICE = 'Accounts';
export const HOURLY = { cronTime: '0 0 * * * *', timeZone: 'UTC' };

/** Where a test's replicas live, and what has to be closed after it. */
export interface Place {
  readonly connectString: string;
  readonly admin: Admin;
  readonly rootPath: string;
  readonly open: AsyncDisposable[];
}

/** A replica of one version: its session, its node among the members, and its view of the jobs. */
export class Replica {
  private constructor(
    readonly parts: ControlParts & { readonly store: ZookeeperJobStore },
    private readonly version: string,
    private readonly member: string,
    private readonly admin: Admin,
  ) {}

  static async start(version: string, { connectString, admin, rootPath, open }: Place): Promise<Replica> {
    const sessions = await ObservedSessions.start(connectString);
    open.push(sessions);
    const store = new ZookeeperJobStore({
      sessions: sessions.supervisor,
      rootPath,
      service: SERVICE,
      clock: systemClock,
      observer: { observe: () => undefined },
    });
    const member = `${rootPath}/members/${SERVICE}/version~${randomUUID()}`;
    const address = `10.0.0.1:${open.length}`;
    await admin.create(member, JSON.stringify({ address, version, scope: 'version', candidate: true, jobs: [JOB] }), 'EPHEMERAL');
    return new Replica({ store, clock: systemClock, address }, version, member, admin);
  }

  boot(change: Partial<Declaration> = {}): Promise<Registered> {
    const declaration: Declaration = {
      version: this.version,
      schedule: HOURLY,
      kind: 'cron',
      claim: 'tick',
      election: `${SERVICE}:${this.version}`,
      maxSilenceMs: undefined,
      disabled: false,
      ...change,
    };
    const { store, address, clock } = this.parts;
    return register(store, JOB, { declaration, by: address, known: { cursor: undefined, running: [] }, clock });
  }

  async stop(): Promise<void> {
    await this.admin.delete(this.member);
  }

  async record(): Promise<JobRecord> {
    const view = viewIn(await this.parts.store.load(JOB));
    if (view === undefined) throw new Error('There is no record.');
    return view.record;
  }

  async control(): Promise<JobControl> {
    const view = await this.parts.store.loadControl(JOB);
    if (view === undefined) throw new Error('There is no control node.');
    return view.control;
  }

  /** As a master starts the first trigger that waits. */
  async startTrigger(): Promise<string> {
    const { store } = this.parts;
    return eventually(
      async () => {
        const view = viewIn(await store.load(JOB));
        const [id] = view?.record.triggers ?? [];
        if (view === undefined || id === undefined) throw new Error('none waits');
        const entry = {
          claim: randomUUID(),
          tick: undefined,
          trigger: id,
          cause: 'trigger',
          starts: 1,
          startedMs: Date.now(),
          holder: heldBy('version~a'),
          election: 'e',
          token: 1n,
        } as const;
        const record = { ...view.record, triggers: view.record.triggers.filter((each) => each !== id), running: [entry] };
        const written = await store.write(JOB, { view, record, verdicts: [], triggers: [{ id, state: 'started' }], fence: undefined });
        expect(written.kind).toBe('written');
        return id;
      },
      { what: 'a trigger that waits' },
    );
  }
}
