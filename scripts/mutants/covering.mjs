/** What is nearest to each room of the elections. @type {Readonly<Record<string, readonly string[]>>} */
const NEAR = {
  campaign: ['race/lost-reply', 'unit/mastership/turn', 'unit/mastership/scope'],
  election: ['memory', 'election-record', 'local-mastership', 'mastership.state', 'timing', 'election.znodes'].map(
    (name) => `unit/mastership/${name}`,
  ),
  tenure: ['race/lost-reply', 'unit/mastership/tenure.state', 'unit/mastership/departure'],
  '': ['unit/mastership/standalone', 'unit/mastership/prune'],
};

/**
 * The tests that hold each room, nearest first: most changes are noticed by the first lot, and only what nothing has
 * noticed so far is put to the next. All of them need nothing but Node.
 *
 * @type {ReadonlyArray<readonly [place: string, lots: readonly (readonly string[])[]]>}
 */
const COVERING = [
  [
    'src/zookeeper/jobs/decide/',
    [
      ['runs', 'ticks', 'triggers', 'alarm', 'obstacle'].map((name) => `test/unit/jobs/decide/${name}.spec.ts`),
      [
        'test/unit/jobs/record/',
        'test/unit/dispatch/',
        ...['trigger', 'commands', 'monitor', 'why'].map((name) => `test/unit/jobs/control/${name}.spec.ts`),
      ],
      ['test/unit/jobs/decide/simulation.spec.ts', 'test/race/application/'],
    ],
  ],
  [
    'src/zookeeper/jobs/record/',
    [
      [
        'test/unit/jobs/record/',
        ...['runs', 'ticks', 'triggers', 'alarm', 'obstacle'].map((name) => `test/unit/jobs/decide/${name}.spec.ts`),
      ],
      ['test/unit/jobs/persistence/'],
      ['test/unit/dispatch/', 'test/unit/jobs/control/', 'test/unit/execution/'],
      ['test/unit/jobs/decide/simulation.spec.ts', 'test/race/application/'],
    ],
  ],
  ...['campaign', 'election', 'tenure', ''].map(
    (room) =>
      /** @type {const} */ ([
        room === '' ? 'src/zookeeper/mastership/' : `src/zookeeper/mastership/${room}/`,
        [
          (NEAR[room] ?? []).map((name) => `test/${name}.spec.ts`),
          ['test/race/mastership.spec.ts'],
          ['test/unit/mastership/', 'test/race/lost-reply.spec.ts', 'test/race/lease.spec.ts'],
          ['test/race/application/'],
        ],
      ]),
  ),
];

/** The folders whose files are changed. */
export const ROOMS = ['src/zookeeper/jobs/decide/', 'src/zookeeper/jobs/record/', 'src/zookeeper/mastership/'];

/**
 * @param {string} file @returns {readonly (readonly string[])[]} lots of tests, each a path or the beginning of paths
 */
export function lotsFor(file) {
  const found = COVERING.find(([place]) => file.startsWith(place));
  if (found === undefined) throw new Error(`No tests are named for ${file}: see scripts/mutants/covering.mjs.`);
  return found[1];
}
