import { posix } from 'node:path';
import ts from 'typescript';

/** A source file as the rules see it: its path from the project's root, with `/`, and its text. */
export interface SourceText {
  readonly path: string;
  readonly text: string;
}

/** Says what is wrong with a file, a sentence for each violation, with the line. */
export type Rule = (file: ParsedFile) => string[];

export class ParsedFile {
  readonly path: string;
  readonly text: string;
  readonly root: ts.SourceFile;
  readonly nodes: readonly ts.Node[];

  constructor({ path, text }: SourceText) {
    this.path = path;
    this.text = text;
    this.root = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true, ts.ScriptKind.TS);
    const nodes: ts.Node[] = [];
    const visit = (node: ts.Node): void => {
      nodes.push(node);
      ts.forEachChild(node, visit);
    };
    visit(this.root);
    this.nodes = nodes;
  }

  at(node: ts.Node): string {
    return `${this.path}:${this.lineOf(node.getStart(this.root))}`;
  }

  lineOf(position: number): number {
    return this.root.getLineAndCharacterOfPosition(position).line + 1;
  }

  /** Everything it imports, in whatever way: statically, as a type, by `export … from`, `import()` or `require()`. */
  imports(): Array<{ readonly node: ts.Node; readonly module: string }> {
    return this.nodes.flatMap((node) => {
      const specifier = specifierOf(node);
      return specifier !== undefined && ts.isStringLiteralLike(specifier) ? [{ node, module: specifier.text }] : [];
    });
  }

  /** Where a relative import leads: a path from the project's root, without extension. */
  resolve(module: string): string | undefined {
    return module.startsWith('.') ? posix.normalize(posix.join(posix.dirname(this.path), module)).replace(/\.[cm]?[jt]s$/, '') : undefined;
  }

  is(...places: readonly string[]): boolean {
    return places.some((place) => this.path === place || (place.endsWith('/') && this.path.startsWith(place)));
  }
}

function specifierOf(node: ts.Node): ts.Node | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return node.moduleSpecifier;
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) return node.argument.literal;
  if (ts.isExternalModuleReference(node)) return node.expression;
  if (!ts.isCallExpression(node)) return undefined;
  const called = node.expression;
  const imports = called.kind === ts.SyntaxKind.ImportKeyword || /^require(\.resolve)?$/.test(called.getText());
  return imports ? node.arguments[0] : undefined;
}

/** The stage of a path under src/zookeeper; '' for the files that stand beside the stages. */
function stageOf(path: string): string | undefined {
  const match = /^src\/zookeeper\/(?:([^/]+)\/)?[^/]+/.exec(path);
  return match === null ? undefined : (match[1] ?? '');
}

/** Within the library: down the alphabetical listing, or to the floor, `support`, which imports nothing. */
const importsGoDown: Rule = (file) => {
  const from = stageOf(file.path);
  if (from === undefined || from === '') return [];
  return file.imports().flatMap(({ node, module }) => {
    const target = file.resolve(module);
    if (target === undefined) return [];
    const to = stageOf(target);
    const goesDown = to !== undefined && (to === from || (from !== 'support' && (to === 'support' || to > from)));
    const crosses = from === 'adapters' && to === 'adapters' && adapterOf(target) !== adapterOf(file.path);
    return goesDown && !crosses ? [] : [`${file.at(node)}: ${from} may not import ${target}: imports go down the listing`];
  });
};

/** The room of a file inside its stage; '' for the files that stand beside the rooms. */
function roomOf(path: string): string {
  return /^src\/zookeeper\/[^/]+\/([^/]+)\//.exec(path)?.[1] ?? '';
}

/**
 * Rooms whose order is not that of the alphabet: a campaign comes before the tenure that it leads to,
 * and both know the election.
 */
const ROOM_ORDER: Readonly<Record<string, readonly string[]>> = { mastership: ['campaign', 'tenure', 'election'] };

function isBelow(stage: string, room: string, other: string): boolean {
  const order = ROOM_ORDER[stage];
  return order === undefined ? other >= room : order.indexOf(other) >= order.indexOf(room);
}

