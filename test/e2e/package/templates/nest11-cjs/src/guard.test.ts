import type { ExecutionContext } from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { MasterGuard } from 'nestjs-cluster-cron';
import { ZookeeperTestingModule } from 'nestjs-cluster-cron/testing';

it("MasterGuard refuses a message elsewhere than on the master, with the application's own RpcException", async () => {
  const app = await Test.createTestingModule({
    imports: [ZookeeperTestingModule.forRoot({ master: false })],
    providers: [MasterGuard],
  }).compile();
  const context = { getType: () => 'rpc', getClass: () => class Feed {}, getHandler: () => function restart() {} };
  const refused = app.get(MasterGuard).canActivate(context as unknown as ExecutionContext);
  await expect(refused).rejects.toBeInstanceOf(RpcException);
  await app.close();
});
