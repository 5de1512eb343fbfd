import { setTimeout as wait } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { ALIVE_EXIT_CODE } from '../../../src/zookeeper/session/crash-guard/guard-process.js';
import { ANY_VERSION } from '../../../src/zookeeper/wire/operations.js';
import { startAdmin } from '../../support/admin.js';
import { eventually } from '../../support/eventually.js';
import { startProxiedFleet } from '../../support/replica/proxied.js';
import { startFleet, type Fleet, type Replica, type ReplicaOptions } from '../../support/replica/replica.js';
import { tokens, violations } from '../../support/replica/audit.js';
import { startServer, type ZooKeeperServer } from '../../support/zookeeper.js';
import { mutantOf } from '../../support/mutant.js';
import { startJobFleet } from '../../support/job-replica/job-replica.js';
import { guardOf, isGuarding } from '../../support/replica/guards.js';
import { closePipe, lastWinOf, type LastWin } from './crash-guard.js';

const NODE = '/soa/master/services/bank:v1';
/** How often each kind of death is seen. */
const REPETITIONS = Number(process.env['CRASH_REPETITIONS'] ?? 1);
/** Long, so that sessions end by their guards. That they did is shown by what the successor knows, not by the time. */
const LONG_MS = 60_000;
const SHORT_MS = 4_000;

const PROVEN: LastWin = { knew: 'of its death', waited: false };
const UNPROVEN: LastWin = { knew: 'nothing', waited: true };

const longSessions = (): Promise<ZooKeeperServer> => startServer({ cfg: { maxSessionTimeout: LONG_MS } });
const guarded = (server: { readonly connectString: string }, more: Partial<ReplicaOptions> = {}): ReplicaOptions => ({
  connectString: server.connectString,
  sessionTimeoutMs: LONG_MS,
  crashGuard: true,
  ...more,
});

/** The master dies in this way; answers its successor, who had a proof of that, and did not wait. */
async function proveDeath(fleet: Fleet, master: Replica, die: (master: Replica) => Promise<unknown>): Promise<Replica> {
  const guard = await guardOf(master);
  await die(master);
  await master.process.exited;
  const successor = await fleet.master({ not: master });
  expect(lastWinOf(successor)).toEqual(PROVEN);
  await eventually(() => expect(isGuarding(guard)).toBe(false), { what: 'the end of the guard' });
  return successor;
}

const command =
  (name: string) =>
  (master: Replica): Promise<unknown> => {
    // It may end before it has answered.
    void master.ask(name).catch(() => undefined);
    return master.process.exited;
  };

const DEATHS: Readonly<Record<string, (master: Replica) => Promise<unknown>>> = {
  SIGKILL: (master) => master.process.kill(),
  'SIGTERM that nobody handles': (master) => master.process.kill('SIGTERM'),
  'process.exit': command('exit'),
  'an uncaught exception': command('throw'),
  'process.abort': command('abort'),
  'out of memory': command('exhaust'),
  'SIGKILL, and a process of its own goes on': async (master) => {
    await master.ask('leaveChild', { command: 'sleep', args: ['60'] });
    return master.process.kill();
  },
  'SIGKILL while it is stopped': (master) => {
    master.process.pause();
    return master.process.kill();
  },
};

it.concurrent('proves each kind of death of a master, long before its session would end', async () => {
  await using server = await longSessions();
  await using fleet = await startFleet(2, guarded(server, { nodeArgs: ['--max-old-space-size=100'] }));
  let master = await fleet.master();
  let deaths = 0;
  for (const die of Object.values(DEATHS)) {
    for (let round = 0; round < REPETITIONS; round += 1) {
      master = await proveDeath(fleet, master, die);
      deaths += 1;
      await (await fleet.add()).reaches('standby');
    }
  }
  expect(violations(fleet)).toEqual([]);
  expect(tokens(fleet)).toHaveLength(deaths + 1);
});

it.concurrent('proves nothing of a master that is only stopped for a while', async () => {
  await using server = await longSessions();
  await using fleet = await startFleet(2, guarded(server));
  const master = await fleet.master();
  const token = master.token();
  const guard = await guardOf(master);
  master.process.pause();
  await wait(SHORT_MS);
  expect(isGuarding(guard)).toBe(true);
  master.process.resume();
  const again = await fleet.master();
  expect([again, again.token()]).toEqual([master, token]);
  expect(violations(fleet)).toEqual([]);
});

