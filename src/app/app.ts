import { ConsoleLogger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type MicroserviceOptions, Transport } from '@nestjs/microservices';

import { readConfig } from './app.config.js';
import { AppModule } from './app.module.js';

/**
 * Starts the account service: HTTP on `PORT`, and TCP messages on `SERVICE_ADDRESS`, which is also what the master's
 * node in ZooKeeper says. SIGTERM and SIGINT drain the jobs, resign and exit with code 0.
 *
 * @throws ConfigError with every problem of the environment, before anything listens.
 */
export async function startApp(): Promise<void> {
  const config = readConfig();
  const app = await NestFactory.create(AppModule.forRoot(config), {
    logger: new ConsoleLogger({ json: config.logFormat === 'json', flattenParams: true }),
    // The caller prints the error and sets the exit code; Nest's own way is process.abort().
    abortOnError: false,
    // Kept-alive HTTP connections must not hold up the shutdown.
    forceCloseConnections: true,
  });
  app.enableShutdownHooks(['SIGTERM', 'SIGINT'], { useProcessExit: true });
  app.connectMicroservice<MicroserviceOptions>({
    transport: Transport.TCP,
    options: { host: config.listenHost, port: config.servicePort },
  });
  // First the advertised address, then the campaign (part of listen): whoever reads the master's address can connect to
  // it.
  try {
    await app.startAllMicroservices();
    await app.listen(config.port, config.listenHost);
  } catch (thrown) {
    // A port is taken, say. The campaign may have begun: end the session, so that nobody waits for it to time out.
    await app.close();
    throw thrown;
  }
}
