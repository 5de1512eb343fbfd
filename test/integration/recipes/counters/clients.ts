import type { Counter, CounterOptions } from '../../../../src/zookeeper/recipes/counters/counter.js';
import { Counters } from '../../../../src/zookeeper/api/counters.js';
import { EnsembleCounters } from '../../../../src/zookeeper/recipes/counters/ensemble-counters.js';
import { systemClock } from '../../../../src/zookeeper/support/clock.js';
import { WITHIN_MS } from '../../../support/eventually.js';
import type { Frame, ProxyTarget } from '../../../support/proxy.js';
import { Holder, LinkedHolder } from '../locks/holders.js';

/** Where the wait stands among the arguments of a method. */
const WAIT_AT: Readonly<Record<string, number>> = {
  get: 0,
  set: 1,
  increment: 0,
  decrement: 0,
  add: 1,
  compareAndSet: 2,
  next: 0,
  nextName: 0,
};

/** The same, but for a machine that may be slow: who says nothing else waits for as long as a test does. */
export function patient(counters: Counters): Counters {
  const wrapped = <Handle extends object>(handle: Handle): Handle =>
    new Proxy(handle, {
      get(target, key) {
        const member: unknown = Reflect.get(target, key, target);
        const at = WAIT_AT[String(key)];
        if (typeof member !== 'function' || at === undefined) return member;
        return (...args: unknown[]): unknown => {
          const given = args[at] as object | undefined;
          return Reflect.apply(member, target, Object.assign([...args], { [at]: { waitMs: WITHIN_MS, ...given } }));
        };
      },
    });
  return new Proxy(counters, {
    get: (target, key) => {
      if (key !== 'counter' && key !== 'ids') return Reflect.get(target, key, target) as unknown;
      const member = Reflect.get(target, key, target) as (...args: unknown[]) => object;
      return (...args: unknown[]) => wrapped(Reflect.apply(member, target, args));
    },
  });
}

type Given = NonNullable<ConstructorParameters<typeof Holder>[2]>;

/** Of a server whose sessions may last so long that no slow machine ends one. */
export const LONG_TICK_MS = 6_000;
export const LONG_SESSION_MS = 20 * LONG_TICK_MS;

/** One process's counters, as a replica has them: a session of its own. */
export class Client<Session extends Holder = Holder> implements AsyncDisposable {
  readonly counters: Counters;

  private constructor(
    readonly holder: Session,
    { rootPath = '/soa', clock = systemClock }: Given,
  ) {
    this.counters = patient(new Counters(new EnsembleCounters({ sessions: holder.sessions, clock, rootPath })));
  }

  static async start(connectString: string, options: Given = {}): Promise<Client> {
    return new Client(await Holder.start(connectString, 'client:1', options), options);
  }

  /** Behind a link of its own, which can be broken. */
  static async linked(server: ProxyTarget, options: Given = {}): Promise<Client<LinkedHolder>> {
    return new Client(await LinkedHolder.connect(server, 'client:1', options), options);
  }

  /** Not started yet: there is no session. */
  static idle(connectString: string): Client {
    return new Client(new Holder(connectString, 'client:1'), {});
  }

  counter(name: string, options: CounterOptions & { readonly format?: 'int64' | 'text' } = {}): Counter<bigint> {
    return this.counters.counter(name, options);
  }

  /** What a node holds, byte for byte. */
  async bytes(path: string): Promise<string> {
    return (await (await this.holder.session()).get(path)).data.toString('hex');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.holder[Symbol.asyncDispose]();
  }
}

/** Whether a frame is a request to change the counter at this path. */
export function isChangeOf(path: string): (frame: Frame) => boolean {
  return (frame) => frame.kind === 'request' && frame.op === 'multi' && frame.bytes.includes(path);
}

/**
 * Lets the next change of this counter reach the server or not, and resets the connection in place of its reply.
 * Resolves once it has happened, and no new connection is let through: heal the link with `pass`.
 */
export function loseChange({ link }: LinkedHolder, path: string, isMade: boolean): Promise<void> {
  const isChange = isChangeOf(path);
  return new Promise((resolve) => {
    let asked: Frame | undefined;
    const remove = link.onFrame((frame) => {
      const isTheOne = asked === undefined && isChange(frame);
      if (isTheOne) asked = frame;
      const isReply = frame.kind === 'reply' && frame.connection === asked?.connection && frame.xid === asked.xid;
      if (!(isMade ? isReply : isTheOne)) return 'pass';
      remove();
      link.refuse();
      resolve();
      return 'reset';
    });
  });
}