it.concurrent('proves nothing of a master that is stopped for longer than its session, and its death afterwards', async () => {
  await using server = await startServer();
  await using fleet = await startFleet(2, guarded(server, { sessionTimeoutMs: SHORT_MS }));
  const first = await fleet.master();
  const guard = await guardOf(first);
  first.process.pause();
  const second = await fleet.master({ not: first });
  expect(lastWinOf(second)).toEqual(UNPROVEN);
  const since = first.messages.length;
  first.process.resume();
  await first.reaches('standby', { since });
  expect(await guardOf(first)).toBe(guard);
  await second.process.kill();
  await fleet.master({ not: second });
  expect(violations(fleet)).toEqual([]);
});

it.concurrent('leaves it to the session timeout when the guard dies with its master', async () => {
  await using server = await startServer();
  await using fleet = await startFleet(2, guarded(server, { sessionTimeoutMs: SHORT_MS }));
  const master = await fleet.master();
  const guard = await guardOf(master);
  process.kill(guard, 'SIGSTOP');
  await master.process.kill();
  process.kill(guard, 'SIGKILL');
  const successor = await fleet.master({ not: master });
  expect(lastWinOf(successor)).toEqual(UNPROVEN);
  expect(violations(fleet)).toEqual([]);
});

it.concurrent('does no harm when a guard comes too late', async () => {
  await using server = await startServer();
  await using fleet = await startFleet(2, guarded(server, { sessionTimeoutMs: SHORT_MS }));
  const master = await fleet.master();
  const guard = await guardOf(master);
  process.kill(guard, 'SIGSTOP');
  await master.process.kill();
  const successor = await fleet.master({ not: master });
  const token = successor.token();
  process.kill(guard, 'SIGCONT');
  await eventually(() => expect(isGuarding(guard)).toBe(false), { what: 'the end of the guard' });
  expect((await fleet.master()).token()).toBe(token);
  expect(violations(fleet)).toEqual([]);
});

it.concurrent('starts a guard again that has died alone, tells of it, and the new one knows all', async () => {
  await using server = await longSessions();
  await using fleet = await startFleet(2, guarded(server));
  const master = await fleet.master();
  const guard = await guardOf(master);
  process.kill(guard, 'SIGKILL');
  await master.process.message((one) => one['event'] === 'session.unguarded', 'the end of its guard');
  await eventually(async () => expect(await guardOf(master)).not.toBe(guard), { what: 'another guard' });
  await proveDeath(fleet, master, (one) => one.process.kill());
  expect(violations(fleet)).toEqual([]);
});

it.concurrent(
  'proves a death at which no server answered, once one does, and although its transaction is lost at first, and then the reply',
  async () => {
    await using server = await longSessions();
    await using proxied = await startProxiedFleet(2, server, { sessionTimeoutMs: LONG_MS, crashGuard: true });
    const { fleet } = proxied;
    const master = await fleet.master();
    const guard = await guardOf(master);
    const link = proxied.link(master);
    const before = link.connections.accepted;
    link.mute();
    await master.process.kill();
    await eventually(() => expect(link.connections.accepted).toBeGreaterThan(before), { what: 'the guard to try' });
    expect(isGuarding(guard)).toBe(true);
    const unsent = link.loseRequest('multi');
    link.pass();
    await unsent;
    await link.loseReplyTo('multi');
    const successor = await fleet.master({ not: master });
    expect(lastWinOf(successor)).toEqual(PROVEN);
    await eventually(() => expect(isGuarding(guard)).toBe(false), { what: 'the end of the guard' });
    expect(violations(fleet)).toEqual([]);
  },
);

it.concurrent('guards the session that took the place of another one', async () => {
  await using server = await longSessions();
  await using admin = await startAdmin(server.connectString);
  await using proxied = await startProxiedFleet(1, server, { sessionTimeoutMs: LONG_MS, crashGuard: true });
  const { fleet } = proxied;
  const master = await fleet.master();
  const token = master.token();
  const { sessionId, password } = proxied.credentials(master);
  await admin.endSession(sessionId, password);
  await eventually(() => expect(master.isMaster() && master.token() > token).toBe(true), { what: 'another tenure' });
  await proxied.add(server).then((other) => other.reaches('standby'));
  await proveDeath(fleet, master, (one) => one.process.kill());
  expect(violations(fleet)).toEqual([]);
});

