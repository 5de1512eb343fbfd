import { type ClientProxy, ClientProxyFactory, Transport } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureBuilt } from '../../scripts/build.mjs';
import { eventually, failureOf, within } from '../support/eventually.js';
import { type Ensemble, startEnsemble } from '../support/zookeeper.js';
import { type Replica, Replicas, SETTLED_WITHIN_MS } from './app.replicas.js';

const DRAIN_TIMEOUT_MS = 5_000;

let ensemble: Ensemble;

beforeAll(async () => {
  await ensureBuilt();
  ensemble = await startEnsemble(3);
}, 300_000);

afterAll(() => ensemble.dispose());

describe('three replicas of the reference service', () => {
  it('run the jobs on the master only, and hand over to the next one on SIGTERM', async () => {
    await using replicas = await threeReplicas('/hand-over');
    const master = await replicas.master();
    await eventually(() => expect(replicas.runsOf(master)).toBeGreaterThan(3), { what: 'jobs to run on the master' });
    expect(replicas.all.filter((replica) => replica !== master).map((replica) => replicas.runsOf(replica))).toEqual([0, 0]);

    const sentMs = master.kill('SIGTERM');
    replicas.audit.endReign(master.name, sentMs);
    const next = await replicas.master(master);
    await eventually(() => expect(replicas.runsOf(next)).toBeGreaterThan(3), { what: 'jobs to run on the next master' });

    await within(master.closed, 'the old master to exit', SETTLED_WITHIN_MS);
    expect(master.exit).toMatchObject({ code: 0, signal: null });
    // By its own clock: it resigned when its runs had ended, and had not to give up on any.
    expect(master.lastLines.join('\n')).toMatch(/"event":"shutdown\.drained".*"end":"resigned"/);
    expect(replicas.audit.overlaps()).toEqual([]);
    expect(replicas.audit.duplicates()).toEqual([]);
    expect(replicas.audit.tokensGrow()).toBe(true);
  });

  it('take over from a master that was killed, without overlap', async () => {
    await using replicas = await threeReplicas('/kill');
    const master = await replicas.master();
    await eventually(() => expect(replicas.runsOf(master)).toBeGreaterThan(3), { what: 'jobs to run on the master' });
    master.kill('SIGKILL');
    const next = await replicas.master(master);
    await eventually(() => expect(replicas.runsOf(next)).toBeGreaterThan(3), { what: 'jobs to run on the next master' });
    expect(replicas.audit.overlaps()).toEqual([]);
    expect(replicas.audit.tokensGrow()).toBe(true);
  });

  it("serve a client at the address in the master's node, and leave what is the master's to the master", async () => {
    await using replicas = await threeReplicas('/client');
    const master = await replicas.master();
    const standby = await standbyOf(replicas, master);
    const address = standby.election?.['master'] ?? '';
    expect(address).toBe(master.address);

    using client = clientOf(address);
    await expect(ask(client, 'account.balance', { id: 'alice' })).resolves.toMatchObject({ id: 'alice' });
    await expect(ask(client, 'account.deposit', { id: 'bob', amountCents: 1 })).resolves.toMatchObject({ id: 'bob' });
    expect(await failureOf(ask(client, 'account.deposit', { id: 'bob', amountCents: -1 }))).toMatchObject({ code: 'BAD_AMOUNT' });

    using other = clientOf(standby.address);
    await expect(ask(other, 'account.balance', { id: 'alice' })).resolves.toMatchObject({ id: 'alice' });
    expect(JSON.stringify(await failureOf(ask(other, 'account.deposit', { id: 'bob', amountCents: 1 })))).toMatch(/ZK_NOT_MASTER/);
  });

  it('tell over HTTP who they are and what they do, and log only JSON', async () => {
    await using replicas = await threeReplicas('/status');
    const master = await replicas.master();
    const standby = await standbyOf(replicas, master);
    await eventually(() => expect(replicas.runsOf(master)).toBeGreaterThan(3), { what: 'jobs to run on the master' });

    const status = (await (await fetch(`${master.url}/status`)).json()) as {
      instance: object;
      elections: object[];
      runs: { byJob: object };
    };
    expect(status.instance).toMatchObject({ address: master.address, service: 'AccountService', version: '1.0.0' });
    expect(status.elections).toEqual([
      expect.objectContaining({ state: 'master', isMaster: true, fencingToken: expect.stringMatching(/^\d+$/) }),
    ]);
    expect(status.runs.byJob).toMatchObject({ interest: { started: expect.any(Number), failed: 0 } });

    for (const [replica, state] of [
      [master, 'master'],
      [standby, 'standby'],
    ] as const) {
      const response = await fetch(`${replica.url}/health`);
      expect(response.status).toBe(200);
      expect(await response.json()).toMatchObject({ status: 'ok', jobs: { ready: true, mastership: { state } } });
      expect(replica.lastLines.filter((line) => !isJson(line))).toEqual([]);
    }
  });

  it('answer what is wrong with an order over HTTP with its status and code', async () => {
    await using replicas = await threeReplicas('/orders');
    const master = await replicas.master();
    await eventually(() => expect(replicas.runsOf(master)).toBeGreaterThan(0), { what: 'jobs to run on the master' });
    const standby = await standbyOf(replicas, master);
    for (const [method, path, status, code] of [
      ['POST', 'nobody/trigger', 404, 'ZK_UNKNOWN_JOB'],
      ['POST', 'nobody/pause', 404, 'ZK_UNKNOWN_JOB'],
      ['GET', 'nobody/verdicts', 404, 'ZK_UNKNOWN_JOB'],
    ] as const) {
      const response = await fetch(`${standby.url}/jobs/${path}`, { method });
      expect([path, response.status, await response.json()]).toMatchObject([path, status, { statusCode: status, code }]);
    }
  });
});

