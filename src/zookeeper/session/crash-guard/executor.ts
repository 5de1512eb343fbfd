import type { Clock } from '../../support/clock.js';
import { WireClient } from '../../wire/client.js';
import { parseConnectString } from '../../wire/connect-string.js';
import type { ConnectionEnd } from '../../wire/connection-options.js';
import { isZooKeeperError } from '../../wire/errors.js';
import { ServerList } from '../../wire/servers.js';
import type { Charge, GuardedSession } from './charge.js';

/**
 * How much longer than the session timeout a guard tries. A session outlives its process by the timeout, which servers
 * that restart count afresh.
 */
export const PATIENCE_MS = 60_000;

/**
 * The session timeout that it asks for, where the session's is longer: a server that hangs is left after a share of it,
 * and nobody lives who would need more.
 */
const TIMEOUT_MS = 4_000;

/**
 * Carries out what a dead process has left: attaches to its session, writes its last wills, closes it. Resolves with
 * how that ended: `'closed'`; `'expired'`, there was no such session any more; `'abandoned'`, no server could be
 * reached for so long that there can be none.
 *
 * Only to be called when the process is known to be dead (parent-death.ts).
 */
export function execute(charge: Charge, session: GuardedSession, clock: Clock): Promise<ConnectionEnd> {
  const { servers, chroot } = parseConnectString(charge.ensemble.connectString);
  const limitMs = session.timeoutMs + PATIENCE_MS;
  const untilMs = clock.monotonicMs() + limitMs;
  return new Promise((resolve) => {
    const limit = clock.after(limitMs, () => wire.connection.abandon());
    const wire: WireClient = new WireClient({
      servers: new ServerList(servers),
      chroot,
      sessionTimeoutMs: Math.min(session.timeoutMs, TIMEOUT_MS),
      auth: charge.ensemble.auth,
      tls: charge.ensemble.tls,
      resume: session,
      clock,
      events: {
        attached: () => void settle(wire, charge, untilMs - clock.monotonicMs()),
        detached: () => undefined,
        attemptFailed: () => undefined,
        callbackFailed: () => undefined,
        over(_, end) {
          limit.cancel();
          resolve(end);
        },
      },
    });
    wire.connection.connect();
  });
}

/**
 * The wills, and then the end of the session. A will whose reply was lost is sent again over the next connection; one
 * that is refused was carried out already, or does not fit any more: then nothing is proven, which is always safe.
 */
async function settle(wire: WireClient, { lastWills }: Charge, limitMs: number): Promise<void> {
  const outcomes = await Promise.allSettled(lastWills.map((will) => wire.multi(will)));
  const isLost = outcomes.some((one) => one.status === 'rejected' && isZooKeeperError(one.reason, 'connection-loss'));
  if (!isLost) await wire.connection.shutdown(Math.max(0, limitMs));
}
