import {
  type ArgumentMetadata,
  type CanActivate,
  type ExecutionContext,
  Injectable,
  type PipeTransform,
  UnauthorizedException,
} from '@nestjs/common';
import { APP_GUARD, APP_PIPE } from '@nestjs/core';
import { Cron, ScheduleModule } from '@nestjs/schedule';
import { afterEach, describe, expect, it } from 'vitest';
import {
  type AdminAccess,
  ClusterJobs,
  ClusterJobsAdminModule,
  type ClusterJobsAdminOptions,
  type JobRun,
  MasterElection,
  MasterOnly,
  ZookeeperModule,
} from '../../../src/index.js';
import { ClusterJobsAdmin } from '../../../src/zookeeper/api/jobs-admin.controller.js';
import { RescheduleOrder, TriggerOrder } from '../../../src/zookeeper/api/jobs-admin.dto.js';
import { deferred, eventually } from '../../support/eventually.js';
import { startServer } from '../../support/zookeeper.js';
import { boot, closeAll, type Running } from './app.js';

let held = deferred<void>();
let begun = deferred<void>();
const inputs: unknown[] = [];

afterEach(async () => {
  held.resolve();
  await closeAll();
  held = deferred<void>();
  begun = deferred<void>();
  inputs.length = 0;
});

@Injectable()
class Payouts {
  @Cron('0 0 5 1 1 *', { name: 'payouts', timeZone: 'UTC' })
  @MasterOnly()
  async pay({ input }: JobRun): Promise<unknown> {
    inputs.push(input);
    begun.resolve();
    if (input === 'hold') await held.promise;
    return { paid: input };
  }
}

interface Request {
  readonly headers: Readonly<Record<string, string | undefined>>;
  user?: string | undefined;
}

/** As an application would have one: puts there who asks. */
@Injectable()
class WhoAsks implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<Request>();
    request.user = request.headers['x-user'];
    return true;
  }
}

/**
 * As Nest's ValidationPipe with `whitelist: true`: strips from the body what its class does not
 * declare for class-validator.
 */
class Whitelist implements PipeTransform {
  transform(value: unknown, { type, metatype }: ArgumentMetadata): unknown {
    return type === 'body' && metatype !== undefined && metatype !== Object ? {} : value;
  }
}

const OPEN: ClusterJobsAdminOptions = {
  access: ({ user }: Request) => (user === 'anna' ? 'all' : user === 'bob' ? 'read-only' : false),
  by: ({ user }: Request) => user,
};

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

interface Admin extends Running {
  readonly url: string;
  ask(user: string, method: string, path: string, body?: unknown): Promise<Answer>;
}

