import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { expect } from 'vitest';
import { systemClock, type Clock, type Timer } from '../../../src/zookeeper/support/clock.js';
import type { AuthOptions } from '../../../src/zookeeper/wire/acl.js';
import { WireClient } from '../../../src/zookeeper/wire/client.js';
import { parseConnectString } from '../../../src/zookeeper/wire/connect-string.js';
import type { ConnectionEnd } from '../../../src/zookeeper/wire/connection-options.js';
import { ServerList, type Lookup } from '../../../src/zookeeper/wire/servers.js';
import { eventually, WITHIN_MS } from '../../support/eventually.js';

export interface RecordedWireOptions {
  /** Default 10 000, the longest that the test servers grant: a slow machine is not to lose it. */
  readonly sessionTimeoutMs?: number;
  readonly auth?: AuthOptions;
  readonly tls?: TlsOptions;
  readonly lookup?: Lookup;
  /** Default: a random order, as in production. */
  readonly random?: () => number;
}

/** Keeps the order of the connect string: with these draws the shuffle of ServerList changes nothing. */
export const IN_ORDER = (): number => 0.999_999;

/** The process's clocks, and how many of its timers wait. */
class CountingClock implements Clock {
  pending = 0;

  monotonicMs(): number {
    return systemClock.monotonicMs();
  }

  wallMs(): number {
    return systemClock.wallMs();
  }

  standstillMs(withinMs: number): number {
    return systemClock.standstillMs(withinMs);
  }

  after(delayMs: number, run: () => void, options?: { readonly keepAlive?: boolean }): Timer {
    let waits = true;
    const done = (): void => {
      if (waits) this.pending--;
      waits = false;
    };
    this.pending++;
    const timer = systemClock.after(delayMs, () => (done(), run()), options);
    return { cancel: () => (done(), timer.cancel()) };
  }
}

/** A wire client that remembers what it was told. `await using` it. */
export class RecordedWire extends WireClient implements AsyncDisposable {
  readonly attachments: string[];
  readonly detachments: string[];
  readonly failures: string[];
  readonly ends: ConnectionEnd[];
  readonly callbackFailures: string[];
  readonly clock: CountingClock;

  constructor(connectString: string, options: RecordedWireOptions = {}) {
    const attachments: string[] = [];
    const detachments: string[] = [];
    const failures: string[] = [];
    const ends: ConnectionEnd[] = [];
    const callbackFailures: string[] = [];
    const clock = new CountingClock();
    const { servers, chroot } = parseConnectString(connectString);
    super({
      servers: new ServerList(servers, options.lookup, options.random),
      chroot,
      sessionTimeoutMs: options.sessionTimeoutMs ?? 10_000,
      auth: options.auth,
      tls: options.tls,
      clock,
      events: {
        attached: (server) => attachments.push(server),
        detached: (server, why) => detachments.push(`${server}: ${why}`),
        attemptFailed: (server, why) => failures.push(`${server}: ${why}`),
        over: (_, end) => ends.push(end),
        callbackFailed: (what, thrown) => callbackFailures.push(`${what}: ${String(thrown)}`),
      },
    });
    this.attachments = attachments;
    this.detachments = detachments;
    this.failures = failures;
    this.ends = ends;
    this.callbackFailures = callbackFailures;
    this.clock = clock;
  }

  static async open(connectString: string, options?: RecordedWireOptions): Promise<RecordedWire> {
    const wire = new RecordedWire(connectString, options);
    wire.connection.connect();
    await wire.toAttach(1);
    return wire;
  }

  /** Waits until it has attached `times` times. */
  async toAttach(times: number, withinMs = WITHIN_MS): Promise<void> {
    await eventually(() => expect({ ...this.told, enough: this.attachments.length >= times }).toMatchObject({ enough: true }), {
      what: `attachment ${times}`,
      withinMs,
    });
  }

  async toDetach(times: number, withinMs = WITHIN_MS): Promise<void> {
    await eventually(() => expect({ ...this.told, enough: this.detachments.length >= times }).toMatchObject({ enough: true }), {
      what: `detachment ${times}`,
      withinMs,
    });
  }

  async toEnd(end: ConnectionEnd, withinMs = WITHIN_MS): Promise<void> {
    await eventually(() => expect(this.ends).toEqual([end]), { what: `the session to be ${end}`, withinMs });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.connection.shutdown(2000);
  }

  private get told(): object {
    const { attachments, detachments, failures, ends } = this;
    return { attachments, detachments, failures: failures.slice(-3), ends };
  }
}
