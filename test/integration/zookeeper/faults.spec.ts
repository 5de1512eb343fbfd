import { expect, it } from 'vitest';
import { startTestZookeeper } from '../../../src/testing/zookeeper/start.js';
import { eventually } from '../../support/eventually.js';
import { creation, RawClient } from '../../support/raw-client.js';

/** Whether an answer has come, as of now. */
function watchFor(promise: Promise<unknown>): { readonly isThere: boolean } {
  const seen = { isThere: false };
  promise.then(
    () => (seen.isThere = true),
    () => (seen.isThere = true),
  );
  return seen;
}

it('ends a session: its nodes go, who watches hears it, its connection is closed, and it is unknown afterwards', async () => {
  await using server = await startTestZookeeper();
  await using victim = await RawClient.connect(server);
  await using other = await RawClient.connect(server);
  await victim.ask('create', creation('/e', { mode: 1 }));
  await other.ask('exists', (to) => to.text('/e').bool(true));
  expect(await server.ownerOf('/e')).toBe(victim.session.id);
  await server.expire(victim.session.id);
  await victim.closed;
  await other.ask('sync', (to) => to.text('/'));
  expect(other.events).toEqual(['2 /e']);
  await using back = await RawClient.connect(server, { session: victim.session });
  expect(back.timeoutMs).toBe(0);
  await expect(server.expire(victim.session.id)).rejects.toThrow(/^ZK_TEST_ZOOKEEPER: There is no session/);
});

it('holds what a client sends until it is healed, and ends its session meanwhile if that was its time', async () => {
  await using server = await startTestZookeeper({ time: 'manual' });
  await using client = await RawClient.connect(server);
  await using other = await RawClient.connect(server);
  await client.ask('create', creation('/e', { mode: 1 }));
  await server.cut({ session: client.session.id, direction: 'to-server' });
  const late = client.ask('create', creation('/late'));
  const answer = watchFor(late);
  expect((await other.ask('create', creation('/by-another'))).error).toBe(0);
  await server.advance(9_000);
  expect(await server.paths()).toEqual(['/by-another', '/e']);
  expect(answer.isThere).toBe(false);
  await server.heal();
  expect((await late).error).toBe(0);
  await server.cut({ session: client.session.id, direction: 'to-server' });
  await server.advance(11_000);
  expect(await server.paths()).toEqual(['/by-another', '/late']);
  // The other one could be heard all the time.
  expect((await server.sessions()).map(({ id }) => id)).toEqual([other.session.id]);
  await client.closed;
});

it('does what a client asks whose answers it holds, and its end is not told either until it is healed', async () => {
  await using server = await startTestZookeeper();
  await using client = await RawClient.connect(server);
  await server.cut({ direction: 'to-client' });
  const made = client.ask('create', creation('/a'));
  const answer = watchFor(made);
  await eventually(async () => expect(await server.paths()).toEqual(['/a']), { what: 'the node' });
  await server.expire(client.session.id);
  const end = watchFor(client.closed);
  await using late = await RawClient.open(server);
  late.socket.write('ruok');
  expect([answer.isThere, end.isThere]).toEqual([false, false]);
  await server.heal();
  expect((await made).error).toBe(0);
  await client.closed;
  await late.closed;
});

it('answers nobody while it is paused, new connections neither, and goes on where it was', async () => {
  await using server = await startTestZookeeper();
  await using client = await RawClient.connect(server);
  await server.pause();
  const made = client.ask('create', creation('/a'));
  const fresh = RawClient.connect(server);
  const seen = [watchFor(made), watchFor(fresh)];
  await using probe = await RawClient.open(server);
  probe.socket.write('ruok');
  expect(await server.paths()).toEqual([]);
  expect(seen.map(({ isThere }) => isThere)).toEqual([false, false]);
  await server.resume();
  expect((await made).error).toBe(0);
  await (await fresh)[Symbol.asyncDispose]();
  await probe.closed;
});

it('delays answers, and keeps their order', async () => {
  await using server = await startTestZookeeper();
  await using client = await RawClient.connect(server);
  await server.latency(80);
  const asked = client.ask('create', creation('/a'));
  await server.latency(0);
  // Sent after the delay is gone, and yet not before the answer that still waits.
  await asked;
  expect((await client.ask('exists', (to) => to.text('/a').bool(false))).error).toBe(0);
  await server.latency(40);
  const startMs = performance.now();
  await client.ask('ping', undefined, -2);
  expect(performance.now() - startMs).toBeGreaterThan(35);
  await expect(server.latency(-1)).rejects.toThrow(/^ZK_TEST_ZOOKEEPER: latency\(-1\)/);
});

