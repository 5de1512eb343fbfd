import { describe, expect, it } from 'vitest';
import { ConnectStringError, formatServer, parseConnectString } from '../../../src/zookeeper/wire/connect-string.js';

it.each([
  ['zk1', ['zk1:2181'], ''],
  ['zk1:2182,zk-2.example.com:2183, zk_3', ['zk1:2182', 'zk-2.example.com:2183', 'zk_3:2181'], ''],
  ['127.0.0.1:2181/a/b', ['127.0.0.1:2181'], '/a/b'],
  ['zk1/', ['zk1:2181'], ''],
  ['[::1]:2182,[fe80::1%eth0],[2001:db8::7]:1', ['[::1]:2182', '[fe80::1%eth0]:2181', '[2001:db8::7]:1'], ''],
  ['[::1]/app', ['[::1]:2181'], '/app'],
])('understands %s', (text, servers, chroot) => {
  const parsed = parseConnectString(text);
  expect(parsed.servers.map(formatServer)).toEqual(servers);
  expect(parsed.chroot).toBe(chroot);
});

describe('names the entry that it does not understand', () => {
  it.each([
    ['', /names no server/],
    ['/app', /names no server/],
    ['zk1,,zk2', /server 2 of the connect string, "", is empty/],
    ['zk1,zk2:', /server 2 .*"zk2:", has no port/],
    ['zk1:0', /has no port between 1 and 65535/],
    ['zk1:65536', /has no port between 1 and 65535/],
    ['zk1:21x', /has no port between 1 and 65535/],
    ['::1:2181', /has too many colons \(an IPv6 address needs brackets\)/],
    ['[::1', /has too many colons/],
    ['[zk1]:2181', /has no IPv6 address between its brackets/],
    ['zk1 zk2', /"zk1 zk2", has a blank or a semicolon in it \(servers are separated by commas\)/],
    ['zk1:2181;zk2:2181', /has a blank or a semicolon in it/],
    ['zk!1', /has no valid host name/],
    ['zookeeper://zk1:2181', /begins with "zookeeper:\/\/", but it is no URL: leave that out/],
    ['zk://zk1,zk2/prod', /begins with "zk:\/\/"/],
    [' HTTPS://zk1', /begins with "HTTPS:\/\/"/],
    ['zk1:2181/prod,zk2:2181/prod', /the chroot comes once, after the last server as in "zk1:2181,zk2:2181\/prod"/],
    ['zk1/prod, zk2/prod', /after the last server as in "zk1,zk2\/prod"/],
    ['zk1:2181/prod,zk2:2181', /the chroot comes once, after the last server, and has no comma/],
    ['zk1:2181/prod,zk2:2181/test', /the chroot comes once, after the last server, and/],
    ['zk1:2181/,zk2:2181/prod', /the chroot comes once/],
    ['zk1:2181/a,b', /and has no comma/],
    ['http:2181//zk', /the chroot "\/\/zk" has an empty or relative part/],
    ['zk1/a//b', /the chroot/],
    ['zk1/a/../b', /the chroot/],
    ['zk1/a/', /the chroot/],
    ['zk1/a/😀', /the chroot "\/a\/😀" cannot be a path/],
  ])('%s', (text, problem) => {
    expect(() => parseConnectString(text)).toThrow(ConnectStringError);
    expect(() => parseConnectString(text)).toThrow(problem);
  });
});