/** Inside a stage, too: from room to room down the listing, and from none to the files that stand beside them. */
const roomsGoDown: Rule = (file) => {
  const stage = stageOf(file.path);
  const room = roomOf(file.path);
  if (stage === undefined || stage === '' || stage === 'adapters' || room === '') return [];
  return file.imports().flatMap(({ node, module }) => {
    const target = file.resolve(module);
    if (target === undefined || stageOf(target) !== stage || isBelow(stage, room, roomOf(target))) return [];
    return [`${file.at(node)}: ${stage}/${room} may not import ${target}: inside a stage imports go down the listing as well`];
  });
};

const adapterOf = (path: string): string | undefined => path.split('/')[3];

/** The library knows nothing of the app; the app only what a user would; `main.ts` only the app. */
const appStaysOutside: Rule = (file) => {
  const refused = (target: string): boolean => {
    if (file.is('src/main.ts')) return !target.startsWith('src/app/');
    if (file.is('src/app/'))
      return !(target.startsWith('src/app/') || target === 'src/index' || /^src\/zookeeper\/adapters\/[^/]+\/index$/.test(target));
    if (file.is('src/zookeeper/')) return !target.startsWith('src/zookeeper/');
    return target.startsWith('src/app/') || target === 'src/main';
  };
  return file.imports().flatMap(({ node, module }) => {
    const target = file.resolve(module);
    return target !== undefined && refused(target) ? [`${file.at(node)}: may not import ${target}`] : [];
  });
};

/** What of the library the test ZooKeeper may know: the names of errors, types, and the clock. */
const OF_THE_LIBRARY = ['src/zookeeper/support/', 'src/zookeeper/wire/errors', 'src/zookeeper/wire/operations'];

/**
 * The test ZooKeeper is no part of the library: it could be a package of its own. Its rooms stand in this order, each
 * importing from those after it: the doors (beside the rooms), `server`, `protocol`, `state`. The state, which the race
 * search shares, knows nothing of Node.
 */
const testZookeeperStandsAlone: Rule = (file) => {
  const rooms = ['server', 'protocol', 'state'];
  const home = 'src/testing/zookeeper/';
  if (!file.is(home)) return [];
  const roomOf = (path: string): number => rooms.indexOf(path.slice(home.length).split('/')[0] ?? '');
  const from = roomOf(file.path);
  return file.imports().flatMap(({ node, module }) => {
    const target = file.resolve(module);
    const allowed =
      target === undefined
        ? module.startsWith('node:') && from !== rooms.indexOf('state')
        : target.startsWith(home)
          ? from <= roomOf(target)
          : OF_THE_LIBRARY.some((place) => target === place || (place.endsWith('/') && target.startsWith(place)));
    return allowed ? [] : [`${file.at(node)}: the test ZooKeeper may not import ${target ?? module} here`];
  });
};

/** A package that only some places may import. */
function packageOnlyIn(isPackage: RegExp, ...places: readonly string[]): Rule {
  return (file) => {
    if (file.is(...places)) return [];
    return file.imports().flatMap(({ node, module }) => {
      return isPackage.test(module) ? [`${file.at(node)}: ${module} may only be imported in ${places.join(', ')}`] : [];
    });
  };
}

/** rxjs is there to hand out Observables, not to write the library in. */
const rxjsHandsOut: Rule = (file) => {
  const imported = file.imports().find(({ module }) => /^rxjs(\/|$)/.test(module));
  if (imported === undefined) return [];
  const handsOut = file.nodes.some((node) => {
    if (!(ts.isMethodDeclaration(node) || ts.isFunctionDeclaration(node) || ts.isGetAccessor(node) || ts.isPropertyDeclaration(node)))
      return false;
    const isPrivate =
      ts.getCombinedModifierFlags(node) & ts.ModifierFlags.Private || (node.name !== undefined && ts.isPrivateIdentifier(node.name));
    return !isPrivate && node.type !== undefined && /\bObservable\b/.test(node.type.getText(file.root));
  });
  return handsOut ? [] : [`${file.at(imported.node)}: rxjs is imported, but no Observable is handed out (as a declared type)`];
};