describe('one replica of the reference service', () => {
  it('serves without ZooKeeper, says that its jobs do not run, and exits with 0 on SIGTERM', async () => {
    // Port 1 is reserved (RFC 6335) and nobody listens on it.
    await using replicas = new Replicas({ ZOOKEEPER_CONNECT: '127.0.0.1:1' });
    const replica = await replicas.start('alone');
    await replicas.serving(replica);
    const response = await fetch(`${replica.url}/health`);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ jobs: { ready: false, mastership: { state: 'electing' } } });
    replica.kill('SIGTERM');
    await within(replica.closed, 'the replica to exit', SETTLED_WITHIN_MS);
    expect(replica.exit).toMatchObject({ code: 0, signal: null });
  });

  it('refuses a bad environment with one error that lists every problem and no secret', async () => {
    await using replicas = new Replicas({
      CANDIDATE: 'perhaps',
      ELECTION_SCOPE: 'planet',
      ZOOKEEPER_AUTH: 'swordfish',
      ZOOKEEPER_TLS_CERT: '/nowhere.pem',
      ZOOKEEPER_SESSION_TIMEOUT_MS: '10 s',
      DRAIN_TIMEOUT_MS: '-1',
    });
    const replica = await replicas.start('misconfigured');
    await within(replica.closed, 'the replica to exit', SETTLED_WITHIN_MS);
    const output = replica.lastLines.join('\n');
    expect(replica.exit).toMatchObject({ code: 1 });
    for (const name of [
      'CANDIDATE',
      'ELECTION_SCOPE',
      'ZOOKEEPER_AUTH',
      'ZOOKEEPER_TLS_CERT',
      'ZOOKEEPER_CONNECT',
      'ZOOKEEPER_SESSION_TIMEOUT_MS',
      'DRAIN_TIMEOUT_MS',
    ]) {
      expect(output).toMatch(new RegExp(`^  - ${name} must be `, 'm'));
    }
    expect(output.match(/The environment has/g)).toHaveLength(1);
    expect(output).not.toContain('swordfish');
  });
});

/** Three replicas that serve, below a root of their own. */
async function threeReplicas(root: string): Promise<Replicas> {
  const replicas = new Replicas({
    ZOOKEEPER_CONNECT: ensemble.connectString,
    ZOOKEEPER_ROOT: root,
    ZOOKEEPER_SESSION_TIMEOUT_MS: '5000',
    DRAIN_TIMEOUT_MS: String(DRAIN_TIMEOUT_MS),
  });
  for (const name of ['A', 'B', 'C']) await replicas.start(name);
  for (const replica of replicas.all) await replicas.serving(replica);
  return replicas;
}

/** A replica that knows whose standby it is. */
function standbyOf(replicas: Replicas, master: Replica): Promise<Replica> {
  const look = async (): Promise<Replica> => {
    for (const replica of replicas.all) {
      if (replica !== master && (await replica.refresh()) && replica.election?.['state'] === 'standby') return replica;
    }
    throw new Error('none is');
  };
  return eventually(look, { what: 'a standby', withinMs: SETTLED_WITHIN_MS });
}

function isJson(text: string): boolean {
  try {
    return typeof JSON.parse(text) === 'object';
  } catch {
    return false;
  }
}

function clientOf(address: string): ClientProxy & Disposable {
  const [host = '', port = ''] = address.split(':');
  const client = ClientProxyFactory.create({ transport: Transport.TCP, options: { host, port: Number(port) } });
  return Object.assign(client, { [Symbol.dispose]: () => void client.close() });
}

function ask(client: ClientProxy, pattern: string, data: object): Promise<unknown> {
  return within(firstValueFrom(client.send<unknown>(pattern, data)), `an answer to ${pattern}`);
}
