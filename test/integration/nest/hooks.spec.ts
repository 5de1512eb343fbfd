import { Injectable } from '@nestjs/common';
import { afterEach, describe, expect, it } from 'vitest';
import { MasterElection, type Mastership, OnMasterElected, OnMasterLost } from '../../../src/index.js';
import { TestElections, ZookeeperTestingModule } from '../../../src/testing.js';
import { eventually } from '../../support/eventually.js';
import { boot, closeAll } from './app.js';

afterEach(closeAll);

const standby = { imports: [ZookeeperTestingModule.forRoot({ master: false })] };

class Consumer {
  readonly events: string[] = [];
  signal: AbortSignal | undefined;

  @OnMasterElected()
  start(signal: AbortSignal): void {
    this.signal = signal;
    this.events.push('start');
    signal.addEventListener('abort', () => this.events.push('abort'));
  }

  @OnMasterLost()
  stop(): void {
    this.events.push(`stop, aborted: ${this.signal?.aborted}`);
  }
}

describe('@OnMasterElected and @OnMasterLost', () => {
  it('come in pairs, with the signal aborted before "lost"', async () => {
    const { app } = await boot({ ...standby, providers: [Consumer] });
    const { events } = app.get(Consumer);
    expect(events).toEqual([]);
    app.get(TestElections).setMaster(true);
    expect(events).toEqual(['start']);
    app.get(TestElections).setMaster(false);
    app.get(TestElections).setMaster(true);
    expect(events).toEqual(['start', 'abort', 'stop, aborted: true', 'start']);
  });

  it('tell listeners of the signal before "lost" is called, whether anybody asks the signal or not', async () => {
    const events: string[] = [];
    class Listening {
      @OnMasterElected()
      start(signal: AbortSignal): void {
        signal.addEventListener('abort', () => events.push((signal.reason as { code: string }).code));
      }
      @OnMasterLost()
      stop(): void {
        events.push('lost');
      }
    }
    const { app } = await boot({ ...standby, providers: [Listening] });
    app.get(TestElections).setMaster(true);
    app.get(TestElections).setMaster(false);
    expect(events).toEqual(['ZK_MASTERSHIP_LOST', 'lost']);
  });

  it('are told at boot, when it was decided before', async () => {
    const { app } = await boot({ imports: [ZookeeperTestingModule.forRoot({ master: true })], providers: [Consumer] });
    expect(app.get(Consumer).events).toEqual(['start']);
  });

  it('are told before a shutdown gives the mastership up, and waited for', async () => {
    const seen: string[] = [];
    class Slow {
      constructor(private readonly isMaster: () => boolean) {}
      @OnMasterElected()
      async loop(signal: AbortSignal): Promise<void> {
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        seen.push((signal.reason as { code: string }).code);
        await new Promise(setImmediate);
        seen.push(`loop over, master: ${this.isMaster()}`);
      }
      @OnMasterLost()
      async stop(): Promise<void> {
        await new Promise(setImmediate);
        seen.push(`stopped, master: ${this.isMaster()}`);
      }
    }
    const provider = {
      provide: Slow,
      inject: [MasterElection],
      useFactory: (election: MasterElection) => new Slow(() => election.isMaster()),
    };
    const { app } = await boot({ ...standby, providers: [provider] });
    app.get(TestElections).setMaster(true);
    await app.close();
    expect(seen).toEqual(['ZK_HOOK_STOPPED', 'loop over, master: true', 'stopped, master: true']);
  });

  it('that throw are logged, and stop neither the others nor the election', async () => {
    class Failing {
      @OnMasterElected()
      start(): void {
        throw new Error('no start');
      }
      @OnMasterElected()
      async later(): Promise<void> {
        throw new Error('no later');
      }
      @OnMasterLost()
      stop(): void {
        throw new Error('no stop');
      }
    }
    const { app, log } = await boot({ ...standby, providers: [Failing, Consumer] });
    app.get(TestElections).setMaster(true);
    app.get(TestElections).setMaster(false);
    expect(app.get(Consumer).events).toEqual(['start', 'abort', 'stop, aborted: true']);
    await eventually(() => expect(log.with('event=hook.failed')).toHaveLength(3), { what: 'three lines' });
    expect(log.with('no start')[0]).toMatch(/^error Failing\.start threw: no start\..*hook=Failing\.start Error: no start\n\s+at/u);
  });

  it('listen to the elections that they name', async () => {
    const seen: string[] = [];
    class Several {
      @OnMasterElected('reports')
      @OnMasterElected('mail')
      start(): void {
        seen.push('start');
      }
    }
    const { app } = await boot({ ...standby, providers: [Several] });
    app.get(TestElections).setMaster(true);
    expect(seen).toEqual([]);
    app.get(TestElections).setMaster(true, 'reports');
    app.get(TestElections).setMaster(true, 'mail');
    expect(seen).toEqual(['start', 'start']);
  });

  it('wait for the earlier hooks of the same provider before "elected" is called again', async () => {
    let release!: () => void;
    const events: string[] = [];
    class Slow {
      @OnMasterElected()
      start(): void {
        events.push('start');
      }
      @OnMasterLost()
      async stop(): Promise<void> {
        await new Promise<void>((resolve) => (release = resolve));
        events.push('stopped');
      }
    }
    const { app, log } = await boot({ ...standby, providers: [Slow] });
    app.get(TestElections).setMaster(true);
    app.get(TestElections).setMaster(false);
    app.get(TestElections).setMaster(true);
    expect(events).toEqual(['start']);
    expect(log.with('event=hook.waiting')).toHaveLength(1);
    release();
    await eventually(() => expect(events).toEqual(['start', 'stopped', 'start']), { what: 'the second start' });
  });

  it('fail at boot without a module, with the instruction', async () => {
    await expect(boot({ providers: [Consumer] })).rejects.toThrow(/import ZookeeperModule\.forRoot\(\) or ZookeeperTestingModule/u);
  });

  it('refuse what is no method of a provider', () => {
    expect(() => OnMasterElected('a/b')({}, 'x', { value: () => 1 })).toThrow(/election name "a\/b" cannot be used/u);
    expect(() => OnMasterLost()(Consumer, 'x', { value: () => 1 })).toThrow(/only methods of providers/u);
  });
});