async function serve(
  admin: ClusterJobsAdminOptions | undefined,
  where: { readonly standalone: true } | { readonly connectString: string } = { standalone: true },
): Promise<Admin> {
  const running = await boot({
    imports: [
      ScheduleModule.forRoot(),
      ZookeeperModule.forRoot({ service: 'Admin', version: '1.0', address: '10.0.0.1:10', ...where }),
      admin === undefined ? ClusterJobsAdminModule.forRoot() : ClusterJobsAdminModule.forRoot(admin),
    ],
    providers: [Payouts, { provide: APP_GUARD, useClass: WhoAsks }, { provide: APP_PIPE, useClass: Whitelist }],
  });
  await running.app.listen(0, '127.0.0.1');
  const url = `${await running.app.getUrl()}/${admin?.path ?? 'cluster-jobs'}`;
  const ask = async (user: string, method: string, path: string, body?: unknown): Promise<Answer> => {
    const headers = { 'x-user': user, ...(body !== undefined && { 'content-type': 'application/json' }) };
    const response = await fetch(`${url}/${path}`, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
    return { status: response.status, body: await response.json() };
  };
  await running.app.get(ClusterJobs).ready();
  return { ...running, url, ask };
}

const READS = ['jobs', 'jobs/payouts/verdicts', 'jobs/payouts/history', 'jobs/payouts/why?tick=2026-11-21T05:00:00Z'];
const ORDERS = ['trigger', 'pause', 'resume', 'reschedule'].map((order) => `jobs/payouts/${order}`);

describe('who may do what', () => {
  it('is nobody, and nothing, without access; boot says so', async () => {
    const { ask, log, app } = await serve(undefined);
    const answers = [...READS.map((path) => ask('anna', 'GET', path)), ...ORDERS.map((path) => ask('anna', 'POST', path, {}))];
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual(answers.map(() => 403));
    expect(log.with('event=boot.admin-closed')).toEqual([expect.stringMatching(/^warn .*refuse everybody/)]);
    expect(await app.get(ClusterJobs).history('payouts')).toEqual([]);
  });

  it('is to look, with read-only, and to give orders, with all', async () => {
    const { ask, log } = await serve(OPEN);
    expect(log.with('event=boot.admin-closed')).toEqual([]);
    for (const path of READS) expect((await ask('bob', 'GET', path)).status).toBe(200);
    for (const path of ORDERS) expect((await ask('bob', 'POST', path, {})).status).toBe(403);
    for (const path of READS) expect((await ask('eve', 'GET', path)).status).toBe(403);
    expect(inputs).toEqual([]);
    expect(await ask('anna', 'POST', 'jobs/payouts/pause')).toEqual({ status: 200, body: { changed: true } });
  });

  it.each([true, 'ALL', 'all ', undefined, {}])('is nothing where access answers %j', async (answer) => {
    const { ask } = await serve({ access: () => answer as 'all' });
    expect((await ask('anna', 'GET', 'jobs')).status).toBe(403);
  });

  it('is what a promise says, and what access throws is answered', async () => {
    const { ask } = await serve({
      access: async ({ user }: Request): Promise<AdminAccess> => {
        await Promise.resolve();
        if (user === 'eve') throw new UnauthorizedException();
        return 'all';
      },
    });
    expect((await ask('eve', 'GET', 'jobs')).status).toBe(401);
    expect((await ask('anna', 'GET', 'jobs')).status).toBe(200);
  });

  it('is not taken from options that nobody knows', () => {
    expect(() => ClusterJobsAdminModule.forRoot({ acces: () => 'all', path: '' } as object)).toThrow(
      /no option "acces" \(known: path, access, by\); path must be/,
    );
    expect(() => ClusterJobsAdminModule.forRoot({ access: 'all' } as object)).toThrow(/access must be a function/);
  });
});

describe('the routes', () => {
  it('give orders as ClusterJobs does, in the name of who asks, below another path', async () => {
    const { ask, url } = await serve({ ...OPEN, path: 'internal/jobs-admin' });
    expect(url).toMatch(/internal\/jobs-admin$/);
    const triggered = await ask('anna', 'POST', 'jobs/payouts/trigger', { input: { invoice: 7 }, idempotencyKey: 'i7', wait: 'done' });
    const by = 'anna at 10.0.0.1:10';
    expect(triggered).toMatchObject({
      status: 200,
      body: { id: 'i7', verdict: { outcome: 'ran', triggeredBy: by }, result: { paid: { invoice: 7 } } },
    });
    expect(inputs).toEqual([{ invoice: 7 }]);
    expect(await ask('anna', 'POST', 'jobs/payouts/trigger')).toMatchObject({ status: 200, body: { id: expect.any(String) } });
    expect(await ask('anna', 'POST', 'jobs/payouts/pause')).toMatchObject({ body: { changed: true } });
    expect(await ask('anna', 'POST', 'jobs/payouts/pause', {})).toMatchObject({ body: { changed: false } });
    expect(await ask('anna', 'POST', 'jobs/payouts/resume', {})).toMatchObject({ body: { changed: true } });
    const schedule = { cronTime: '0 0 6 * * *', timeZone: 'Europe/Berlin' };
    expect(await ask('anna', 'POST', 'jobs/payouts/reschedule', schedule)).toMatchObject({ status: 200, body: { changed: true } });
    expect(await ask('anna', 'GET', 'jobs')).toMatchObject({ body: [{ job: 'payouts', schedule: { ...schedule, from: 'control' } }] });
    expect(await ask('anna', 'POST', 'jobs/payouts/reschedule', { cronTime: null })).toMatchObject({ body: { changed: true } });
    const history = (await ask('bob', 'GET', 'jobs/payouts/history')).body as readonly { readonly by: string }[];
    expect(history.map((each) => each.by)).toEqual(history.map(() => by));
    expect(history).toHaveLength(6);
    expect(await ask('bob', 'GET', 'jobs/payouts/verdicts?limit=1')).toMatchObject({ status: 200, body: [{ outcome: 'ran' }] });
    expect(await ask('bob', 'GET', 'jobs/payouts/why?tick=2026-11-21T05:00:00Z')).toMatchObject({
      body: { why: expect.stringMatching(/^Not a tick|^The/) },
    });
  });

  it.each([
    ['trigger', { wait: 'later' }, 400, /wait/],
    ['trigger', { by: 'somebody else' }, 400, /"by"/],
    ['trigger', { timeoutMs: 1 }, 400, /"timeoutMs"/],
    ['trigger', ['input'], 400, /must be JSON, an object/],
    ['pause', { force: true }, 400, /"force"/],
    ['reschedule', {}, 400, /cronTime/],
    ['reschedule', { cronTime: '99 * * * * *' }, 400, /99/],
    ['reschedule', { cronTime: null, timeZone: 'UTC' }, 400, /timeZone/],
  ])('refuse %s with %j, and do nothing', async (order, body, status, message) => {
    const { ask, app } = await serve(OPEN);
    expect(await ask('anna', 'POST', `jobs/payouts/${order}`, body)).toMatchObject({
      status,
      body: { statusCode: status, code: expect.stringMatching(/^ZK_BAD/), message: expect.stringMatching(message) },
    });
    expect(inputs).toEqual([]);
    expect(await app.get(ClusterJobs).history('payouts')).toEqual([]);
  });

  it.each([
    ['trigger', TriggerOrder, false],
    ['reschedule', RescheduleOrder, true],
  ] as const)('tell tools for OpenAPI which fields a body of %s has: those that it takes', async (order, type, required) => {
    // As @nestjs/swagger reads it, where an application has that.
    const method: unknown = Reflect.get(ClusterJobsAdmin.prototype, order);
    expect(Reflect.getMetadata('swagger/apiParameters', method as object)).toEqual([{ in: 'body', type, required }]);
    const { ask } = await serve(OPEN);
    const { body } = await ask('anna', 'POST', `jobs/payouts/${order}`, { nobody: 1 });
    const { _OPENAPI_METADATA_FACTORY: describedBy } = type;
    const fields = Object.keys(describedBy()).join(', ');
    expect(body).toMatchObject({ message: expect.stringContaining(`it takes the fields ${fields}. `) });
  });

  it('answer with the status of an error', async () => {
    const { ask } = await serve(OPEN);
    expect(await ask('anna', 'POST', 'jobs/payout/pause')).toMatchObject({ status: 404, body: { code: 'ZK_UNKNOWN_JOB' } });
    expect(await ask('anna', 'GET', 'jobs/payouts/verdicts?limit=x')).toMatchObject({ status: 400, body: { code: 'ZK_BAD_ORDER' } });
    expect(await ask('anna', 'GET', 'jobs/payouts/why')).toMatchObject({ status: 400, body: { code: 'ZK_BAD_ORDER' } });
    await ask('anna', 'POST', 'jobs/payouts/trigger', { input: 'hold' });
    expect(await ask('anna', 'POST', 'jobs/payouts/trigger', {})).toMatchObject({ status: 409, body: { code: 'ZK_TRIGGER_REFUSED' } });
  });

  it('end the wait for a run when the client goes away, and the run goes on', async () => {
    const { url, app, log } = await serve(OPEN);
    const client = new AbortController();
    const jobs = app.get(ClusterJobs);
    const waits: (AbortSignal | undefined)[] = [];
    const trigger = jobs.trigger.bind(jobs);
    jobs.trigger = (job, options) => (waits.push(options?.signal), trigger(job, options));
    const headers = { 'x-user': 'anna', 'content-type': 'application/json' };
    const body = JSON.stringify({ input: 'hold', idempotencyKey: 'i8', wait: 'done' });
    const asked = fetch(`${url}/jobs/payouts/trigger`, { method: 'POST', headers, body, signal: client.signal });
    await begun.promise;
    await eventually(() => expect(waits).toHaveLength(2), { what: 'the wait for the end' });
    client.abort();
    await expect(asked).rejects.toThrow(/abort/i);
    await eventually(() => expect(waits.at(-1)?.aborted).toBe(true), { what: 'the end of the wait' });
    held.resolve();
    await eventually(async () => expect(await jobs.verdicts('payouts')).toMatchObject([{ outcome: 'ran', trigger: 'i8' }]), {
      what: 'the verdict',
    });
    expect(inputs).toEqual(['hold']);
    expect(log.lines.filter((line) => line.startsWith('error'))).toEqual([]);
  });
});

it('serves the jobs of a real ensemble', async () => {
  const server = await startServer();
  try {
    const { ask, app } = await serve(OPEN, { connectString: server.connectString });
    await eventually(() => expect(app.get(MasterElection).isMaster()).toBe(true), { what: 'the master' });
    const order = { input: 7, idempotencyKey: 'i7', wait: 'done' };
    const answer = { status: 200, body: { id: 'i7', result: { paid: 7 }, verdict: { triggeredBy: 'anna at 10.0.0.1:10' } } };
    expect(await ask('anna', 'POST', 'jobs/payouts/trigger', order)).toMatchObject(answer);
    expect(await ask('anna', 'POST', 'jobs/payouts/trigger', order)).toMatchObject(answer);
    expect(inputs).toEqual([7]);
    expect(await ask('bob', 'GET', 'jobs/payouts/verdicts')).toMatchObject({ body: [{ outcome: 'ran', trigger: 'i7' }] });
    await closeAll();
  } finally {
    await server.dispose();
  }
});
