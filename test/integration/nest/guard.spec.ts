import type { AddressInfo, Server } from 'node:net';
import { Controller, Get, UseGuards } from '@nestjs/common';
import { ClientProxyFactory, MessagePattern, Transport } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';
import { MasterGuard } from '../../../src/index.js';
import { TestElections, ZookeeperTestingModule } from '../../../src/testing.js';
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
