import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { WatchEvent } from '../../../src/zookeeper/wire/operations.js';
import { Watches, type PendingWatch, type ServerKind } from '../../../src/zookeeper/wire/watches.js';

/** The server's side: requests are carried out, and answered, in order. */
class Server {
  readonly watched = { data: false, children: false };
  private readonly requests: (() => void)[] = [];
  readonly watches = new Watches(
    (_, type) => this.requests.push(() => (this.watched[type === 1 ? 'children' : 'data'] = false)),
    (_, thrown) => {
      throw thrown;
    },
  );
  private readonly open: { readonly pending: PendingWatch; readonly fails: boolean }[] = [];

  read(kind: ServerKind, watcher: () => void, fails: boolean): void {
    const pending = this.watches.expect('/a', kind, watcher);
    this.open.push({ pending, fails });
    this.requests.push(() => {
      if (!fails) this.watched[kind] = true;
      const answered = this.open.shift();
      if (answered === undefined) return;
      if (!fails) this.watches.register(kind, '/a', watcher);
      this.watches.settle(answered.pending);
    });
  }

  work(requests: number): void {
    for (let done = 0; done < requests; done++) this.requests.shift()?.();
  }

  workOff(): void {
    while (this.requests.length > 0) this.work(1);
  }
}

it('the server watches a path in the end if and only if somebody here does, whatever is watched and unwatched meanwhile', () => {
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('read' as const),
      of: fc.constantFrom<ServerKind>('data', 'children'),
      watcher: fc.nat(2),
      fails: fc.boolean(),
    }),
    fc.record({ kind: fc.constant('unwatch' as const), watcher: fc.nat(2) }),
    fc.record({ kind: fc.constant('work' as const), requests: fc.nat(3) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      const server = new Server();
      const watchers = [(): void => {}, (): void => {}, (): void => {}];
      for (const one of steps) {
        if (one.kind === 'read') server.read(one.of, watchers[one.watcher] as () => void, one.fails);
        if (one.kind === 'unwatch') server.watches.remove('/a', watchers[one.watcher] as () => void);
        if (one.kind === 'work') server.work(one.requests);
      }
      server.workOff();
      for (const kind of ['data', 'children'] as const) expect(server.watched[kind]).toBe([...server.watches.paths(kind)].length > 0);
      for (const watcher of watchers) server.watches.remove('/a', watcher);
      server.workOff();
      expect([server.watched.data, server.watched.children, server.watches.size]).toEqual([false, false, 0]);
    }),
    { numRuns: 3000 },
  );
});

it('calls a function once for an event that concerns several of its watches', () => {
  const told: WatchEvent[] = [];
  const watches = new Watches(
    () => {},
    () => {},
  );
  const watch = (event: WatchEvent): void => void told.push(event);
  for (const kind of ['data', 'exists', 'children'] as const) watches.register(kind, '/a', watch);
  expect(watches.fire(2, '/a')).toBe(true);
  expect(told).toEqual([{ type: 'deleted', path: '/a' }]);
  expect(watches.fire(99, '/a')).toBe(false);
});

it('lets a watcher watch again while it is called', () => {
  let told = 0;
  const watches = new Watches(
    () => {},
    () => {},
  );
  const watch = (): void => {
    told++;
    watches.register('data', '/a', watch);
  };
  watches.register('data', '/a', watch);
  watches.fire(3, '/a');
  watches.fire(3, '/a');
  expect([told, watches.size]).toEqual([2, 1]);
});
