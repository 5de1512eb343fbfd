import { createElections } from '../../../src/zookeeper/mastership/elections.js';
import type { Election, Elections } from '../../../src/zookeeper/mastership/election/election.js';
import type { Session } from '../../../src/zookeeper/session/session.js';
import type { Observation } from '../../../src/zookeeper/support/observer.js';
import { SimSessions } from './client-sessions.js';
import type { Ensemble } from './ensemble.js';
import { SimProcess, type ClockFault } from './process.js';
import type { World } from './world.js';

export const ROOT = '/soa';
export const SERVICE = 'Search';
export const VERSION = '1';

/** In what the replicas of one service may differ: by their configuration, by a deploy that is under way. */
export interface ReplicaKind {
  readonly sessionTimeoutMs: number;
  readonly version: string;
  readonly scope: 'version' | 'service';
}

/** What a replica is made of, and which bug is planted in it. */
export interface ReplicaOptions extends ReplicaKind {
  readonly address: string;
  readonly clock: ClockFault;
  /** Puts something between the elections and their sessions. */
  readonly tamper?: (session: Session, address: string) => Session;
}

/** One process that takes part in the election: the library's own code, over simulated sessions and clocks. */
export class Replica {
  readonly process: SimProcess;
  readonly sessions: SimSessions;
  readonly elections: Elections;
  readonly election: Election;
  /** What a careless application would keep instead of asking: kept up by change events alone. */
  cachedIsMaster = false;
  stopping = false;

  constructor(
    readonly name: string,
    readonly world: World,
    ensemble: Ensemble,
    readonly options: ReplicaOptions,
  ) {
    this.process = new SimProcess(name, world, options.clock);
    this.sessions = new SimSessions(
      this.process,
      ensemble,
      options.sessionTimeoutMs,
      (session) => options.tamper?.(session, options.address) ?? session,
    );
    let ids = 0;
    this.elections = createElections({
      ...{ sessions: this.sessions, rootPath: ROOT, service: SERVICE, version: options.version, scope: options.scope },
      ...{ address: options.address, candidate: true, clock: this.process },
      observer: { observe: (observation) => this.observe(observation) },
      newId: () => `${name}-${(ids += 1)}`.replaceAll(' ', ''),
    });
    this.election = this.elections.election();
    this.election.setDrain(() => this.drain());
    this.election.onChange((state) => (this.cachedIsMaster = state.kind === 'master'));
  }

  start(): void {
    this.process.receive(() => {
      this.sessions.start();
      this.elections.start();
    });
  }

  /** As at SIGTERM: gives up what it holds, and exits. */
  stop(limitMs: number): void {
    if (this.stopping) return;
    this.stopping = true;
    this.world.trace(`${this.name}: stops`);
    this.process.receive(() => {
      void this.elections.stop(limitMs).then((how) => {
        this.world.trace(`${this.name}: stopped, ${how}`);
        this.kill();
      });
    });
  }

  kill(): void {
    if (this.process.dead) return;
    this.process.kill();
    this.sessions.connection?.cut({ upLost: this.world.choices.chance(0.5) });
  }

  /** Runs that take a while to finish, and now and then one that ignores its abort. */
  private drain(): Promise<'drained' | 'stuck'> {
    const { choices } = this.world;
    const kind = choices.fraction();
    if (choices.calm || kind < 0.6) return Promise.resolve('drained');
    return new Promise((resolve) => void this.process.after(choices.between(0, 3_000), () => resolve(kind < 0.95 ? 'drained' : 'stuck')));
  }

  private observe({ level, message }: Observation): void {
    if (level !== 'debug') this.world.trace(`${this.name}: ${level === 'info' ? '' : `${level}: `}${message}`);
  }
}
