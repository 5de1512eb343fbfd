import { expect, it } from 'vitest';
import { electionZnodes } from '../../src/zookeeper/mastership/election/election.znodes.js';
import type { ElectionRecord } from '../../src/zookeeper/mastership/election/election-record.js';
import { tryToWin, type Attempt, type NotWon } from '../../src/zookeeper/mastership/campaign/win.js';
import type { Win } from '../../src/zookeeper/mastership/tenure/won-election.js';
import { writeOnce, type ConditionalWrite, type WriteOutcome } from '../../src/zookeeper/session/conditional-write.js';
import { LeaseKeeper } from '../../src/zookeeper/session/lease.js';
import { NodeWatch } from '../../src/zookeeper/session/node-watch.js';
import { makeParents } from '../../src/zookeeper/session/parents.js';
import type { Session } from '../../src/zookeeper/session/session.js';
import { Latch } from '../../src/zookeeper/support/latch.js';
import { isZooKeeperError, ZooKeeperError, type ZooKeeperReason } from '../../src/zookeeper/wire/errors.js';
import { ANY_VERSION } from '../../src/zookeeper/wire/operations.js';
import { ModelSubject } from '../contract/model.subject.js';
import { HandClock } from '../unit/mastership/hand-clock.js';

/** Plays `test` with two sessions on the model of ZooKeeper. */
async function withSessions(test: (one: Session, other: Session) => Promise<void>): Promise<void> {
  const subject = new ModelSubject(1);
  await subject.run(async () => test((await subject.open()).session, (await subject.open()).session));
}

interface Losses {
  /** What happens between the transaction and its lost answer. */
  readonly meanwhile?: () => Promise<unknown>;
  /** The request is lost, not the answer: it is never carried out. */
  readonly requestLost?: boolean;
  readonly reason?: ZooKeeperReason;
  /** What is lost instead of the transaction. */
  readonly operation?: string;
  readonly sent?: boolean;
}

