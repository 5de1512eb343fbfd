import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { Injectable } from '@nestjs/common';
import { OnMasterElected, OnMasterLost } from 'nestjs-cluster-cron';

/**
 * Receives messages over TCP, on the master alone: two receivers would each get half of them. It is no job, since it
 * has no schedule: it lives for as long as this replica is master.
 */
@Injectable()
export class Receiver {
  private readonly port = Number(process.env['LISTEN_PORT'] ?? 7_000);
  private readonly name = process.env['SERVICE_ADDRESS'] ?? 'this replica';

  /**
   * Until this promise settles it counts as work in progress, which a shutdown waits for. The signal aborts when the
   * mastership is over, in doubt, or about to be given up: so nobody listens any more when the next master begins.
   */
  @OnMasterElected()
  async receive(signal: AbortSignal): Promise<void> {
    const connections = new Set<Socket>();
    const server = createServer((socket) => {
      connections.add(socket);
      socket.on('close', () => connections.delete(socket));
      socket.on('error', () => socket.destroy());
      socket.on('data', (data) => socket.write(`${this.name} has received ${data.toString().trim()}\n`));
    });
    signal.addEventListener('abort', () => {
      server.close();
      for (const socket of connections) socket.destroy();
    });
    if (signal.aborted) return;
    server.listen(this.port, '127.0.0.1');
    await once(server, 'listening');
    console.log(`${this.name} receives on port ${this.port}`);
    await once(server, 'close');
  }

  @OnMasterLost()
  tell(): void {
    console.log(`${this.name} receives no more`);
  }
}
