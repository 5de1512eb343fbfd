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
      ['runs', 'ticks', 'triggers', 'alarm'].map((name) => `test/unit/jobs/decide/${name}.spec.ts`),
      [
        'test/unit/jobs/record/',
        'test/unit/dispatch/',
        ...['trigger', 'orders', 'monitor', 'why'].map((name) => `test/unit/jobs/control/${name}.spec.ts`),
      ],
      ['test/unit/jobs/decide/simulation.spec.ts', 'test/race/application/'],
    ],
  ],
  [
    'src/zookeeper/jobs/record/',
    [
      ['test/unit/jobs/record/', ...['runs', 'ticks', 'triggers', 'alarm'].map((name) => `test/unit/jobs/decide/${name}.spec.ts`)],
      ['test/unit/jobs/persistence/'],
      ['test/unit/dispatch/', 'test/unit/jobs/control/', 'test/unit/execution/'],
      ['test/unit/jobs/decide/simulation.spec.ts', 'test/race/application/'],
    ],
  ],
  [
    'src/zookeeper/mastership/',
    [
      ['test/unit/mastership/', 'test/race/lost-reply.spec.ts', 'test/race/lease.spec.ts'],
      ['test/race/mastership.spec.ts'],
      ['test/unit/gate/', 'test/unit/dispatch/', 'test/race/application/'],
    ],
  ],
];

/** The folders whose files are changed. */
export const ROOMS = COVERING.map(([place]) => place);

/**
 * @param {string} file @returns {readonly (readonly string[])[]} lots of tests, each a path or the beginning of paths
 */
export function lotsFor(file) {
  const found = COVERING.find(([place]) => file.startsWith(place));
  if (found === undefined) throw new Error(`No tests are named for ${file}: see scripts/mutants/covering.mjs.`);
  return found[1];
}
