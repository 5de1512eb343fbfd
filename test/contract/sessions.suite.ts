import { expect } from 'vitest';
import { ended, watched } from './events.js';
import { bytes, refusal, type Statement } from './statements.js';

export const SESSION_STATEMENTS: readonly Statement[] = [
  {
    what: 'a closed session takes all its ephemeral nodes with it, in one transaction, and its watchers hear it',
    async holds({ session }, at, subject) {
      const other = await subject.open();
      for (const name of ['x', 'y']) {
        await session.create(`${at}/${name}`, bytes(''), 'persistent');
        await other.session.create(`${at}/${name}/e`, bytes(''), 'ephemeral');
      }
      const gone = await watched(session, `${at}/x/e`);
      expect(await other.close()).toBe('closed');
      expect(await gone()).toEqual({ type: 'deleted', path: `${at}/x/e` });
      await session.sync(at);
      const [x, y] = [(await session.exists(`${at}/x`))!, (await session.exists(`${at}/y`))!];
      expect([x.numChildren, y.numChildren]).toEqual([0, 0]);
      expect(x.pzxid).toBe(y.pzxid);
      expect(x.pzxid).toBeGreaterThan(x.mzxid);
    },
  },
  {
    what: 'a session that was ended on the server commits nothing more, not even checks, and learns of its end',
    async holds({ session }, at, subject) {
      const victim = await subject.open();
      await victim.session.create(`${at}/e`, bytes(''), 'ephemeral');
      const gone = await watched(session, `${at}/e`);
      await victim.kill();
      expect(await gone()).toMatchObject({ type: 'deleted' });
      const late = refusal(victim.session.multi([{ kind: 'check', path: at, version: 0 }]));
      expect(['connection-loss', 'session-expired']).toContain((await late).reason);
      await ended(victim.session);
      const after = await refusal(victim.session.multi([{ kind: 'check', path: at, version: 0 }]));
      expect(after.details.sent).toBe(false);
      await victim.close();
    },
  },
  {
    what: 'a broken connection leaves session and ephemeral nodes, and the session comes back as itself',
    async holds(client, at, subject) {
      const { session } = client;
      const other = await subject.open();
      await session.create(`${at}/e`, bytes(''), 'ephemeral');
      const { id } = session;
      await client.cut();
      expect(session.attached).toBe(false);
      expect(await other.session.exists(`${at}/e`)).toMatchObject({ ephemeralOwner: id });
      await client.mend();
      expect([session.attached, session.ended.aborted, session.id]).toEqual([true, false, id]);
      expect(await session.exists(`${at}/e`)).toMatchObject({ ephemeralOwner: id });
      await other.close();
    },
  },
  {
    what: 'without a connection nothing is sent or queued: operations are refused at once',
    async holds(client, at) {
      const { session } = client;
      await client.cut();
      let sent = false;
      const refused = await refusal(session.create(`${at}/a`, bytes(''), 'persistent', { onSent: () => (sent = true) }));
      expect(refused).toMatchObject({ reason: 'connection-loss', outcomeUnknown: false, details: { sent: false } });
      expect(sent).toBe(false);
      await client.mend();
      expect(await session.exists(`${at}/a`)).toBeUndefined();
    },
  },
  {
    what: 'says when a request was sent, within the call',
    async holds({ session }, at) {
      let sentAtMs: number | undefined;
      const done = session.multi([{ kind: 'check', path: at, version: 0 }], { onSent: (atMs) => (sentAtMs = atMs) });
      expect(sentAtMs).toBeTypeOf('number');
      const first = sentAtMs!;
      await done;
      await session.multi([{ kind: 'check', path: at, version: 0 }], { onSent: (atMs) => (sentAtMs = atMs) });
      expect(sentAtMs).toBeGreaterThanOrEqual(first);
    },
  },
  {
    what: 'a write whose answer is lost may have happened: the owner of the node tells',
    async holds(client, at) {
      const { session } = client;
      const lost = await refusal(client.loseAnswerTo(() => session.create(`${at}/mine`, bytes(''), 'ephemeral')));
      expect(lost).toMatchObject({ reason: 'connection-loss', outcomeUnknown: true, details: { sent: true } });
      await client.mend();
      expect(await refusal(session.create(`${at}/mine`, bytes(''), 'ephemeral'))).toMatchObject({ reason: 'node-exists' });
      expect(await session.exists(`${at}/mine`)).toMatchObject({ ephemeralOwner: session.id });
    },
  },
  {
    what: 'a caller who gives up hears his reason, and the session goes on',
    async holds({ session }, at) {
      const reason = new Error('enough');
      await expect(session.get(at, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
      const giveUp = new AbortController();
      const asked = session.get(at, { signal: giveUp.signal });
      giveUp.abort(reason);
      await expect(asked).rejects.toBe(reason);
      expect((await session.get(at)).stat.version).toBe(0);
    },
  },
  {
    what: 'after its close a session refuses everything without sending it',
    async holds(_, at, subject) {
      const other = await subject.open();
      await other.close();
      expect(other.session.ended.aborted).toBe(true);
      expect(other.session.attached).toBe(false);
      expect((await refusal(other.session.get(at))).details.sent).toBe(false);
    },
  },
];
