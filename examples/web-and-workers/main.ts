// One process. Environment: ROLE (web or worker), PORT, ZOOKEEPER_CONNECT, SERVICE_ADDRESS (host:port of
// this process), ADMIN_TOKEN.
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module';

async function main(): Promise<void> {
  const app = await NestFactory.create(AppModule);
  app.enableShutdownHooks();
  await app.listen(Number(process.env['PORT'] ?? 3_000), '127.0.0.1');
}

void main();