describe('MasterElection', () => {
  @Injectable()
  class User {
    constructor(readonly election: MasterElection) {}
  }

  it('answers who is master, and replays the state to subscribers', async () => {
    const { app } = await boot({ ...standby, providers: [User] });
    const { election } = app.get(User);
    const states: string[] = [];
    app.get(TestElections).setMaster(true);
    const subscription = election.mastership$().subscribe((state: Mastership) => states.push(state.kind));
    app.get(TestElections).setMaster(false);
    subscription.unsubscribe();
    app.get(TestElections).setMaster(true);
    expect(states).toEqual(['master', 'standby']);
    await eventually(() => expect(election.isMaster()).toBe(true), { what: 'the master to be believed' });
    expect(election.mastership()).toMatchObject({ kind: 'master' });
    await expect(election.master()).resolves.toEqual({ address: 'this.test:9090', isThis: true });
    await expect(election.master('reports')).resolves.toEqual({ address: 'other.test:9090', isThis: false });
  });

  it('lets go of the election when the subscriber does', async () => {
    const { app } = await boot({ ...standby, providers: [User] });
    const inner = app.get(TestElections).election();
    const onChange = inner.onChange.bind(inner);
    let listening = 0;
    inner.onChange = (listener) => {
      const stop = onChange(listener);
      listening += 1;
      return () => {
        listening -= 1;
        stop();
      };
    };
    const subscription = app.get(User).election.mastership$().subscribe();
    expect(listening).toBe(1);
    subscription.unsubscribe();
    expect(listening).toBe(0);
  });

  it('refuses names that no election can have', async () => {
    const { app } = await boot({ ...standby, providers: [User] });
    expect(() => app.get(User).election.isMaster('a:b')).toThrow(/ZK_BAD_ELECTION_NAME.*"a:b"/u);
  });

  it('resigns after the hooks, and refuses it elsewhere', async () => {
    const { app } = await boot({ ...standby, providers: [User, Consumer] });
    const { election } = app.get(User);
    await expect(election.resign()).rejects.toMatchObject({ code: 'ZK_NOT_MASTER', master: 'other.test:9090' });
    app.get(TestElections).setMaster(true);
    await election.resign();
    expect(app.get(Consumer).events.slice(0, 3)).toEqual(['start', 'abort', 'stop, aborted: true']);
    await expect(election.transferTo('10.0.0.1:1')).rejects.toMatchObject({ code: 'ZK_UNKNOWN_REPLICA' });
  });
});