const TIMERS = /^(setTimeout|setInterval|setImmediate|performance|hrtime)$/;

/**
 * Time comes through `support/clock.ts`, so that a test can own it. The app is a user's code and has time of its own.
 */
const timeIsPassedIn: Rule = (file) => {
  if (!file.is('src/zookeeper/', 'src/index.ts') || file.is('src/zookeeper/support/clock.ts')) return [];
  const imports = file.imports().filter(({ module }) => /^(node:)?(timers(\/promises)?|perf_hooks)$/.test(module));
  const used = file.nodes.filter((node) => {
    if (ts.isIdentifier(node)) return TIMERS.test(node.text) && !isNameOfOwnMember(node);
    if (ts.isPropertyAccessExpression(node)) return /^(Date\.now|AbortSignal\.timeout)$/.test(node.getText(file.root));
    return ts.isNewExpression(node) && node.expression.getText(file.root) === 'Date' && (node.arguments?.length ?? 0) === 0;
  });
  return [...imports.map(({ node }) => node), ...used].map(
    (node) => `${file.at(node)}: "${node.getText(file.root)}": use support/clock.ts`,
  );
};

function isNameOfOwnMember(node: ts.Identifier): boolean {
  const { parent } = node;
  return (ts.isPropertyDeclaration(parent) || ts.isPropertySignature(parent) || ts.isMethodDeclaration(parent)) && parent.name === node;
}

const environmentIsReadOnce: Rule = (file) => {
  // TZ is no setting of this library: where Intl has no name for the zone of the process, nothing
  // else tells what was meant.
  // What a child is given of it is no setting either.
  const places = ['src/app/app.config.ts', 'src/cli.ts', 'src/zookeeper/zookeeper.options.ts'];
  if (file.is(...places, 'src/zookeeper/jobs/schedule/process-zone.ts', 'src/zookeeper/session/crash-guard/guard-process.ts')) return [];
  const reads = file.nodes.filter((node) => {
    if (ts.isPropertyAccessExpression(node)) return node.getText(file.root) === 'process.env';
    return ts.isBindingElement(node) && (node.propertyName ?? node.name).getText(file.root) === 'env' && isOfProcess(node);
  });
  return reads.map((node) => `${file.at(node)}: process.env is read in app.config.ts, cli.ts and zookeeper.options.ts only`);
};

function isOfProcess(node: ts.BindingElement): boolean {
  const declaration = node.parent.parent;
  return ts.isVariableDeclaration(declaration) && declaration.initializer?.getText() === 'process';
}

export const MAX_FILE_LINES = 300;
export const MAX_FUNCTION_LINES = 60;

const filesAreSmall: Rule = (file) => {
  const lines = file.text.trimEnd().split('\n').length;
  return lines > MAX_FILE_LINES ? [`${file.path}: ${lines} lines, at most ${MAX_FILE_LINES}`] : [];
};

const functionsAreSmall: Rule = (file) =>
  file.nodes.flatMap((node) => {
    if (!ts.isFunctionLike(node) || !('body' in node) || node.body === undefined) return [];
    const lines = file.lineOf(node.end) - file.lineOf(node.getStart(file.root)) + 1;
    return lines > MAX_FUNCTION_LINES ? [`${file.at(node)}: a function of ${lines} lines, at most ${MAX_FUNCTION_LINES}`] : [];
  });

/** Whoever imports a thing names the file it lives in; the package's own entry and an adapter's are the only lists. */
const noBarrels: Rule = (file) => {
  if (!file.is('src/zookeeper/') || /^src\/zookeeper\/adapters\/[^/]+\/index\.ts$/.test(file.path)) return [];
  const isList = file.root.statements.length > 0 && file.root.statements.every((one) => ts.isExportDeclaration(one) && one.moduleSpecifier);
  return isList || file.path.endsWith('/index.ts') ? [`${file.path}: a barrel: it only hands on what lives elsewhere`] : [];
};

