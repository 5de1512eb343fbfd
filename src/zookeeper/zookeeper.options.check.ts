// class-transformer's @Type and class-validator need the Reflect metadata API.
import 'reflect-metadata';
import { isIP } from 'node:net';
import { plainToInstance, Type } from 'class-transformer';
import {
  ArrayNotEmpty,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsObject,
  IsOptional,
  Max,
  Min,
  ValidateBy,
  ValidateIf,
  ValidateNested,
  validateSync,
  type ValidationError,
} from 'class-validator';
import { electionNameProblem, nameProblem } from './support/names.js';
import { messageOf } from './support/errors.js';
import { parseConnectString } from './wire/connect-string.js';

/** The property holds a value for which `check` knows no problem; `expected` stands in the message. */
function Passes(expected: string, check: (value: unknown) => string | undefined): PropertyDecorator {
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

const NAME = 'a name without ":" and "/"';
const MILLISECONDS = (min: number, max: number): string => `a whole number of milliseconds from ${min} to ${max}`;
const MIN_SESSION_MS = 1_000;
const MAX_SESSION_MS = 600_000;
const MAX_DRAIN_MS = 86_400_000;
const MIN_SKEW_MS = 1_000;
const SKEW = `a whole number of milliseconds, at least ${MIN_SKEW_MS}`;

class AuthShape {
  @IsIn(['digest'], { message: "'digest'" })
  scheme?: unknown;

  @IsArray({ message: "a list of 'user:password'" })
  @ArrayNotEmpty({ message: "a list of 'user:password' with at least one entry" })
  @Passes("a list of 'user:password'", (value) => (Array.isArray(value) && value.every(isCredential) ? undefined : ''))
  credentials?: unknown;

  @IsOptional()
  @IsIn(['everyone', 'creator'], { message: "'everyone' or 'creator'" })
  readableBy?: unknown;

  @IsOptional()
  @IsIn(['shared', 'creator'], { message: "'shared' or 'creator'" })
  parents?: unknown;
}

class OptionsShape {
  @ValidateIf((options: OptionsShape) => options.standalone !== true || options.connectString !== undefined)
  @Passes("'host:port[,host:port...][/chroot]', the ensemble's members; or standalone: true to run without ZooKeeper", connectStringProblem)
  connectString?: unknown;

  @Passes(`${NAME}, e.g. 'AccountService'`, keyPartProblem)
  service?: unknown;

  @Passes(`${NAME}, e.g. '1.0.0'`, keyPartProblem)
  version?: unknown;

  @IsOptional()
  @Passes("'host:port' under which other services reach this replica, IPv6 in brackets", addressProblem)
  address?: unknown;

  @IsOptional()
  @IsIn(['version', 'service'], { message: "'version' or 'service'" })
  electionScope?: unknown;

  @IsOptional()
  @IsBoolean({ message: 'true or false' })
  candidate?: unknown;

  @IsOptional()
  @IsInt({ message: MILLISECONDS(MIN_SESSION_MS, MAX_SESSION_MS) })
  @Min(MIN_SESSION_MS, { message: MILLISECONDS(MIN_SESSION_MS, MAX_SESSION_MS) })
  @Max(MAX_SESSION_MS, { message: MILLISECONDS(MIN_SESSION_MS, MAX_SESSION_MS) })
  sessionTimeoutMs?: unknown;

  @IsOptional()
  @Passes("an absolute path such as '/soa', without a slash at its end", rootPathProblem)
  rootPath?: unknown;

  @IsOptional()
  @IsObject({ message: "{ scheme: 'digest', credentials: ['user:password'] }" })
  @ValidateNested({ message: "{ scheme: 'digest', credentials: ['user:password'] }" })
  @Type(() => AuthShape)
  auth?: unknown;

  @IsOptional()
  @IsObject({ message: 'connection options of node:tls, e.g. { ca }' })
  tls?: unknown;

  @IsOptional()
  @IsInt({ message: MILLISECONDS(0, MAX_DRAIN_MS) })
  @Min(0, { message: MILLISECONDS(0, MAX_DRAIN_MS) })
  @Max(MAX_DRAIN_MS, { message: MILLISECONDS(0, MAX_DRAIN_MS) })
  drainTimeoutMs?: unknown;

  @IsOptional()
  @IsInt({ message: SKEW })
  @Min(MIN_SKEW_MS, { message: SKEW })
  maxClockSkewMs?: unknown;

  @IsOptional()
  @IsIn(['all', 'seldom', 'none'], { message: "'all', 'seldom' or 'none'" })
  logRuns?: unknown;

  @IsOptional()
  @IsBoolean({ message: 'true or false' })
  standalone?: unknown;

  @IsOptional()
  @IsBoolean({ message: 'true or false' })
  allowStandaloneInProduction?: unknown;
}

/** Everything that is wrong with the options, one sentence each; no value that could be a secret. */
export function problemsOf(options: unknown, production: boolean): readonly string[] {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    return [`expected an object with connectString, service and version, received ${describe(options)}.`];
  }
  // node:tls options hold buffers and native contexts, which class-transformer would take apart.
  const { tls, ...rest } = options as Record<string, unknown>;
  const shape = Object.assign(plainToInstance(OptionsShape, rest), tls === undefined ? {} : { tls });
  const errors = validateSync(shape, { whitelist: true, forbidNonWhitelisted: true, forbidUnknownValues: true, stopAtFirstError: true });
  const problems = errors.flatMap((error) => sentences(error, ''));
  if (shape.standalone === true && production && shape.allowStandaloneInProduction !== true) {
    problems.push(
      'standalone: expected false with NODE_ENV=production, received true. Every replica would be master at once; if there is only ever one, set allowStandaloneInProduction: true too.',
    );
  }
  return problems;
}

function sentences(error: ValidationError, parent: string): string[] {
  const path = `${parent}${error.property}`;
  const own = Object.entries(error.constraints ?? {}).map(([name, message]) =>
    name === 'whitelistValidation'
      ? `${path}: there is no such option${parent === '' ? '' : ` in ${parent.slice(0, -1)}`}. Known: ${knownOptions(parent)}.`
      : `${path}: expected ${message}, received ${describe(error.value, path)}.`,
  );
  return [...new Set([...own, ...(error.children ?? []).flatMap((child) => sentences(child, `${path}.`))])];
}

const KNOWN_OPTIONS =
  'connectString, service, version, address, electionScope, candidate, sessionTimeoutMs, rootPath, auth, tls, drainTimeoutMs, maxClockSkewMs, logRuns, standalone, allowStandaloneInProduction';

function knownOptions(parent: string): string {
  return parent === '' ? KNOWN_OPTIONS : 'scheme, credentials, readableBy, parents';
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

function rootPathProblem(value: unknown): string | undefined {
  if (typeof value !== 'string' || !value.startsWith('/')) return '';
  const names = value.slice(1).split('/');
  if (names[0] === 'zookeeper') return 'ZooKeeper keeps /zookeeper for itself';
  return names.map(nameProblem).find((problem) => problem !== undefined);
}
