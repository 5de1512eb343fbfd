import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { reservePorts } from '../../../scripts/support/ports.mjs';
import { eventually } from '../../support/eventually.js';
import { startServer, type ZooKeeperServer } from '../../support/zookeeper.js';
import { RecordedWire, type RecordedWireOptions } from './recorded-wire.js';

let directory: string;
let server: ZooKeeperServer;
let ports: Awaited<ReturnType<typeof reservePorts>>;
let secure: string;
let mutual: { readonly ca: Buffer; readonly cert: Buffer; readonly key: Buffer };

const file = (name: string): string => join(directory, name);
const openssl = (...args: readonly string[]): unknown => execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' });

/**
 * A certificate authority, and a key and certificate by it for the server (127.0.0.1, zk.example) and for the client.
 */
function makeKeys(): void {
  openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=ca', '-days', '2');
  writeFileSync(file('names'), 'subjectAltName=IP:127.0.0.1,DNS:zk.example');
  for (const who of ['server', 'client']) {
    openssl('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', `${who}.key`, '-out', `${who}.csr`, '-subj', `/CN=${who}`);
    openssl(
      'x509',
      '-req',
      '-in',
      `${who}.csr`,
      '-CA',
      'ca.pem',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-out',
      `${who}.crt`,
      '-days',
      '2',
      '-extfile',
      'names',
    );
  }
  openssl('pkcs12', '-export', '-in', 'server.crt', '-inkey', 'server.key', '-out', 'server.p12', '-passout', 'pass:password');
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'cluster-cron-tls-'));
  makeKeys();
  ports = await reservePorts(1);
  const [port] = ports.ports;
  const ssl = {
    'keyStore.location': file('server.p12'),
    'keyStore.password': 'password',
    'keyStore.type': 'PKCS12',
    'trustStore.location': file('ca.pem'),
    'trustStore.type': 'PEM',
    clientAuth: 'need',
  };
  server = await startServer({
    cfg: { secureClientPort: port ?? 0 },
    jvm: [
      '-Dzookeeper.serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory',
      ...Object.entries(ssl).map(([name, value]) => `-Dzookeeper.ssl.${name}=${value}`),
    ],
  });
  secure = `127.0.0.1:${port}`;
  mutual = { ca: readFileSync(file('ca.pem')), cert: readFileSync(file('client.crt')), key: readFileSync(file('client.key')) };
});

afterAll(async () => {
  await server?.dispose();
  ports?.release();
  rmSync(directory, { recursive: true, force: true });
});

async function expectRefused(connectString: string, options: RecordedWireOptions, why: RegExp): Promise<void> {
  await using wire = new RecordedWire(connectString, options);
  wire.connection.connect();
  await eventually(() => expect(wire.failures.join()).toMatch(why), { what: 'the cause of the refusal' });
  expect(wire.attachments).toEqual([]);
}

it('works with both sides authenticated, and keeps its session over a reconnect', async () => {
  await using wire = await RecordedWire.open(secure, { tls: mutual });
  const { id } = wire.connection;
  await wire.create('/over-tls', Buffer.from('x'), 'ephemeral');
  const link = (Reflect.get(wire.connection, 'state') as { link: { destroy(why: string): void } }).link;
  link.destroy('cut by the test');
  await wire.toAttach(2);
  expect(await wire.exists('/over-tls')).toMatchObject({ ephemeralOwner: id });
  expect(wire.connection.id).toBe(id);
});

it('checks the certificate against the name as written, not against the address behind it', async () => {
  const lookup = (): Promise<readonly string[]> => Promise.resolve(['127.0.0.1']);
  await using wire = await RecordedWire.open(secure.replace('127.0.0.1', 'zk.example'), { tls: mutual, lookup });
  expect(wire.attachments).toEqual([`zk.example:${secure.split(':')[1]} (127.0.0.1)`]);
  await expectRefused(
    secure.replace('127.0.0.1', 'elsewhere.example'),
    { tls: mutual, lookup },
    /Hostname\/IP does not match certificate's altnames.*elsewhere\.example/,
  );
});

it('names the cause when a certificate is not trusted, is missing or cannot be read', async () => {
  await expectRefused(
    secure,
    { tls: { cert: mutual.cert, key: mutual.key } },
    /unable to verify the first certificate|unable to get local issuer certificate|self.signed/,
  );
  await expectRefused(secure, { tls: { ca: mutual.ca } }, /certificate required|bad certificate|handshake failure|closed the connection/);
  await expectRefused(secure, { tls: { ...mutual, cert: 'no certificate' } }, /PEM|no start line/i);
});

it('says so when the port does not speak TLS', async () => {
  await expectRefused(
    server.connectString,
    { tls: mutual, sessionTimeoutMs: 2000 },
    /no session after|closed the connection|disconnected before secure|wrong version/,
  );
});
