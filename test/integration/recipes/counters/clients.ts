import type { Counter, CounterOptions } from '../../../../src/zookeeper/recipes/counters/counter.js';
import { Counters } from '../../../../src/zookeeper/api/counters.js';
import { EnsembleCounters } from '../../../../src/zookeeper/recipes/counters/ensemble-counters.js';
import { systemClock } from '../../../../src/zookeeper/support/clock.js';
import type { Frame, ProxyTarget } from '../../../support/proxy.js';
import { Holder, LinkedHolder } from '../locks/holders.js';

type Given = NonNullable<ConstructorParameters<typeof Holder>[2]>;

/** One process's counters, as a replica has them: a session of its own. */
export class Client<Session extends Holder = Holder> implements AsyncDisposable {
  readonly counters: Counters;

  private constructor(
    readonly holder: Session,
    rootPath: string,
  ) {
    this.counters = new Counters(new EnsembleCounters({ sessions: holder.sessions, clock: systemClock, rootPath }));
  }

  static async start(connectString: string, options: Given = {}): Promise<Client> {
    return new Client(await Holder.start(connectString, 'client:1', options), options.rootPath ?? '/soa');
  }

  /** Behind a link of its own, which can be broken. */
  static async linked(server: ProxyTarget, options: Given = {}): Promise<Client<LinkedHolder>> {
    return new Client(await LinkedHolder.connect(server, 'client:1', options), options.rootPath ?? '/soa');
  }

  /** Not started yet: there is no session. */
  static idle(connectString: string): Client {
    return new Client(new Holder(connectString, 'client:1'), '/soa');
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
