import { expect, it } from 'vitest';
import { createSessions } from '../../../src/zookeeper/session/sessions.js';
import { systemClock } from '../../../src/zookeeper/support/clock.js';
import type { Session } from '../../../src/zookeeper/session/session.js';
import { startServer } from '../../support/zookeeper.js';

it('smoke', async () => {
  await using server = await startServer();
  const s = createSessions({ connectString: server.connectString, sessionTimeoutMs: 4000, clock: systemClock, observer: { observe: (o) => console.log(o.level, o.event, o.message) } });
  s.start();
  const session = await new Promise<Session>((r) => s.onSession(r));
  expect(await session.create('/a', Buffer.from('x'), 'ephemeral')).toBe('/a');
  const evs: string[] = [];
  const w = (e: { type: string; path: string }): void => void evs.push(`${e.type} ${e.path}`);
  console.log(await session.get('/a', { watch: w }), await session.exists('/b', { watch: w }), await session.children('/', { watch: w }));
  await session.set('/a', Buffer.from('y'), 0, { onSent: (t) => console.log('sent', t) });
  await session.create('/b', Buffer.from('x'), 'persistent');
  await expect(session.create('/b', Buffer.from('x'), 'persistent')).rejects.toMatchObject({ reason: 'node-exists' });
  console.log(await session.multi([{ kind: 'check', path: '/b', version: 0 }, { kind: 'set', path: '/b', data: Buffer.from('z'), version: 0 }, { kind: 'create', path: '/c', data: Buffer.from(''), mode: 'ephemeral-sequential' }, { kind: 'delete', path: '/a', version: 1 }]));
  await expect(session.multi([{ kind: 'check', path: '/b', version: 1 }, { kind: 'check', path: '/b', version: 0 }])).rejects.toMatchObject({ reason: 'bad-version', details: { opIndex: 1, path: '/b' } });
  await session.sync('/');
  console.log(evs, s.state());
  await server.kill();
  await server.start();
  await new Promise<void>((r) => (session.attached ? r() : void session.onAttached(r)));
  console.log(await session.get('/b'), s.state());
  console.log(await s.stop(5000), s.state());
});
