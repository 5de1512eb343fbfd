import { syncBuiltinESMExports } from 'node:module';
import os from 'node:os';
import { ScheduleModule } from '@nestjs/schedule';
import { afterEach, describe, expect, it } from 'vitest';
import { ZookeeperModule, type ZookeeperModuleOptions } from '../../../src/index.js';
import { boot, closeAll } from './app.js';

const { networkInterfaces } = os;
const LOOPBACK = {
  lo: [
    { address: '127.0.0.1', family: 'IPv4', internal: true },
    { address: '::1', family: 'IPv6', internal: true },
  ],
};
const LINK_LOCAL = { eth0: [{ address: 'fe80::1', family: 'IPv6', internal: false }] };

afterEach(async () => {
  await closeAll();
  os.networkInterfaces = networkInterfaces;
  syncBuiltinESMExports();
});

/**
 * What is logged about the address at the start of a replica on a host with these interfaces. The start
 * does not wait for ZooKeeper.
 */
async function toldAt(interfaces: object, options: Partial<ZookeeperModuleOptions> = {}): Promise<string[]> {
  os.networkInterfaces = () => interfaces as ReturnType<typeof networkInterfaces>;
  syncBuiltinESMExports();
  const module = ZookeeperModule.forRoot({
    connectString: '127.0.0.1:1',
    service: 'Bank',
    version: '1',
    ...options,
  });
  const { log } = await boot({ imports: [ScheduleModule.forRoot(), module] });
  return log.with('No network address was found');
}

describe('an address that is the same on every host', () => {
  it('is warned about at boot, where the host has no other', async () => {
    for (const interfaces of [LOOPBACK, { ...LOOPBACK, ...LINK_LOCAL }, {}]) {
      const told = await toldAt(interfaces);
      expect(told).toEqual([
        expect.stringMatching(/^warn .*so its address is 127\.0\.0\.1:\d+, as on every such host\. Set the option address\./u),
      ]);
    }
  });

  it('is not warned about where there is an address, where one is given, or where there is no cluster', async () => {
    expect(await toldAt({ ...LOOPBACK, eth0: [{ address: '10.0.0.7', family: 'IPv4', internal: false }] })).toEqual([]);
    expect(await toldAt({ ...LOOPBACK, eth0: [{ address: '2001:db8::7', family: 'IPv6', internal: false }] })).toEqual([]);
    expect(await toldAt(LOOPBACK, { address: '127.0.0.1:9090' })).toEqual([]);
    const alone = ZookeeperModule.forRoot({ service: 'Bank', version: '1', standalone: true });
    const { log } = await boot({ imports: [ScheduleModule.forRoot(), alone] });
    expect(log.with('No network address was found')).toEqual([]);
  });
});
