import { Fleet } from '../../support/replica/replica.js';
import { startNetworkedEnsemble } from '../../support/netns.js';
import { eventually } from '../../support/eventually.js';
import { outcomeOf, type Outcome, type Subject } from './outcome.js';

export interface Isolation extends Outcome {
  /** For how long the isolated server went on answering another client's pings after the new master was first seen. */
  readonly answeredForMs: number;
}

/**
 * A follower is cut off from its peers but not from its client, the master. It goes on answering pings and
 * reads for seconds after the leader has ended the session, with ZooKeeper's defaults too; here for longer, so
 * that a slow machine sees it.
 */
export async function isolatedFollower({ dist }: Subject): Promise<Isolation> {
  await using networked = await startNetworkedEnsemble(3, { tickTimeMs: 2_000, cfg: { initLimit: 10, syncLimit: 10 } });
  const leader = await networked.ensemble.leader();
  const follower = networked.members.find((member) => member !== leader);
  if (follower === undefined) throw new Error('no follower');
  const others = networked.members.filter((member) => member !== follower);
  await using fleet = new Fleet({ connectString: others.map((member) => member.connectString).join(','), dist, sessionTimeoutMs: 4_000 });
  const old = await fleet.add({ connectString: follower.connectString });
  await fleet.master();
  // Sends nothing but pings while it waits; a client with a write that is not answered gets no
  // answers to its pings either.
  const idle = await fleet.add({ connectString: follower.connectString, candidate: false });
  await idle.process.message((one) => one['event'] === 'session.attached', 'its session');
  for (const _ of others) await fleet.add();
  networked.isolate(follower.id);
  const next = await fleet.master({ not: old });
  const firstUs = next.messages.find((one) => one['k'] === 'master')?.['first'] as number;
  // The follower gives up after syncLimit ticks of silence, and drops its clients.
  const detached = await idle.process.message((one) => one['event'] === 'session.detached', 'the loss of its server');
  networked.heal(follower.id);
  await eventually(
    async () => {
      if ((await follower.mode()) === undefined) throw new Error('it serves nobody');
    },
    { what: 'the healed follower to serve' },
  );
  await old.reaches('standby');
  await fleet.master();
  return { ...outcomeOf(fleet), answeredForMs: ((detached['t'] as number) - firstUs) / 1000 };
}
