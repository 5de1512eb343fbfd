import fc from 'fast-check';

/** Whom a fault befalls: whoever holds the election node at that moment, or the replica with this number. */
export type Who = 'master' | number;

/** What an operator, or a tool, does to the tree. */
export type Edit =
  | { readonly edit: 'delete node' | 'persistent node' | 'delete record' | 'delete tenure' | 'delete places' | 'wipe' }
  | { readonly edit: 'write node'; readonly as: 'replica 0' | 'replica 1' | 'replica 2' | 'nobody' | '' }
  | { readonly edit: 'write record'; readonly as: 'nonsense' | 'resigned' | 'impatient' | 'what it was before' };

export type Fault =
  | { readonly kind: 'freeze' | 'suspend' | 'unreachable' | 'crash' | 'stop'; readonly who: Who; readonly forMs: number }
  | { readonly kind: 'cut'; readonly who: Who; readonly upLost: boolean }
  | { readonly kind: 'silence' | 'end session' | 'resign'; readonly who: Who }
  | { readonly kind: 'transfer'; readonly to: number }
  | { readonly kind: 'wall clock'; readonly who: Who; readonly byMs: number }
  | {
      readonly kind: 'isolate';
      readonly who: Who;
      readonly as: 'follower' | 'old leader';
      readonly forMs: number;
      readonly endsSessions: boolean;
    }
  | { readonly kind: 'restart ensemble'; readonly forMs: number; readonly restored: 'as it was' | 'older' | 'empty' }
  | { readonly kind: 'foreign'; readonly forMs: number }
  | { readonly kind: 'operator'; readonly does: Edit };

export interface TimedFault {
  /** Since the one before. */
  readonly afterMs: number;
  readonly fault: Fault;
}

const who: fc.Arbitrary<Who> = fc.oneof({ weight: 3, arbitrary: fc.constant<Who>('master') }, { weight: 2, arbitrary: fc.nat(2) });

/** Around the lengths that matter: a lease (1.3 s), a session (4 s), a stand-back (1 s). */
const forMs = fc.oneof(fc.integer({ min: 50, max: 1_500 }), fc.integer({ min: 1_200, max: 3_000 }), fc.integer({ min: 3_000, max: 9_000 }));

const edit: fc.Arbitrary<Edit> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Edit>({ edit: 'delete node' }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Edit>(
      { edit: 'persistent node' },
      { edit: 'delete record' },
      { edit: 'delete tenure' },
      { edit: 'delete places' },
      { edit: 'wipe' },
    ),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('replica 0' as const, 'replica 1' as const, 'replica 2' as const, 'nobody' as const, '' as const)
      .map((as): Edit => ({ edit: 'write node', as })),
  },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom('nonsense' as const, 'resigned' as const, 'impatient' as const, 'what it was before' as const)
      .map((as): Edit => ({ edit: 'write record', as })),
  },
);

/** Faults of the network, of processes and of sessions. */
const plain: fc.Arbitrary<Fault> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('freeze' as const, 'suspend' as const), who, forMs }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('unreachable' as const, 'crash' as const, 'stop' as const), who, forMs }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('cut' as const), who, upLost: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('silence' as const, 'end session' as const, 'resign' as const), who }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('transfer' as const), to: fc.nat(2) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      ...{ kind: fc.constant('isolate' as const), who, as: fc.constantFrom('follower' as const, 'old leader' as const) },
      ...{ forMs: fc.integer({ min: 500, max: 6_000 }), endsSessions: fc.boolean() },
    }),
  },
);

const ofOperators: fc.Arbitrary<Fault> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('operator' as const), does: edit }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('foreign' as const), forMs }) },
);

const ofEnsembles: fc.Arbitrary<Fault> = fc.record({
  kind: fc.constant('restart ensemble' as const),
  forMs: fc.integer({ min: 100, max: 8_000 }),
  restored: fc.constantFrom('as it was' as const, 'older' as const, 'empty' as const),
});

const ofClocks: fc.Arbitrary<Fault> = fc.record({
  kind: fc.constant('wall clock' as const),
  who,
  byMs: fc.integer({ min: -100_000, max: 100_000 }),
});

/** Which kinds of faults a search draws from, beside those of the network, of processes and of sessions. */
export interface FaultMix {
  /** Fault upon fault, most of them on the master, while the effects of the last are still under way. */
  readonly dense?: boolean;
  /** Nothing but restarts of the ensemble, with time between them for every replica to see who is master. */
  readonly onlyRestarts?: boolean;
  readonly operators?: boolean;
  readonly restarts?: boolean;
  /** Wall clocks that jump. Without suspended machines then: both at once are beyond what a process can notice. */
  readonly wallClocks?: boolean;
}

/** The faults whose order matters most when they come close together. */
const pressing: fc.Arbitrary<Fault> = fc.oneof(
  fc.constant<Fault>({ kind: 'operator', does: { edit: 'delete node' } }),
  fc.constantFrom<Fault>(
    { kind: 'operator', does: { edit: 'write node', as: 'nobody' } },
    { kind: 'operator', does: { edit: 'write record', as: 'what it was before' } },
  ),
  fc.record({ kind: fc.constantFrom('resign' as const, 'end session' as const), who }),
  fc.record({ kind: fc.constant('cut' as const), who, upLost: fc.boolean() }),
  fc.record({ kind: fc.constant('freeze' as const), who, forMs: fc.integer({ min: 50, max: 2_000 }) }),
  // Away for longer than a successor waits, and back within the session.
  fc.record({ kind: fc.constant('unreachable' as const), who, forMs: fc.integer({ min: 1_500, max: 3_500 }) }),
  fc.record({
    ...{ kind: fc.constant('isolate' as const), who: fc.constant<Who>('master'), as: fc.constant('follower' as const) },
    ...{ forMs: fc.integer({ min: 200, max: 3_000 }), endsSessions: fc.constant(true) },
  }),
);

const DENSE = fc.array(
  fc.record({
    afterMs: fc.oneof(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 1_500 })),
    fault: pressing,
  }),
  { minLength: 2, maxLength: 14, size: 'max' },
);

export function faultsOf(mix: FaultMix): fc.Arbitrary<readonly TimedFault[]> {
  if (mix.dense === true) return DENSE;
  if (mix.onlyRestarts === true) {
    return fc.array(fc.record({ afterMs: fc.integer({ min: 14_000, max: 16_000 }), fault: ofEnsembles }), { minLength: 1, maxLength: 3 });
  }
  const kinds: { weight: number; arbitrary: fc.Arbitrary<Fault> }[] = [
    { weight: 6, arbitrary: mix.wallClocks === true ? plain.filter(({ kind }) => kind !== 'suspend') : plain },
    ...(mix.operators === true ? [{ weight: 6, arbitrary: ofOperators }] : []),
    ...(mix.restarts === true ? [{ weight: 2, arbitrary: ofEnsembles }] : []),
    ...(mix.wallClocks === true ? [{ weight: 2, arbitrary: ofClocks }] : []),
  ];
  const afterMs = fc.oneof(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: 1_500 }), fc.integer({ min: 0, max: 5_000 }));
  return fc.array(fc.record({ afterMs, fault: fc.oneof(...kinds) }), { minLength: 1, maxLength: 10, size: 'max' });
}
