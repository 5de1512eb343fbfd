import type { NetworkInterfaceInfo } from 'node:os';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { reachableHost, resolveOptions, ZookeeperOptionsError } from '../../src/zookeeper/zookeeper.options.js';

const good = { connectString: 'zk1:2181,[::1]:2182/prod', service: 'AccountService', version: '1.0.0', address: '10.0.0.7:9090' };

function problems(options: unknown, environment: NodeJS.ProcessEnv = {}): readonly string[] {
  try {
    resolveOptions(options, environment);
    return [];
  } catch (error) {
    expect(error).toBeInstanceOf(ZookeeperOptionsError);
    return (error as ZookeeperOptionsError).problems;
  }
}

describe('the options of ZookeeperModule', () => {
  it('have the documented defaults', () => {
    expect(Object.fromEntries(Object.entries(resolveOptions(good, {})))).toEqual({
      ...good,
      electionScope: 'version',
      candidate: true,
      sessionTimeoutMs: 10_000,
      rootPath: '/soa',
      drainTimeoutMs: 15_000,
      maxClockSkewMs: 30_000,
      logRuns: 'seldom',
      isAddressReachable: true,
      timeZone: undefined,
      crashGuard: false,
      standalone: false,
    });
    const { auth } = resolveOptions({ ...good, auth: { scheme: 'digest', credentials: ['me:secret'] } }, {});
    expect(auth).toEqual({ scheme: 'digest', credentials: ['me:secret'], readableBy: 'everyone', parents: 'shared' });
  });

  it('default the address to the first external IPv4 address and PORT', () => {
    const { address: _address, ...rest } = good;
    expect(resolveOptions(rest, { PORT: '3000' }).address).toMatch(/^\d+\.\d+\.\d+\.\d+:3000$/u);
    expect(resolveOptions(rest, {}).address).toMatch(/:0$/u);
    expect(resolveOptions(rest, { PORT: '99999' }).address).toMatch(/:0$/u);
    expect(resolveOptions(rest, { PORT: '/run/pipe' }).address).toMatch(/:0$/u);
  });

  describe('default the address', () => {
    const address = (family: 'IPv4' | 'IPv6', of: string, internal = false) =>
      ({ family, address: of, internal, netmask: '', mac: '', cidr: null, scopeid: 0 }) as NetworkInterfaceInfo;
    const lo = [address('IPv4', '127.0.0.1', true), address('IPv6', '::1', true)];

    it.each<[string, readonly string[], string | undefined]>([
      ['the global IPv6 address in brackets, where there is no IPv4', ['fe80::1', '2001:db8::7'], '[2001:db8::7]'],
      ['a global one before one of the site', ['fd00::7', '2001:db8::7'], '[2001:db8::7]'],
      ['one of the site before none', ['fe80::1', 'fd00::7'], '[fd00::7]'],
      ['none, where the link alone has one', ['fe80::1', 'FEBF::1'], undefined],
      ['none, where there is nothing but loopback', [], undefined],
    ])('to %s', (_, ipv6, expected) => {
      expect(reachableHost({ lo, eth0: ipv6.map((each) => address('IPv6', each)) })).toBe(expected);
    });

    it('to IPv4 before IPv6', () => {
      expect(reachableHost({ lo, eth0: [address('IPv6', '2001:db8::7')], eth1: [address('IPv4', '10.0.0.7')] })).toBe('10.0.0.7');
    });
  });

  it('take a clock skew of any size', () => {
    expect(resolveOptions({ ...good, maxClockSkewMs: 1_000 }, {}).maxClockSkewMs).toBe(1_000);
    expect(resolveOptions({ ...good, maxClockSkewMs: 10 ** 15 }, {}).maxClockSkewMs).toBe(10 ** 15);
  });

  it('take undefined for not given', () => {
    expect(resolveOptions({ ...good, auth: undefined, tls: undefined, rootPath: undefined, candidate: undefined }, {}).candidate).toBe(
      true,
    );
  });

  it.each([
    ['connectString', undefined, /^connectString: expected 'host:port.*, received nothing/u],
    ['connectString', 'zk1:port', /^connectString: .*"zk1:port".*received "zk1:port"/u],
    ['connectString', '::1:2181', /^connectString: .*IPv6 address needs brackets/u],
    ['service', '', /^service: .*it is empty/u],
    ['service', 'a/b', /^service: .*"\/"/u],
    ['version', '1:0', /^version: .*":", which separates/u],
    ['version', 1, /^version: .*received 1/u],
    ['address', '10.0.0.7', /^address: expected 'host:port'/u],
    ['address', '::1:9090', /^address: .*brackets/u],
    ['address', '[zz]:1', /^address: .*no IPv6 address/u],
    ['address', 'host:70000', /^address/u],
    ['electionScope', 'all', /^electionScope: expected 'version' or 'service', received "all"/u],
    ['candidate', 'false', /^candidate: expected true or false, received "false"/u],
    ['sessionTimeoutMs', '10s', /^sessionTimeoutMs: expected a whole number of milliseconds from 1000 to 600000, received "10s"/u],
    ['sessionTimeoutMs', 10, /^sessionTimeoutMs: .*received 10\./u],
    ['sessionTimeoutMs', Number.NaN, /^sessionTimeoutMs: .*received NaN/u],
    [
      'sessionTimeoutMs',
      '10000',
      /received "10000" \(this is text, as every value of the environment is: convert it with Number\(value\)\)\.$/u,
    ],
    ['drainTimeoutMs', ' 5000 ', /received " 5000 " \(this is text/u],
    ['maxClockSkewMs', '1000', /received "1000" \(this is text/u],
    ['sessionTimeoutMs', '', /received ""\.$/u],
    ['candidate', 'false', /received "false" \(this is text, .*: compare it, value === 'true'\)\.$/u],
    ['candidate', 'no', /received "no"\.$/u],
    ['connectString', 'zookeeper://zk1:2181', /begins with "zookeeper:\/\/", but it is no URL/u],
    ['connectString', 'zk1:2181/prod,zk2:2181/prod', /as in "zk1:2181,zk2:2181\/prod"/u],
    ['timeZone', 'Atlantis/Center', /^timeZone: expected the name of a time zone, e\.g\. 'Europe\/Berlin'.*there is no such time zone/u],
    ['timeZone', 1, /^timeZone: .*received 1/u],
    ['rootPath', 'soa', /^rootPath: expected an absolute path/u],
    ['rootPath', '/soa/', /^rootPath: .*it is empty/u],
    ['rootPath', '/zookeeper/x', /^rootPath: .*keeps \/zookeeper for itself/u],
    ['drainTimeoutMs', -1, /^drainTimeoutMs/u],
    ['drainTimeoutMs', 1.5, /^drainTimeoutMs/u],
    ['maxClockSkewMs', 999, /^maxClockSkewMs: expected a whole number of milliseconds, at least 1000, received 999\.$/u],
    ['maxClockSkewMs', '30s', /^maxClockSkewMs: expected a whole number of milliseconds, at least 1000, received "30s"\.$/u],
    ['maxClockSkewMs', Number.POSITIVE_INFINITY, /^maxClockSkewMs: .*received Infinity/u],
    ['tls', 'yes', /^tls: expected connection options of node:tls, e\.g\. \{ ca \}, received a string/u],
    ['auth', 'me:secret', /^auth: expected \{ scheme: 'digest'.*received a string/u],
    ['standalone', 1, /^standalone: expected true or false, received 1/u],
  ])('refuse %s: %s', (option, value, message) => {
    const found = problems({ ...good, [option]: value });
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(message);
  });

  it('are refused with every problem in one error', () => {
    expect(
      problems({ service: 'a/b', version: '', sessionTimeoutMs: 1, drainTimeoutMs: '1', claim: 'tick' }).map((text) => text.split(':')[0]),
    ).toEqual(expect.arrayContaining(['connectString', 'service', 'version', 'sessionTimeoutMs', 'drainTimeoutMs', 'claim']));
    expect(problems('text')).toEqual(['expected an object with connectString, service and version, received "text".']);
    expect(problems(undefined)).toHaveLength(1);
  });

  it('takes a crash guard only with what can be handed to another process', () => {
    expect(problems({ ...good, crashGuard: true, tls: { ca: 'text', key: Buffer.from('bytes') } })).toEqual([]);
    expect(problems({ ...good, tls: { checkServerIdentity: () => undefined } })).toEqual([]);
    expect(problems({ ...good, crashGuard: true, tls: { checkServerIdentity: () => undefined } })).toEqual([
      'crashGuard: expected false with what cannot be handed to another process, received true and tls.checkServerIdentity, which is a function. Give keys and certificates as text or bytes, or leave crashGuard out.',
    ]);
  });

  it('that do not exist are problems, with a list of those that do', () => {
    expect(problems({ ...good, clockSkew: 1 })).toEqual([
      expect.stringMatching(/^clockSkew: there is no such option\. Known: connectString, .*maxClockSkewMs/u),
    ]);
    expect(problems({ ...good, auth: { scheme: 'digest', credentials: ['a:b'], password: 'x' } })).toEqual([
      expect.stringMatching(/^auth\.password: there is no such option in auth\. Known: scheme, credentials/u),
    ]);
  });

  it('need no connectString with standalone, which production refuses unless told otherwise', () => {
    const standalone = { service: 'A', version: '1', standalone: true };
    expect(problems(standalone)).toEqual([]);
    expect(problems(standalone, { NODE_ENV: 'production' })).toEqual([
      expect.stringMatching(/^standalone: expected false with NODE_ENV=production.*allowStandaloneInProduction: true/u),
    ]);
    expect(problems({ ...standalone, allowStandaloneInProduction: true }, { NODE_ENV: 'production' })).toEqual([]);
    expect(problems(good, { NODE_ENV: 'production' })).toEqual([]);
  });

  it('never show a secret: not in errors, not printed, not serialized', () => {
    const wrong = problems({
      ...good,
      auth: { scheme: 'sasl', credentials: ['me:hunter2', 'hunter3'], readableBy: 'hunter4', hunter: 'hunter5' },
      tls: 'hunter6',
    });
    expect(wrong.length).toBeGreaterThan(3);
    expect(wrong.join('\n')).not.toMatch(/hunter\d/u);
    const settings = resolveOptions(
      { ...good, auth: { scheme: 'digest', credentials: ['me:hunter2'] }, tls: { key: 'hunter3', passphrase: 'hunter4' } },
      {},
    );
    expect(settings.tls).toEqual({ key: 'hunter3', passphrase: 'hunter4' });
    for (const shown of [
      inspect(settings, { depth: 9, showHidden: true }),
      JSON.stringify(settings),
      JSON.stringify(Object.entries(settings)),
    ]) {
      expect(shown).not.toMatch(/hunter\d/u);
    }
  });

  it('hand node:tls its options as they are', () => {
    const tls = { ca: [Buffer.from('ca')], checkServerIdentity: () => undefined };
    expect(resolveOptions({ ...good, tls }, {}).tls).toBe(tls);
  });
});
