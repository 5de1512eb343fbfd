// One replica of a shop, which takes an order each second. Environment: ZOOKEEPER_CONNECT, SERVICE_ADDRESS (host:port
// of this replica).
import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Interval, ScheduleModule } from '@nestjs/schedule';
import { Counters, CounterUncertainError, type Ids, ZookeeperModule } from 'nestjs-cluster-cron';

@Injectable()
class Orders {
  private readonly orders: Ids;
  private readonly parcels: Ids;

  constructor(private readonly counters: Counters) {
    // Each higher than all before it, in the whole cluster.
    this.orders = counters.ids('order');
    // Unique, and mostly without asking ZooKeeper; those that this replica has left when it ends are lost.
    this.parcels = counters.ids('parcel', { block: 100 });
  }

  // On every replica: no @MasterOnly.
  @Interval(1_000)
  async take(): Promise<void> {
    const order = await this.orders.nextName();
    const parcel = await this.parcels.nextName();
    console.log(`${order} goes with ${parcel}; ${await this.count()} so far`);
  }

  private async count(): Promise<string> {
    try {
      return String(await this.counters.counter('orders').increment());
    } catch (thrown) {
      // It may have been counted: counting it again could count it twice.
      if (thrown instanceof CounterUncertainError) return 'an unknown number';
      throw thrown;
    }
  }
}

@Module({
  imports: [
    ScheduleModule.forRoot(),
    ZookeeperModule.forRoot({
      connectString: process.env['ZOOKEEPER_CONNECT'] ?? '127.0.0.1:2181',
      service: 'OrderService',
      version: '1.0.0',
      address: process.env['SERVICE_ADDRESS'],
    }),
  ],
  providers: [Orders],
})
class AppModule {}

const app = await NestFactory.createApplicationContext(AppModule);
app.enableShutdownHooks();
