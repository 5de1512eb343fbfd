import { sleep } from '../../support/abort.js';
import { placesIn, type Line } from '../../recipes/line/line.js';
import type { ElectionContext } from '../election/election-context.js';
import { rankDelayMs, shareDelayMs } from '../election/timing.js';

/**
 * After the node has gone: resolves when it is this candidate's turn to try. The first in line goes at once; the
 * others give those before them a little time. Whoever holds other elections of the service lets those go first
 * who hold fewer: asked again after each delay, because several elections lose their master at once when a replica
 * dies. `go` is called in the turn of the loop in which it was decided, so that the replica's other elections
 * count this one from then on.
 *
 * @throws the signal's reason.
 */
export async function awaitTurn(
  context: ElectionContext,
  line: Line,
  heldElsewhere: () => number,
  signal: AbortSignal,
  go: () => void,
): Promise<'at once' | 'later'> {
  const { clock, memory, session, znodes, address } = context;
  const sinceMs = clock.monotonicMs();
  let went: 'at once' | 'later' = 'at once';
  let hasCompany: boolean | undefined;
  for (;;) {
    // Nobody waits for others who are not there.
    if (heldElsewhere() > 0) hasCompany ??= (await placesIn(session, znodes.line)).some((place) => place.id !== line.id);
    const shareMs = hasCompany === true ? shareDelayMs(heldElsewhere()) : 0;
    const delayMs = memory.isNamed(address) ? 0 : rankDelayMs(line.rank) + shareMs;
    const leftMs = sinceMs + delayMs - clock.monotonicMs();
    if (leftMs <= 0) break;
    went = 'later';
    await sleep(clock, leftMs, signal);
  }
  go();
  return went;
}
