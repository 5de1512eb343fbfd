import zookeeper from 'node-zookeeper-client';
import jute from 'node-zookeeper-client/lib/jute/index.js';
import { expect, it } from 'vitest';
import { checkPackage } from '../../../src/zookeeper/wire/package.js';

const without = (exported: unknown, member: string): unknown => {
  const copy = { ...(exported as Record<string, unknown>) };
  delete copy[member];
  return copy;
};

it('accepts the installed package', () => {
  expect(() => checkPackage()).not.toThrow();
});

it.each([
  ['createClient', without(zookeeper, 'createClient'), jute],
  ['Permission.ALL', without(zookeeper, 'Permission'), jute],
  ['jute.TransactionRequest', zookeeper, without(jute, 'TransactionRequest')],
  [
    'jute.protocol.SetWatches',
    zookeeper,
    { ...(jute as object), protocol: without((jute as { protocol: unknown }).protocol, 'SetWatches') },
  ],
  ['jute.Request', zookeeper, null],
  ['Client.connectionManager.queue', { ...(zookeeper as object), createClient: () => ({}) }, jute],
  ['Client.getData', { ...(zookeeper as object), createClient: () => ({ connectionManager: { queue() {} } }) }, jute],
])('names what an unfit one lacks: %s', (member, client, codec) => {
  expect(() => checkPackage(client, codec)).toThrow(new RegExp(`ZK_UNFIT_PACKAGE: .* lacks .*${member.replaceAll('.', '\\.')}.*1\\.1\\.3`));
});
