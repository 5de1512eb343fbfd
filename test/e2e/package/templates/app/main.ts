import { NestFactory } from '@nestjs/core';
import { AppModule, ForgetfulModule } from './app.module.js';

async function main(): Promise<void> {
  const app = await NestFactory.create(process.argv[2] === 'forgetful' ? ForgetfulModule : AppModule);
  app.enableShutdownHooks(['SIGTERM'], { useProcessExit: true });
  await app.listen(0, '127.0.0.1');
  console.log(JSON.stringify({ event: 'serving' }));
}

void main();
