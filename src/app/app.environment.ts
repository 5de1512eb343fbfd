import { accessSync, constants } from 'node:fs';

import { ValidateBy, type ValidationArguments } from 'class-validator';

/** The environment of one replica, as text, with its defaults. `.env.example` describes each variable. */
export class Environment {
  @Expect('a port from 1 to 65535', isPort)
  PORT = '3000';

  @Expect('a name without ":", "/" and spaces', isName)
  SERVICE_NAME = 'AccountService';

  @Expect('a version without ":", "/" and spaces', isName)
  SERVICE_VERSION = '1.0.0';

  @Expect('host:port, where clients reach this replica', isAddress)
  @Expect('on another port than PORT, which serves HTTP', (value, environment) => !value.endsWith(`:${environment.PORT}`))
  SERVICE_ADDRESS = '';

  @Expect('version or service', (value) => ['version', 'service'].includes(value))
  ELECTION_SCOPE = 'version';

  @Expect('true or false', isBoolean)
  CANDIDATE = 'true';

  @Expect('host:port[,host:port...][/chroot], unless STANDALONE is true', (value, environment) =>
    value === '' ? environment.STANDALONE === 'true' : isConnectString(value),
  )
  ZOOKEEPER_CONNECT = '';

  @Expect(
    'a whole number of milliseconds from 1000 to 600000',
    (value) => isWhole(value) && Number(value) >= 1000 && Number(value) <= 600_000,
  )
  ZOOKEEPER_SESSION_TIMEOUT_MS = '10000';

  @Expect(
    'an absolute path such as /soa, outside of /zookeeper',
    (value) => /^(\/[^/\s]+)+$/.test(value) && !/^\/zookeeper(\/|$)/.test(value),
  )
  ZOOKEEPER_ROOT = '/soa';

  @ExpectSecret('user:password[,user:password...]', (value) => value === '' || value.split(',').every((each) => /^[^:]+:.+$/.test(each)))
  ZOOKEEPER_AUTH = '';

  @Expect('a readable PEM file', isReadableOrUnset)
  ZOOKEEPER_TLS_CA = '';

  @Expect('a readable PEM file', isReadableOrUnset)
  @Expect('set together with ZOOKEEPER_TLS_KEY', (value, environment) => (value === '') === (environment.ZOOKEEPER_TLS_KEY === ''))
  ZOOKEEPER_TLS_CERT = '';

  @Expect('a readable PEM file', isReadableOrUnset)
  ZOOKEEPER_TLS_KEY = '';

  @Expect('a whole number of milliseconds', isWhole)
  DRAIN_TIMEOUT_MS = '15000';

  @Expect('true or false', isBoolean)
  STANDALONE = 'false';

  @Expect('pretty or json', (value) => ['pretty', 'json'].includes(value))
  LOG_FORMAT = 'pretty';
}

/** Every variable that the service reads. */
export const VARIABLES = Object.keys(new Environment()) as readonly (keyof Environment)[];

type Test = (value: string, environment: Environment) => boolean;

function Expect(expected: string, test: Test, show: (value: string) => string = (value) => JSON.stringify(value)): PropertyDecorator {
  return ValidateBy({
    // Two expectations of one variable need two names: class-validator keeps one message per name.
    name: `expect ${expected}`,
    validator: {
      validate: (value: string, args) => test(value, args?.object as Environment),
      defaultMessage: (args) => {
        const { property, value } = args as ValidationArguments;
        return `${property} must be ${expected}, but is ${value === '' ? 'not set' : show(value as string)}`;
      },
    },
  });
}

function ExpectSecret(expected: string, test: Test): PropertyDecorator {
  return Expect(expected, test, () => 'something else (not shown)');
}

function isWhole(value: string): boolean {
  return /^\d{1,9}$/.test(value);
}

function isPort(value: string): boolean {
  return isWhole(value) && Number(value) >= 1 && Number(value) <= 65_535;
}

function isName(value: string): boolean {
  return /^[^:/\s]+$/.test(value);
}

function isBoolean(value: string): boolean {
  return value === 'true' || value === 'false';
}

function isAddress(value: string): boolean {
  const match = /^(?:\[[0-9a-f:.]+\]|[^:/\s,[\]]+):(\d+)$/i.exec(value);
  return match !== null && isPort(match[1] ?? '');
}

function isConnectString(value: string): boolean {
  const slash = value.indexOf('/');
  const servers = slash < 0 ? value : value.slice(0, slash);
  return servers.split(',').every(isAddress) && (slash < 0 || /^(\/[^/\s]+)+$/.test(value.slice(slash)));
}

function isReadableOrUnset(value: string): boolean {
  if (value === '') return true;
  try {
    accessSync(value, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}
