import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { awaitTurn } from '../../../src/zookeeper/mastership/campaign/turn.js';
import type { ElectionContext } from '../../../src/zookeeper/mastership/election/election-context.js';
import type { Line } from '../../../src/zookeeper/recipes/line/line.js';
import { HandClock } from './hand-clock.js';

const ELECTIONS = ['a', 'b', 'c', 'd', 'e'];

/** Whoever loses one stops trying for it. */
interface Race {
  readonly over: AbortController;
  winner?: string;
}

/**
 * Replicas that stand in line in the same order everywhere, and campaign in all elections from the same moment; a round
 * trip takes no time. Answers who has won how many, after `ms`.
 */
async function wonAfter(ms: number, replicas: readonly string[], namedIn: readonly string[] = []): Promise<Record<string, number>> {
  const clock = new HandClock();
  const races = new Map<string, Race>(ELECTIONS.map((name) => [name, { over: new AbortController() }]));
  const won = (replica: string): number => [...races.values()].filter(({ winner }) => winner === replica).length;
  const places = replicas.map((id, index) => `10.0.0.1:${index}~${id}-${String(index).padStart(10, '0')}`);
  const campaign = async (name: string, race: Race, id: string, rank: number): Promise<void> => {
    const context = {
      clock,
      memory: { isNamed: () => id === replicas.at(-1) && namedIn.includes(name) },
      session: { children: async () => ({ names: places }) },
      znodes: { line: `/${name}` },
      address: id,
    } as unknown as ElectionContext;
    const go = (): void => {
      race.winner ??= id;
      race.over.abort();
    };
    await awaitTurn(context, { id, rank } as Line, () => won(id), race.over.signal, go);
  };
  const campaigns = [...races].flatMap(([name, race]) => replicas.map((id, rank) => campaign(name, race, id, rank).catch(() => undefined)));
  for (let passedMs = 0; passedMs < ms; passedMs += 10) {
    await turn();
    clock.pass(10);
  }
  for (const { over } of races.values()) over.abort();
  await Promise.all(campaigns);
  return Object.fromEntries(replicas.map((id) => [id, won(id)]));
}

it('the first in line goes at once, and gives those a start who hold fewer elections', async () => {
  expect(await wonAfter(1_000, ['first', 'second', 'third'])).toEqual({ first: 2, second: 2, third: 1 });
});

it('nobody waits for company that is not there', async () => {
  expect(await wonAfter(20, ['alone'])).toEqual({ alone: ELECTIONS.length });
});

it('whom a hand-over names goes at once, whatever it holds and wherever it stands', async () => {
  expect(await wonAfter(20, ['first', 'named'], ELECTIONS.slice(1))).toEqual({ first: 1, named: 4 });
});
