// class-validator needs the Reflect metadata API.
import 'reflect-metadata';
import { isIP } from 'node:net';
import type { ValidationError } from 'class-validator';
import { electionNameProblem, nameProblem } from './support/names.js';
import { isUsableZone } from './jobs/schedule/parse.js';
import { adviceOnText, isObject } from './support/checks.js';
import { ClusterCronError, messageOf } from './support/errors.js';
import { unfitForGuard } from './session/crash-guard/charge.js';
import { parseConnectString } from './wire/connect-string.js';

const NAME = 'a name without ":" and "/"';
const MILLISECONDS = (min: number, max: number): string => `a whole number of milliseconds from ${min} to ${max}`;
const MIN_SESSION_MS = 1_000;
const MAX_SESSION_MS = 600_000;
const MAX_DRAIN_MS = 86_400_000;
const MIN_SKEW_MS = 1_000;
const SKEW = `a whole number of milliseconds, at least ${MIN_SKEW_MS}`;

type Validator = typeof import('class-validator');
/** What a property must be, as decorators of class-validator. They are made when it is loaded. */
type Rules = Readonly<Record<string, (validator: Validator) => readonly PropertyDecorator[]>>;

const whole = ({ IsInt, Min, Max }: Validator, message: string, min: number, max?: number): PropertyDecorator[] => [
  IsInt({ message }),
  Min(min, { message }),
  ...(max === undefined ? [] : [Max(max, { message })]),
];
const trueOrFalse = ({ IsOptional, IsBoolean }: Validator): PropertyDecorator[] => [IsOptional(), IsBoolean({ message: 'true or false' })];
const CONNECT = "'host:port[,host:port...][/chroot]', the ensemble's members; or standalone: true to run without ZooKeeper";
const ADDRESS = "'host:port' under which other services reach this replica, IPv6 in brackets";
const AUTH = "{ scheme: 'digest', credentials: ['user:password'] }";
const ZONE = "the name of a time zone, e.g. 'Europe/Berlin', or an offset, e.g. 'UTC+05:30'";

const AUTH_RULES: Rules = {
  scheme: ({ IsIn }) => [IsIn(['digest'], { message: "'digest'" })],
  credentials: (validator) => [
    validator.IsArray({ message: "a list of 'user:password'" }),
    validator.ArrayNotEmpty({ message: "a list of 'user:password' with at least one entry" }),
    passes(validator, "a list of 'user:password'", (value) => (Array.isArray(value) && value.every(isCredential) ? undefined : '')),
  ],
  readableBy: ({ IsOptional, IsIn }) => [IsOptional(), IsIn(['everyone', 'creator'], { message: "'everyone' or 'creator'" })],
  parents: ({ IsOptional, IsIn }) => [IsOptional(), IsIn(['shared', 'creator'], { message: "'shared' or 'creator'" })],
};

const RULES: Rules = {
  connectString: (validator) => [
    validator.ValidateIf(({ standalone, connectString }: Shape) => standalone !== true || connectString !== undefined),
    passes(validator, CONNECT, connectStringProblem),
  ],
  service: (validator) => [passes(validator, `${NAME}, e.g. 'AccountService'`, keyPartProblem)],
  version: (validator) => [passes(validator, `${NAME}, e.g. '1.0.0'`, keyPartProblem)],
  address: (validator) => [validator.IsOptional(), passes(validator, ADDRESS, addressProblem)],
  electionScope: ({ IsOptional, IsIn }) => [IsOptional(), IsIn(['version', 'service'], { message: "'version' or 'service'" })],
  candidate: trueOrFalse,
  sessionTimeoutMs: (validator) => [
    validator.IsOptional(),
    ...whole(validator, MILLISECONDS(MIN_SESSION_MS, MAX_SESSION_MS), MIN_SESSION_MS, MAX_SESSION_MS),
  ],
  rootPath: (validator) => [
    validator.IsOptional(),
    passes(validator, "an absolute path such as '/soa', without a slash at its end", rootPathProblem),
  ],
  auth: ({ IsOptional, IsObject, ValidateNested }) => [IsOptional(), IsObject({ message: AUTH }), ValidateNested({ message: AUTH })],
  tls: ({ IsOptional, IsObject }) => [IsOptional(), IsObject({ message: 'connection options of node:tls, e.g. { ca }' })],
  drainTimeoutMs: (validator) => [validator.IsOptional(), ...whole(validator, MILLISECONDS(0, MAX_DRAIN_MS), 0, MAX_DRAIN_MS)],
  maxClockSkewMs: (validator) => [validator.IsOptional(), ...whole(validator, SKEW, MIN_SKEW_MS)],
  logRuns: ({ IsOptional, IsIn }) => [IsOptional(), IsIn(['all', 'seldom', 'none'], { message: "'all', 'seldom' or 'none'" })],
  timeZone: (validator) => [validator.IsOptional(), passes(validator, ZONE, timeZoneProblem)],
  crashGuard: trueOrFalse,
  standalone: trueOrFalse,
  allowStandaloneInProduction: trueOrFalse,
};

/** The property holds a value for which `check` knows no problem; `expected` stands in the message. */
function passes({ ValidateBy }: Validator, expected: string, check: (value: unknown) => string | undefined): PropertyDecorator {
  return ValidateBy({
    name: 'passes',
    validator: {
      validate: (value) => check(value) === undefined,
      defaultMessage: (args) => {
        const problem = check(args?.value);
        return problem === undefined || problem === '' ? expected : `${expected} (${problem})`;
      },
    },
  });
}

type Shape = Record<string, unknown>;

/** class-validator, and the classes of the options and of `auth` that it knows. */
interface Shapes {
  readonly validator: Validator;
  readonly Options: new () => Shape;
  readonly Auth: new () => Shape;
}

