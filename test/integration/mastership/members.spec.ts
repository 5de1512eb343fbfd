import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { tokens, violations } from '../../support/replica/audit.js';
import { eventually } from '../../support/eventually.js';
import { nowUs, startFleet, type Fleet, type Replica } from '../../support/replica/replica.js';
import { startEnsemble, type Ensemble } from '../../support/zookeeper.js';
import { serverOf } from './outcome.js';

const T_MS = 4_000;
let ensemble: Ensemble;

beforeAll(async () => {
  ensemble = await startEnsemble(3);
});

afterAll(async () => {
  await ensemble.dispose();
});

function fleetAt(root: string): Promise<Fleet> {
  return startFleet(3, { connectString: ensemble.connectString, sessionTimeoutMs: T_MS, rootPath: root });
}

function memberOf(replica: Replica): Ensemble['members'][number] {
  const member = ensemble.members.find((one) => one.connectString === serverOf(replica));
  if (member === undefined) throw new Error(`${replica.process.name} is at no member: ${serverOf(replica)}`);
  return member;
}

it('never has two masters while the server of the master hangs, nor when it goes on', async () => {
  await using fleet = await fleetAt('/hung');
  for (let round = 0; round < 2; round += 1) {
    const master = await fleet.master();
    const hung = memberOf(master);
    await hung.pause();
    await eventually(() => expect(serverOf(master)).not.toBe(hung.connectString), {
      what: 'the master to leave the hung server',
    });
    await fleet.master();
    await hung.resume();
    await ensemble.start();
    await ensemble.leader();
  }
  await fleet.master();
  expect(violations(fleet)).toEqual([]);
});

it('never has two masters when members are killed: that of the master, and the leader', async () => {
  await using fleet = await fleetAt('/killed');
  const victims = [async () => memberOf(await fleet.master()), () => ensemble.leader()];
  for (const victim of victims) {
    const member = await victim();
    await member.kill();
    await ensemble.leader();
    await fleet.master();
    await member.start();
  }
  await fleet.master();
  expect(violations(fleet)).toEqual([]);
});

it('has no master soon after the quorum is lost, and one when it is back', async () => {
  await using fleet = await fleetAt('/no-quorum');
  const master = await fleet.master();
  const kept = memberOf(master);
  const killed = ensemble.members.filter((member) => member !== kept);
  await Promise.all(killed.map((member) => member.kill()));
  const lostUs = nowUs();
  await eventually(() => expect(fleet.replicas.map((one) => one.isMaster())).toEqual([false, false, false]), { what: 'no master' });
  // The last write that a quorum can have acknowledged lets it believe for a third of the session timeout;
  // the rest is for the kill.
  expect(master.lastTrueUs() - lostUs).toBeLessThan((T_MS / 3) * 1000 + 500_000);
  await wait(T_MS / 2);
  await ensemble.start();
  await fleet.master();
  expect(violations(fleet)).toEqual([]);
});

it('never has two masters when the whole ensemble is restarted', async () => {
  await using fleet = await fleetAt('/restarted');
  await ensemble.kill();
  await wait(T_MS / 2);
  await ensemble.start();
  await fleet.master();
  expect(violations(fleet)).toEqual([]);
});

it('has a master again, with a higher token, when the ensemble is restored empty', async () => {
  await using fleet = await fleetAt('/restored-empty');
  const before = (await fleet.master()).token();
  await ensemble.wipe();
  await ensemble.start();
  // The old master may believe for a moment after a quick restart.
  await eventually(async () => expect((await fleet.master()).token()).toBeGreaterThan(before), {
    what: 'a tenure in the restored ensemble',
  });
  expect(tokens(fleet).length).toBeGreaterThan(1);
  expect(violations(fleet)).toEqual([]);
});
