import { Body, Get, HttpCode, Inject, type OnModuleInit, Param, Post, Query, Req, Res } from '@nestjs/common';
import { BadOrderError } from '../jobs/control/errors.js';
import type { JobChange } from '../jobs/control/history.js';
import type { JobStatus } from '../jobs/control/list.js';
import type { Triggered } from '../jobs/control/trigger.js';
import type { JobVerdict } from '../jobs/control/verdicts.js';
import { isObject, received } from '../support/checks.js';
import type { Observer } from '../support/observer.js';
import { ClusterJobs } from './cluster-jobs.js';
import { OBSERVER } from '../decorators/inject.js';
import { OrderAnswer, RescheduleOrder, TriggerOrder, WhyAnswer } from './jobs-admin.dto.js';
import { ADMIN_OPTIONS, type ClusterJobsAdminOptions } from './jobs-admin.options.js';

/** What of a response tells that the client is gone. */
interface Closing {
  readonly destroyed?: boolean;
  once(event: 'close', listener: () => void): unknown;
}

/** The routes. `ClusterJobsAdminModule` makes a controller of them. */
export class ClusterJobsAdmin implements OnModuleInit {
  constructor(
    @Inject(ClusterJobs) private readonly jobs: ClusterJobs,
    @Inject(ADMIN_OPTIONS) private readonly options: ClusterJobsAdminOptions,
    @Inject(OBSERVER) private readonly observer: Observer,
  ) {}

  onModuleInit(): void {
    if (this.options.access !== undefined) return;
    const message =
      'The routes of ClusterJobsAdminModule refuse everybody (403), because forRoot has no `access`: give it a function that says who may look, and who may give orders.';
    this.observer.observe({ level: 'warn', event: 'boot.admin-closed', message });
  }

  @Get('jobs')
  list(): Promise<JobStatus[]> {
    return this.jobs.list();
  }

  @Get('jobs/:job/verdicts')
  verdicts(@Param('job') job: string, @Query('limit') limit?: string): Promise<JobVerdict[]> {
    return this.jobs.verdicts(job, limit === undefined ? {} : { limit: Number(limit) });
  }

  @Get('jobs/:job/history')
  history(@Param('job') job: string): Promise<JobChange[]> {
    return this.jobs.history(job);
  }

  @Get('jobs/:job/why')
  @Answers(WhyAnswer)
  async why(@Param('job') job: string, @Query('tick') tick: string): Promise<WhyAnswer> {
    return { why: await this.jobs.why(job, tick) };
  }

  /**
   * With `wait: 'done'` the wait for the end of the run is over when the client is gone; the run goes on. So it is
   * asked for first, and only then waited for: to give up before it has started would take it back.
   */
  @Post('jobs/:job/trigger')
  @HttpCode(200)
  @Takes(TriggerOrder)
  async trigger(
    @Param('job') job: string,
    @Body() body: Partial<TriggerOrder> | undefined,
    @Req() request: unknown,
    @Res({ passthrough: true }) response: Closing & { readonly raw?: Closing },
  ): Promise<Triggered> {
    const order = orderOf<TriggerOrder>('trigger', body, ['input', 'idempotencyKey', 'wait']);
    const by = await this.by(request);
    const wait = order.wait === 'done' ? 'accepted' : order.wait;
    const started = await this.jobs.trigger(job, { ...order, wait, by });
    if (order.wait !== 'done' || started.verdict !== undefined) return started;
    const signal = goneSignal(response.raw ?? response);
    try {
      return await this.jobs.trigger(job, { ...order, idempotencyKey: started.id, by, signal });
    } catch (thrown) {
      if (signal.aborted) return started;
      throw thrown;
    }
  }

  @Post('jobs/:job/pause')
  @HttpCode(200)
  @Answers(OrderAnswer)
  async pause(@Param('job') job: string, @Body() body: unknown, @Req() request: unknown): Promise<OrderAnswer> {
    orderOf('pause', body, []);
    return { changed: await this.jobs.pause(job, { by: await this.by(request) }) };
  }

  @Post('jobs/:job/resume')
  @HttpCode(200)
  @Answers(OrderAnswer)
  async resume(@Param('job') job: string, @Body() body: unknown, @Req() request: unknown): Promise<OrderAnswer> {
    orderOf('resume', body, []);
    return { changed: await this.jobs.resume(job, { by: await this.by(request) }) };
  }

  @Post('jobs/:job/reschedule')
  @HttpCode(200)
  @Takes(RescheduleOrder)
  @Answers(OrderAnswer)
  async reschedule(
    @Param('job') job: string,
    @Body() body: Partial<RescheduleOrder> | undefined,
    @Req() request: unknown,
  ): Promise<OrderAnswer> {
    const { cronTime, timeZone } = orderOf<RescheduleOrder>('reschedule', body, ['cronTime', 'timeZone']);
    if (cronTime === null && timeZone !== undefined)
      throw new BadOrderError('reschedule', ['a timeZone goes with a cronTime; that of the code (null) has its own']);
    // Whether there is a cronTime, and of the right kind, is seen where every command is looked at.
    const schedule = cronTime === null ? null : { cronTime: cronTime as string, ...(timeZone !== undefined && { timeZone }) };
    return { changed: await this.jobs.reschedule(job, schedule, { by: await this.by(request) }) };
  }

  private async by(request: unknown): Promise<string | undefined> {
    const by: unknown = await this.options.by?.(request);
    if (by === undefined || by === '') return undefined;
    if (typeof by !== 'string') throw new TypeError(`by of ClusterJobsAdminModule must answer a text, received ${received(by)}`);
    return by.slice(0, 100);
  }
}

/**
 * The fields of a body that a command takes. Looked at here, and not by classes: pipes of the application, which may
 * strip from a class what they do not know, leave such a body alone. Who gives the command is not for the body to say.
 * @throws {BadOrderError}
 */
function orderOf<T extends object>(method: string, body: unknown, known: readonly (keyof T & string)[]): Partial<T> {
  if (body === undefined || body === null) return {};
  const names = known.length === 0 ? 'no fields' : `the fields ${known.join(', ')}`;
  if (!isObject(body) || Array.isArray(body)) throw new BadOrderError(method, [`the body must be JSON, an object with ${names}`]);
  const unknown = Object.keys(body).filter((name) => !(known as readonly string[]).includes(name));
  if (unknown.length > 0)
    throw new BadOrderError(
      method,
      unknown.map((name) => `the body has ${received(name)}; it takes ${names}`),
    );
  // Of which types they are is seen where every command is looked at.
  return body as Partial<T>;
}

function goneSignal(response: Closing): AbortSignal {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  if (response.destroyed === true) gone.abort();
  return gone.signal;
}

/** Says what the body is, in the metadata that @nestjs/swagger reads: its type as such is left to no pipe. */
function Takes(type: object): MethodDecorator {
  return (_target, _key, { value }) =>
    Reflect.defineMetadata('swagger/apiParameters', [{ in: 'body', type, required: type === RescheduleOrder }], value as object);
}

/** Says what is answered, in the metadata that @nestjs/swagger reads. */
function Answers(type: object): MethodDecorator {
  return (_target, _key, { value }) => Reflect.defineMetadata('swagger/apiResponse', { 200: { type, description: '' } }, value as object);
}