it('restarts with all it had, with what it had at a backup, or with nothing', async () => {
  await using server = await startTestZookeeper();
  const { port } = server;
  await using client = await RawClient.connect(server);
  await client.ask('create', creation('/before'));
  await server.backup();
  await client.ask('create', creation('/after', { mode: 1 }));
  await server.restart({ keep: 'all' });
  await client.closed;
  expect(server.port).toBe(port);
  expect(await server.paths()).toEqual(['/after', '/before']);
  await using back = await RawClient.connect(server, { session: client.session });
  expect(back.session.id).toBe(client.session.id);
  await server.restart({ keep: 'older' });
  expect(await server.paths()).toEqual(['/before']);
  await server.restart({ keep: 'nothing' });
  expect([await server.paths(), await server.sessions()]).toEqual([[], []]);
});

it('refuses connections while it is stopped', async () => {
  await using server = await startTestZookeeper();
  await server.stop();
  await expect(RawClient.open(server)).rejects.toThrow(/ECONNREFUSED/);
  await expect(server.sessions()).rejects.toThrow(/It is stopped/);
  await server.start();
  await using client = await RawClient.connect(server);
  expect(client.timeoutMs).toBe(10_000);
});

it('ends the session of a client that is silent, and neither of one that pings nor of one with a longer timeout', async () => {
  await using server = await startTestZookeeper({ tickTimeMs: 20 });
  await using patient = await RawClient.connect(server, { timeoutMs: 60_000 });
  await using silent = await RawClient.connect(server, { timeoutMs: 200 });
  await using alive = await RawClient.connect(server, { timeoutMs: 200 });
  const pinging = setInterval(() => alive.send('ping', undefined, -2), 20);
  await silent.closed;
  clearInterval(pinging);
  expect((await server.sessions()).map(({ id }) => id)).toEqual([patient.session.id, alive.session.id]);
});

it('takes away containers that have lost their last child, and no others', async () => {
  await using server = await startTestZookeeper({ containerCheckMs: 20 });
  await using client = await RawClient.connect(server);
  for (const path of ['/used', '/full', '/fresh']) await client.ask('createContainer', creation(path, { mode: 4 }));
  for (const path of ['/used/a', '/full/a']) await client.ask('create', creation(path));
  await client.ask('delete', (to) => to.text('/used/a').int(-1));
  await eventually(async () => expect(await server.paths()).toEqual(['/fresh', '/full', '/full/a']), { what: 'the container to go' });
});

it('does stops, starts and restarts that are asked for at once one after the other, and nothing after its end', async () => {
  await using server = await startTestZookeeper();
  await Promise.all([server.stop(), server.start(), server.stop(), server.start()]);
  await using client = await RawClient.connect(server);
  expect((await client.ask('create', creation('/a'))).error).toBe(0);
  await Promise.all([server.restart({ keep: 'all' }), server.restart({ keep: 'nothing' })]);
  expect(await server.paths()).toEqual([]);
  const late = server.restart({ keep: 'all' });
  await Promise.all([server.close(), expect(late).rejects.toThrow(/It was closed/), server.close()]);
  await expect(server.paths()).rejects.toThrow(/It was closed/);
  await expect(server.start()).rejects.toThrow(/It was closed/);
});

it('takes no word for another: where to listen, what to keep, which way to cut', async () => {
  for (const [name, wrong] of Object.entries({ host: '', directory: '', time: 'manuel' }))
    await expect(startTestZookeeper({ [name]: wrong })).rejects.toThrow(new RegExp(`^ZK_TEST_ZOOKEEPER: .*${name}`));
  await using server = await startTestZookeeper();
  await using client = await RawClient.connect(server);
  await client.ask('create', creation('/a'));
  await expect(server.restart({ keep: 'al' as 'all' })).rejects.toThrow(/keep.* is "al": one of all, older, nothing/);
  await expect(server.cut({ direction: 'in' as 'both' })).rejects.toThrow(/direction.* is "in"/);
  expect(await server.paths()).toEqual(['/a']);
});

it('says which option cannot be, and which port is taken', async () => {
  await expect(startTestZookeeper({ tickTimeMs: 0 })).rejects.toThrow(/^ZK_TEST_ZOOKEEPER: .*tickTimeMs: 0.* 1 to 60000/);
  await expect(startTestZookeeper({ port: 70_000 })).rejects.toThrow(/port: 70000/);
  await using server = await startTestZookeeper();
  await expect(startTestZookeeper({ port: server.port })).rejects.toThrow(/cannot serve on .*EADDRINUSE/);
});
