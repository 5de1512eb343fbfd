import type { INestApplication, LoggerService, ModuleMetadata } from '@nestjs/common';
import { SchedulerRegistry } from '@nestjs/schedule';
import { Test } from '@nestjs/testing';

/** Keeps what is logged, one entry per call. */
export class RecordingLogger implements LoggerService {
  readonly lines: string[] = [];

  log(message: unknown): void {
    this.lines.push(`log ${String(message)}`);
  }
  warn(message: unknown): void {
    this.lines.push(`warn ${String(message)}`);
  }
  debug(message: unknown): void {
    this.lines.push(`debug ${String(message)}`);
  }
  error(message: unknown, stack?: unknown): void {
    this.lines.push(`error ${String(message)} ${typeof stack === 'string' ? stack : ''}`);
  }

  with(text: string): string[] {
    return this.lines.filter((line) => line.includes(text));
  }
}

export interface Running {
  readonly app: INestApplication;
  readonly log: RecordingLogger;
}

const open = new Set<INestApplication>();

/** Boots an application; `closeAll` ends it, whatever the test did. */
export async function boot(metadata: ModuleMetadata): Promise<Running> {
  const log = new RecordingLogger();
  const module = await Test.createTestingModule(metadata).setLogger(log).compile();
  const app = module.createNestApplication({ logger: log });
  open.add(app);
  await app.init();
  return { app, log };
}

export async function closeAll(): Promise<void> {
  for (const app of open) await app.close().catch(() => undefined);
  open.clear();
}

/** What @nestjs/schedule does when the schedule of this name is due. */
export async function fire(app: INestApplication, cronName: string): Promise<void> {
  await app.get(SchedulerRegistry, { strict: false }).getCronJob(cronName).fireOnTick();
}