/** Where the records are that this rule is about; an election's record is another thing. */
const OF_JOBS = /^src\/zookeeper\/(?!mastership\/|session\/|wire\/|support\/|recipes\/)/;
const CHANGES = 'src/zookeeper/jobs/record/changes.ts';
/** Where a record is written down field by field: none decided about yet, and one that was read. */
const WHOLE_RECORDS = ['src/zookeeper/jobs/record/job-record.ts', 'src/zookeeper/jobs/persistence/codec/record-codec.ts'];
/** Fields that nothing but a record has. */
const RECORD_FIELDS = new Set(['cursor', 'pausedMs', 'resumedMs', 'recent', 'alarmedMs']);

/** A job's record is changed by the functions of one file: they keep what must hold of it. */
const recordChangesInOnePlace: Rule = (file) => {
  if (!OF_JOBS.test(file.path) || file.is(CHANGES, ...WHOLE_RECORDS)) return [];
  return file.nodes.flatMap((node) => {
    if (!ts.isObjectLiteralExpression(node)) return [];
    const spreads = node.properties.filter(ts.isSpreadAssignment).map(({ expression }) => expression.getText(file.root));
    const fields = node.properties.filter((property) => property.name !== undefined && RECORD_FIELDS.has(property.name.getText(file.root)));
    const isCopy = spreads.some((text) => /(^|\.)(record|EMPTY_RECORD)$/i.test(text)) || (spreads.length > 0 && fields.length > 0);
    return isCopy || fields.length > 1 ? [`${file.at(node)}: a job's record changes in ${CHANGES} alone`] : [];
  });
};

const NEST_PLACES = [
  'src/app/',
  'src/zookeeper/adapters/',
  'src/zookeeper/api/',
  'src/zookeeper/boot/',
  'src/zookeeper/decorators/',
  'src/zookeeper/zookeeper.module.ts',
  'src/zookeeper/zookeeper.lifecycle.ts',
  'src/zookeeper/zookeeper.logger.ts',
  'src/zookeeper/zookeeper.recipes.ts',
  'src/testing.ts',
  'src/testing/',
];

/** The rules, by what they promise. */
export const RULES = {
  'imports go down the listing': importsGoDown,
  'imports go down the listing inside a stage': roomsGoDown,
  'the app stays outside': appStaysOutside,
  'the test ZooKeeper stands alone': testZookeeperStandsAlone,
  'Nest only in app, adapters, decorators, the module and the testing kit': packageOnlyIn(/^@nestjs\//, ...NEST_PLACES),
  'other processes only in the crash guard, the command line and the testing kit': packageOnlyIn(
    /^(node:)?(child_process|cluster)$/,
    'src/zookeeper/session/crash-guard/',
    'src/testing/',
    'src/cli.ts',
  ),
  'rxjs only where an Observable is handed out': rxjsHandsOut,
  'node-zookeeper-client only in wire': packageOnlyIn(/^node-zookeeper-client(\/|$)/, 'src/zookeeper/wire/'),
  'timers and clocks only in support/clock.ts': timeIsPassedIn,
  'process.env only in the files that read it': environmentIsReadOnce,
  'files are small': filesAreSmall,
  'functions are small': functionsAreSmall,
  'no barrels': noBarrels,
  "a job's record changes in one place": recordChangesInOnePlace,
} as const satisfies Record<string, Rule>;

/** What must not be in the tarball, and what must. */
export function tarballProblems(paths: readonly string[]): string[] {
  const unwanted = paths.filter(
    (path) =>
      !/^(dist\/|package\.json$|README\.md$|LICENSE$|CHANGELOG\.md$|docs\/[a-z-]+\.md$)/.test(path) ||
      /^dist\/(main\.|app\/)|\.spec\.|tsbuildinfo$/.test(path),
  );
  const missing = [
    'dist/index.js',
    'dist/index.d.ts',
    'dist/locks.js',
    'dist/locks.d.ts',
    'dist/testing.js',
    'dist/testing.d.ts',
    'package.json',
    'README.md',
    'LICENSE',
    // The README sends people there.
    'docs/operations.md',
    'docs/safety.md',
    'docs/summer-time.md',
  ].filter((path) => !paths.includes(path));
  return [...unwanted.map((path) => `the tarball holds ${path}`), ...missing.map((path) => `the tarball lacks ${path}`)];
}
