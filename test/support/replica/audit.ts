import type { Message } from '../process.js';
import type { Fleet, Replica } from './replica.js';

/** All sightings of one kind by one replica under one token. */
interface Reign {
  readonly kind: 'master' | 'valid' | 'run';
  readonly replica: Replica;
  readonly election: number;
  readonly token: bigint;
  /** When its first sighting was over. */
  firstUs: number;
  /** When its last sighting began. */
  lastUs: number;
}

/**
 * How many turns of the event loop may find a tenure invalid before those who listen to it are told: the
 * overdue one, and those of the millisecond or two by which Node's timers round. Without a timer for the
 * deadline there are hundreds.
 */
const LATE_TURNS = 8;

/**
 * Everything that the replicas have seen and that I1, I3 or I4 forbids, in words; nothing when all is well.
 *
 * Two sightings are in a certain order when one was over before the other began. Compared are only those that are; so
 * slowness can hide something, and can make nothing up.
 */
export function violations(fleet: Fleet): string[] {
  const reigns = fleet.replicas.flatMap(reignsOf);
  const found = fleet.replicas.flatMap(lateTellings);
  const masters = reigns.filter((one) => one.kind === 'master');
  for (const later of masters) {
    for (const earlier of reigns) {
      if (earlier.election !== later.election) continue;
      if (earlier.token === later.token && earlier.replica !== later.replica)
        found.push(`${named(earlier)} and ${named(later)} have one token`);
      if (earlier.token >= later.token || earlier.lastUs <= later.firstUs) continue;
      found.push(`${named(earlier)} was seen ${((earlier.lastUs - later.firstUs) / 1000).toFixed(1)} ms after ${named(later)}`);
    }
  }
  return found;
}

function named({ kind, replica, token, election }: Reign): string {
  return `"${kind}" of ${replica.process.name} with token ${token} in election ${election}`;
}

function reignsOf(replica: Replica): Reign[] {
  const reigns = new Map<string, Reign>();
  for (const message of replica.messages) {
    const kind = message['k'];
    if (kind !== 'master' && kind !== 'valid' && kind !== 'run') continue;
    const { e, token, first, last } = message as Message & { e: number; token: string; first: number; last: number };
    const key = `${kind} ${e} ${token}`;
    const known = reigns.get(key);
    if (known === undefined) reigns.set(key, { kind, replica, election: e, token: BigInt(token), firstUs: first, lastUs: last });
    else {
      known.firstUs = Math.min(known.firstUs, first);
      known.lastUs = Math.max(known.lastUs, last);
    }
  }
  return [...reigns.values()];
}

function lateTellings(replica: Replica): string[] {
  return replica.messages
    .filter((one) => one['k'] === 'invalid' && (one['lateTurns'] as number) > LATE_TURNS)
    .map(
      (one) => `${replica.process.name} was told of the end of token ${String(one['token'])} only after ${String(one['lateTurns'])} turns`,
    );
}

/** The fencing tokens under which any replica was seen as master, smallest first. */
export function tokens(fleet: Fleet, election = 0): bigint[] {
  const seen = fleet.replicas.flatMap(reignsOf).filter((one) => one.kind === 'master' && one.election === election);
  return [...new Set(seen.map((one) => one.token))].sort((a, b) => (a < b ? -1 : 1));
}