it.concurrent('has nothing to do after an orderly stop', async () => {
  await using server = await longSessions();
  await using fleet = await startFleet(2, guarded(server));
  const master = await fleet.master();
  const guard = await guardOf(master);
  await master.stop();
  await master.process.exited;
  const successor = await fleet.master({ not: master });
  expect(lastWinOf(successor)).toEqual({ knew: 'of its resignation', waited: false });
  await eventually(() => expect(isGuarding(guard)).toBe(false), { what: 'the end of the guard' });
});

it.concurrent('proves a death in the middle of a run, and of a drain', async () => {
  await using server = await longSessions();
  await using fleet = await startFleet(2, guarded(server, { drain: { kind: 'finish', ms: LONG_MS } }));
  const first = await fleet.master();
  const second = await proveDeath(fleet, first, (one) => one.process.kill());
  await (await fleet.add()).reaches('standby');
  void second.ask('resign').catch(() => undefined);
  await second.reaches('draining');
  await proveDeath(fleet, second, (one) => one.process.kill());
  expect(violations(fleet)).toEqual([]);
});

it.concurrent('proves the death of a master whose node and record have been edited', async () => {
  await using server = await longSessions();
  await using admin = await startAdmin(server.connectString);
  await using fleet = await startFleet(2, guarded(server));
  const master = await fleet.master();
  await admin.set(NODE, '10.9.9.9:1');
  await eventually(async () => expect(await admin.read(NODE)).toBe(master.address), { what: 'the address to be restored' });
  await admin.set(NODE, master.address);
  // The first answer comes behind the event of that edit, and the second behind what the master then reads.
  await master.ask('master');
  await master.ask('master');
  await proveDeath(fleet, master, (one) => one.process.kill());
  expect(violations(fleet)).toEqual([]);
});

/** A guard whose pipe is closed by a process that lives: its exit code, and whether it has touched the node. */
async function closedPipe(dist?: string): Promise<{ readonly code: number; readonly touched: boolean }> {
  await using server = await longSessions();
  await using admin = await startAdmin(server.connectString);
  await using proxied = await startProxiedFleet(1, server, { sessionTimeoutMs: LONG_MS });
  const { sessionId: id, password } = proxied.credentials(await proxied.fleet.master());
  const node = await admin.info(NODE);
  const charge = {
    ensemble: { connectString: server.connectString, auth: undefined, tls: undefined },
    session: { id, password, timeoutMs: LONG_MS },
    lastWills: [[{ kind: 'delete', path: NODE, version: ANY_VERSION } as const]],
  };
  const code = await closePipe(charge, dist);
  return { code, touched: (await admin.info(NODE))?.czxid !== node?.czxid };
}

it.concurrent('does nothing when the pipe is closed by a process that lives', async () => {
  expect(await closedPipe()).toEqual({ code: ALIVE_EXIT_CODE, touched: false });
});

it.concurrent('would end a living session if it took the end of the pipe for a death', async () => {
  using mutant = await mutantOf({
    file: 'session/crash-guard/parent-death.js',
    guard: 'parentNow() !== parentPid',
    instead: 'true',
  });
  expect(await closedPipe(mutant.dist)).toEqual({ code: 0, touched: true });
});

it.concurrent('works with credentials', async () => {
  await using server = await longSessions();
  const auth = { scheme: 'digest', credentials: ['bank:secret'] } as const;
  await using fleet = await startFleet(2, guarded(server, { auth }));
  await proveDeath(fleet, await fleet.master(), (one) => one.process.kill());
});

it.concurrent('guards an application that asks for it, and its run that was cut short has its verdict at once', async () => {
  await using server = await longSessions();
  const jobs = [{ name: 'report', cronTime: '* * * * * *', body: 'hang' }] as const;
  const module = { crashGuard: true, sessionTimeoutMs: LONG_MS };
  await using fleet = await startJobFleet(2, { connectString: server.connectString, jobs, module });
  const master = await fleet.master();
  await eventually(() => expect(master.logged('run.started')).not.toEqual([]), { what: 'a run' });
  await master.process.kill();
  const successor = await fleet.master(() => fleet.living().filter((one) => one !== master));
  expect(JSON.stringify(successor.logged('mastership.won').at(-1))).toContain('its crash guard has seen');
  const verdicts = async (): Promise<string> => JSON.stringify(await successor.jobs('verdicts', 'report'));
  await eventually(async () => expect(await verdicts()).toContain('"interrupted"'), { what: 'the verdict' });
  await successor.process.kill('SIGTERM');
});
