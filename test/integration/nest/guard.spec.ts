import type { AddressInfo, Server } from 'node:net';
import { Controller, Get, UseGuards } from '@nestjs/common';
import { ClientProxyFactory, MessagePattern, Transport } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';
import { MasterElection, MasterGuard, ZookeeperModule } from '../../../src/index.js';
import { TestElections, ZookeeperTestingModule } from '../../../src/testing.js';
import { eventually } from '../../support/eventually.js';
import { startServer } from '../../support/zookeeper.js';
import { boot, closeAll } from './app.js';

afterEach(closeAll);

@Controller()
class Accounts {
  @Get('guarded')
  @UseGuards(MasterGuard)
  guarded(): string {
    return 'done';
  }

  @Get('exposed')
  @UseGuards(MasterGuard.with({ exposeMaster: true }))
  exposed(): string {
    return 'done';
  }

  @Get('reports')
  @UseGuards(MasterGuard.with({ election: 'reports' }))
  reports(): string {
    return 'done';
  }

  @MessagePattern('guarded')
  @UseGuards(MasterGuard)
  message(): string {
    return 'done';
  }
}

describe('MasterGuard', () => {
  it('lets requests through on the master, and answers 421 elsewhere, with the address only where told to', async () => {
    const { app } = await boot({ imports: [ZookeeperTestingModule.forRoot({ master: true })], controllers: [Accounts] });
    await app.listen(0, '127.0.0.1');
    const get = async (path: string): Promise<{ status: number; body: string }> => {
      const response = await fetch(`${await app.getUrl()}/${path}`);
      return { status: response.status, body: await response.text() };
    };
    expect(await get('guarded')).toEqual({ status: 200, body: 'done' });
    app.get(TestElections).setMaster(false);
    const refused = await get('guarded');
    expect(refused.status).toBe(421);
    expect(JSON.parse(refused.body)).toEqual({
      statusCode: 421,
      error: 'Misdirected Request',
      code: 'ZK_NOT_MASTER',
      message: 'This replica is not the master.',
    });
    expect(JSON.parse((await get('exposed')).body)).toMatchObject({ code: 'ZK_NOT_MASTER', master: 'other.test:9090' });
    expect((await get('reports')).status).toBe(200);
  });

  it('answers callers by message with the code', async () => {
    const { app } = await boot({ imports: [ZookeeperTestingModule.forRoot({ master: false })], controllers: [Accounts] });
    const service = app.connectMicroservice({ transport: Transport.TCP, options: { host: '127.0.0.1', port: 0 } });
    await service.listen();
    const { port } = service.unwrap<Server>().address() as AddressInfo;
    const client = ClientProxyFactory.create({ transport: Transport.TCP, options: { host: '127.0.0.1', port } });
    try {
      await expect(firstValueFrom(client.send('guarded', {}))).rejects.toMatchObject({ code: 'ZK_NOT_MASTER' });
      app.get(TestElections).setMaster(true);
      await expect(firstValueFrom(client.send('guarded', {}))).resolves.toBe('done');
    } finally {
      await client.close();
    }
  });
});

describe('MasterGuard on a replica with candidate: false', () => {
  it('names the master from the first request on, where it is told to', async () => {
    const server = await startServer();
    try {
      const base = { connectString: server.connectString, service: 'Bank', version: '1' };
      const { app: worker } = await boot({ imports: [ZookeeperModule.forRoot({ ...base, address: '10.0.0.1:9001' })] });
      await eventually(() => expect(worker.get(MasterElection).isMaster()).toBe(true), { what: 'a master' });
      const web = await boot({
        imports: [ZookeeperModule.forRoot({ ...base, address: '10.0.0.2:9002', candidate: false })],
        controllers: [Accounts],
      });
      await web.app.listen(0, '127.0.0.1');
      // Nothing has asked for this election here but the guard's being there.
      const seen = web.app.get(MasterElection);
      await eventually(() => expect(seen.mastership()).toMatchObject({ kind: 'observing', master: '10.0.0.1:9001' }), {
        what: 'the master',
      });
      const response = await fetch(`${await web.app.getUrl()}/exposed`);
      expect(response.status).toBe(421);
      expect(await response.json()).toMatchObject({ code: 'ZK_NOT_MASTER', master: '10.0.0.1:9001' });
    } finally {
      await closeAll();
      await server.dispose();
    }
  });
});
