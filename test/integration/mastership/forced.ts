import { startAdmin, type Admin } from '../../support/admin.js';
import { startProxiedFleet, type ProxiedFleet } from '../../support/replica/proxied.js';
import type { Replica } from '../../support/replica/replica.js';
import { outcomeOf, T_MS, type Outcome, type Subject } from './outcome.js';

export interface Server extends Subject {
  readonly host: string;
  readonly port: number;
  readonly connectString: string;
}

/** A third of it is the longest lease, and more. */
const LONG_SESSION_MS = 16_000;

/** Of a server that grants such sessions. */
export const LONG = { cfg: { maxSessionTimeout: 20_000 } };

/** What somebody does to the master from outside. */
export type Blow = (admin: Admin, root: string, proxied: ProxiedFleet, master: Replica) => Promise<unknown>;

export const BLOWS = {
  'its session is closed by force': (admin, _root, proxied, master) => {
    const { sessionId, password } = proxied.credentials(master);
    return admin.endSession(sessionId, password);
  },
  'an operator deletes its node': (admin, root) => admin.delete(`${root}/master/services/bank:v1`),
  'the whole tree is wiped': (admin, root) => admin.wipe(root),
} as const satisfies Record<string, Blow>;

/** The blow falls while the master hangs behind a half-open link; later the link heals. */
export async function struckBehindHalfOpenLink(server: Server, blow: keyof typeof BLOWS): Promise<Outcome> {
  const root = `/struck-${blow.replaceAll(' ', '-')}`;
  await using proxied = await startProxiedFleet(3, server, { dist: server.dist, rootPath: root, sessionTimeoutMs: LONG_SESSION_MS });
  await using admin = await startAdmin(server.connectString);
  const { fleet } = proxied;
  const master = await fleet.master();
  const link = proxied.link(master);
  // The longest lease there is begins now: the less does it matter how fast this machine is.
  await new Promise<void>((resolve) => {
    const remove = link.onFrame((frame) => {
      if (frame.kind !== 'reply' || frame.op !== 'multi') return 'pass';
      remove();
      // Once this reply has passed.
      setImmediate(() => resolve(link.hole()));
      return 'pass';
    });
  });
  const since = master.messages.length;
  const token = master.token();
  await BLOWS[blow](admin, root, proxied, master);
  await fleet.master({ not: master });
  link.pass();
  await master.takesPartAgain(token, since);
  await fleet.master();
  return outcomeOf(fleet);
}

/** The blow falls while all links are well. */
export async function struck(server: Server, blow: keyof typeof BLOWS): Promise<Outcome> {
  const root = `/struck-well-${blow.replaceAll(' ', '-')}`;
  await using proxied = await startProxiedFleet(3, server, { dist: server.dist, rootPath: root, sessionTimeoutMs: T_MS });
  await using admin = await startAdmin(server.connectString);
  const { fleet } = proxied;
  const master = await fleet.master();
  const since = master.messages.length;
  await BLOWS[blow](admin, root, proxied, master);
  await master.reaches('electing', { since });
  await fleet.master();
  return outcomeOf(fleet);
}