/** The same session, except that the first transaction gets no answer. */
function losing(
  session: Session,
  { meanwhile, requestLost, reason = 'connection-loss', operation = 'multi', sent = true }: Losses = {},
): Session {
  let lost = false;
  const multi: Session['multi'] = async (ops, options) => {
    if (lost) return session.multi(ops, options);
    lost = true;
    if (requestLost !== true) await session.multi(ops, options);
    await meanwhile?.();
    throw new ZooKeeperError(reason, { operation, sent });
  };
  return new Proxy(session, {
    get(target, key) {
      if (key === 'multi') return multi;
      const member: unknown = Reflect.get(target, key, target);
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
}

const ZNODES = electionZnodes({ rootPath: '/soa', service: 'bank', version: 'v1', scope: 'version' });
const RECORD: ElectionRecord = { tenure: 't', address: 'one:1', state: 'held', leaseMs: 1_000, unprovenMs: 0, floor: 0n };
const ATTEMPT: Attempt = { tenureId: 't', address: 'one:1', recordVersion: 0, record: RECORD, place: undefined };

async function win(session: Session): Promise<Win | NotWon> {
  const clock = new HandClock();
  const keeper = new LeaseKeeper(session, clock, '/soa', 1_000);
  const watch = new NodeWatch(session, ZNODES.node, keeper, new Latch(clock));
  return tryToWin(session, ZNODES, keeper, watch, ATTEMPT, new AbortController().signal);
}

it('knows its own win by the owner of the node, when the answer is lost', () =>
  withSessions(async (one) => {
    await makeParents(one, ZNODES.parents);
    const won = await win(losing(one));
    const node = await one.exists(ZNODES.node);
    expect(won).toMatchObject({ tenureId: 't', czxid: node?.czxid, recordVersion: 1, lease: undefined });
    expect(node?.ephemeralOwner).toBe(one.id);
  }));

it('does not take the node of another for its win, although the record still names its own tenure', () =>
  withSessions(async (one, other) => {
    await makeParents(one, ZNODES.parents);
    const meanwhile = async (): Promise<void> => {
      await other.delete(ZNODES.node, ANY_VERSION);
      // Somebody who keeps no record, under the same address.
      await other.create(ZNODES.node, Buffer.from('one:1'), 'ephemeral');
    };
    expect(await win(losing(one, { meanwhile }))).toBe('taken');
  }));

it('does not take its own node for its win, when the record names another tenure', () =>
  withSessions(async (one, other) => {
    await makeParents(one, ZNODES.parents);
    const meanwhile = (): Promise<unknown> => other.set(ZNODES.record, Buffer.from('{}'), ANY_VERSION);
    expect(await win(losing(one, { meanwhile }))).toBe('taken');
  }));

it('wins by the repetition, when the request is lost', () =>
  withSessions(async (one) => {
    await makeParents(one, ZNODES.parents);
    expect(await win(losing(one, { requestLost: true }))).toMatchObject({ tenureId: 't', lease: { lengthMs: 1_000 } });
  }));

/** A conditional write of `/counter` that counts what is asked of it. */
class Counted implements ConditionalWrite<string> {
  readonly path = '/counter';
  readonly asked: string[] = [];

  constructor(
    private readonly session: Session,
    readonly isPatient = true,
    private readonly version = 0,
    readonly maxTries = 3,
  ) {}

  async send(replyLost: boolean): Promise<string> {
    this.asked.push(replyLost ? 'send again' : 'send');
    await this.session.multi([{ kind: 'set', path: this.path, data: Buffer.from('mine'), version: this.version }]);
    return 'answered';
  }

  meaningOf(answer: ZooKeeperError): 'the change' | 'something beside it' | 'no refusal' {
    if (isZooKeeperError(answer, 'bad-version')) return 'the change';
    return isZooKeeperError(answer, 'no-node') ? 'something beside it' : 'no refusal';
  }

  async find(): Promise<string | undefined> {
    this.asked.push('find');
    return (await this.session.get(this.path)).data.toString() === 'mine' ? 'found' : undefined;
  }
}

interface Written {
  readonly outcome: WriteOutcome<string>;
  readonly asked: readonly string[];
}

async function written(write: Counted, session: Session): Promise<Written> {
  return { outcome: await writeOnce(session, write), asked: write.asked };
}

it('reads what is there only after the repetition was refused', () =>
  withSessions(async (one) => {
    await one.create('/counter', Buffer.alloc(0), 'persistent');
    const session = losing(one);
    const { outcome, asked } = await written(new Counted(session), session);
    expect(outcome).toEqual({ kind: 'done', value: 'found' });
    expect(asked).toEqual(['send', 'send again', 'find']);
    expect((await one.exists('/counter'))?.version).toBe(1);
  }));

it('is refused when another was first, whether or not the reply was lost', () =>
  withSessions(async (one, other) => {
    await one.create('/counter', Buffer.alloc(0), 'persistent');
    const session = losing(one, { requestLost: true, meanwhile: () => other.set('/counter', Buffer.from('theirs'), 0) });
    expect(await written(new Counted(session), session)).toMatchObject({
      outcome: { kind: 'refused' },
      asked: ['send', 'send again', 'find'],
    });
    expect(await written(new Counted(one), one)).toMatchObject({ outcome: { kind: 'refused' }, asked: ['send'] });
  }));

it('is carried out once, by the repetition, when the request was lost', () =>
  withSessions(async (one) => {
    await one.create('/counter', Buffer.alloc(0), 'persistent');
    const session = losing(one, { requestLost: true });
    expect(await written(new Counted(session), session)).toEqual({
      outcome: { kind: 'done', value: 'answered' },
      asked: ['send', 'send again'],
    });
  }));

it('waits for a connection before anything was sent only when it is patient', () =>
  withSessions(async (one) => {
    await one.create('/counter', Buffer.alloc(0), 'persistent');
    const session = losing(one, { requestLost: true, sent: false });
    expect(await written(new Counted(session, false), session)).toMatchObject({ outcome: { kind: 'unsent' }, asked: ['send'] });
    const patient = losing(one, { requestLost: true, sent: false });
    expect(await written(new Counted(patient), patient)).toMatchObject({ outcome: { kind: 'done' }, asked: ['send', 'send'] });
  }));

it('has sent nothing when the answer to a read before it is lost', () =>
  withSessions(async (one) => {
    const session = losing(one, { requestLost: true, operation: 'get' });
    expect(await written(new Counted(session, false), session)).toMatchObject({ outcome: { kind: 'unsent' }, asked: ['send'] });
  }));

it('does not know what became of it when the session ends before the repetition is answered', () =>
  withSessions(async (one) => {
    await one.create('/counter', Buffer.alloc(0), 'persistent');
    const ended = AbortSignal.abort();
    const lost = new Proxy(losing(one), { get: (target, key) => (key === 'ended' ? ended : (Reflect.get(target, key) as unknown)) });
    expect(await written(new Counted(lost), lost)).toMatchObject({ outcome: { kind: 'unknown' }, asked: ['send'] });
    const expired = losing(one, { requestLost: true, reason: 'session-expired' });
    expect(await written(new Counted(expired, true, 1), expired)).toMatchObject({ outcome: { kind: 'unsent' }, asked: ['send'] });
  }));

it('is sent anew as long as only something beside it has moved, but not for ever', () =>
  withSessions(async (one) => {
    expect(await written(new Counted(one), one)).toEqual({
      outcome: { kind: 'contended', mayBeDone: false },
      asked: ['send', 'send', 'send'],
    });
  }));

it('throws an answer that is no refusal', () =>
  withSessions(async (one) => {
    const session = losing(one, { requestLost: true, reason: 'no-auth' });
    await expect(writeOnce(session, new Counted(session))).rejects.toMatchObject({ reason: 'no-auth' });
  }));