let shapes: Shapes | undefined;

/**
 * Loads class-validator, which takes longer than all the rest of this library, when options are checked for the first
 * time and not before. It is a peer dependency: an application that has it for its own data loads it once.
 * @throws {ClusterCronError} `ZK_MISSING_PACKAGE` when it is not installed.
 */
function loadShapes(): Shapes {
  if (shapes !== undefined) return shapes;
  const validator = loadValidator();
  shapes = {
    validator,
    Options: shapeOf(validator, RULES),
    Auth: shapeOf(validator, AUTH_RULES),
  };
  return shapes;
}

function shapeOf(validator: Validator, rules: Rules): new () => Shape {
  // class-validator keeps its rules by class; there is nothing else to this one.
  // oxlint-disable-next-line typescript/no-extraneous-class
  class Options {}
  for (const [property, decorators] of Object.entries(rules))
    for (const decorate of decorators(validator).toReversed()) decorate(Options.prototype, property);
  return Options as new () => Shape;
}

function loadValidator(): Validator {
  try {
    // A call that bundlers understand, too. `import()` would make every check, and with it the testing kit,
    // asynchronous.
    // oxlint-disable-next-line typescript/no-require-imports
    return require('class-validator') as Validator;
  } catch (thrown) {
    const message =
      'The package class-validator, a peer dependency that checks the options, cannot be loaded. Install it: npm install class-validator';
    throw new ClusterCronError('ZK_MISSING_PACKAGE', message, { cause: thrown });
  }
}

/** Everything that is wrong with the options, one sentence each; no value that could be a secret. */
export function problemsOf(options: unknown, production: boolean): readonly string[] {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    return [`expected an object with connectString, service and version, received ${describe(options)}.`];
  }
  const { validator, Options, Auth } = loadShapes();
  const shape = Object.assign(new Options(), options);
  if (isObject(shape['auth'])) shape['auth'] = Object.assign(new Auth(), shape['auth']);
  const errors = validator.validateSync(shape, {
    whitelist: true,
    forbidNonWhitelisted: true,
    forbidUnknownValues: true,
    stopAtFirstError: true,
  });
  const problems = errors.flatMap((error) => sentences(error, ''));
  if (shape['standalone'] === true && production && shape['allowStandaloneInProduction'] !== true) {
    problems.push(
      'standalone: expected false with NODE_ENV=production, received true. Every replica would be master at once; if there is only ever one, set allowStandaloneInProduction: true too.',
    );
  }
  const unfit = shape['crashGuard'] === true ? unfitForGuard(shape['tls']) : undefined;
  if (unfit !== undefined) {
    problems.push(
      `crashGuard: expected false with what cannot be handed to another process, received true and ${unfit}. Give keys and certificates as text or bytes, or leave crashGuard out.`,
    );
  }
  return problems;
}

function sentences(error: ValidationError, parent: string): string[] {
  const path = `${parent}${error.property}`;
  const own = Object.entries(error.constraints ?? {}).map(([name, message]) =>
    name === 'whitelistValidation'
      ? `${path}: there is no such option${parent === '' ? '' : ` in ${parent.slice(0, -1)}`}. Known: ${knownOptions(parent)}.`
      : `${path}: expected ${message}, received ${describe(error.value, path)}${adviceOn(name, error.value)}.`,
  );
  return [...new Set([...own, ...(error.children ?? []).flatMap((child) => sentences(child, `${path}.`))])];
}

function adviceOn(constraint: string, value: unknown): string {
  if (constraint === 'isBoolean') return adviceOnText(value, 'boolean');
  return ['isInt', 'min', 'max'].includes(constraint) ? adviceOnText(value, 'number') : '';
}

function knownOptions(parent: string): string {
  return Object.keys(parent === '' ? RULES : AUTH_RULES).join(', ');
}

/** A value for a message; below `auth` and `tls` only its type. */
function describe(value: unknown, path = ''): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object') return 'an object';
  if (/^(?:auth|tls)(?:\.|$)/u.test(path)) return `a ${typeof value}`;
  if (typeof value === 'string') return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}...` : value);
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : `a ${typeof value}`;
}

function isCredential(value: unknown): boolean {
  return typeof value === 'string' && /^[^:]+:.+$/su.test(value);
}

function connectStringProblem(value: unknown): string | undefined {
  if (typeof value !== 'string') return '';
  try {
    parseConnectString(value);
    return undefined;
  } catch (thrown) {
    return messageOf(thrown)
      .replace(/^\w+: /u, '')
      .replace(/\. Expected .*$/su, '');
  }
}

function keyPartProblem(value: unknown): string | undefined {
  return typeof value === 'string' ? electionNameProblem(value) : '';
}

function addressProblem(value: unknown): string | undefined {
  if (typeof value !== 'string') return '';
  const match = /^(?:\[(?<v6>[^\]]+)\]|(?<host>[A-Za-z0-9._-]+)):(?<port>\d{1,5})$/u.exec(value);
  if (match === null || Number(match.groups?.['port']) > 65_535) return '';
  const v6 = match.groups?.['v6'];
  return v6 === undefined || isIP(v6) === 6 ? undefined : 'there is no IPv6 address between its brackets';
}

function timeZoneProblem(value: unknown): string | undefined {
  if (typeof value !== 'string') return '';
  return isUsableZone(value) ? undefined : 'there is no such time zone';
}

function rootPathProblem(value: unknown): string | undefined {
  if (typeof value !== 'string' || !value.startsWith('/')) return '';
  const names = value.slice(1).split('/');
  if (names[0] === 'zookeeper') return 'ZooKeeper keeps /zookeeper for itself';
  return names.map(nameProblem).find((problem) => problem !== undefined);
}
