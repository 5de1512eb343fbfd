import { existsSync, readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';

import { validateSync } from 'class-validator';

import { Environment, VARIABLES } from './app.environment.js';
import type { ZookeeperModuleOptions } from '../index.js';

/** The configuration of one replica of the account service. */
export interface AppConfig {
  /** The HTTP port. */
  readonly port: number;
  /** The port of the TCP transport: that of the advertised address. */
  readonly servicePort: number;
  /** What both listeners bind to: loopback when the advertised address is loopback, otherwise every interface. */
  readonly listenHost: string;
  /** `host:port`, as written into the master's node. */
  readonly address: string;
  readonly service: string;
  readonly version: string;
  /** False: this replica observes and never becomes master. */
  readonly candidate: boolean;
  readonly logFormat: 'pretty' | 'json';
  readonly zookeeper: ZookeeperModuleOptions;
}

/** The environment does not describe a service that can start. The message lists every problem. */
export class ConfigError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(
      `The environment has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}:\n${problems.map((problem) => `  - ${problem}`).join('\n')}\nEvery variable is described in .env.example.`,
    );
    this.name = 'ConfigError';
  }
}

/**
 * Reads the configuration from the environment, and from `.env` in the working directory for what the environment
 * leaves open.
 *
 * @throws ConfigError that lists every problem.
 */
export function readConfig(): AppConfig {
  if (existsSync('.env')) process.loadEnvFile('.env');
  const environment = new Environment();
  for (const name of VARIABLES) {
    // Compose and Kubernetes pass "" for a variable that was left open.
    const value = process.env[name]?.trim();
    if (value) environment[name] = value;
  }
  environment.SERVICE_ADDRESS ||= `${ownAddress()}:${(Number(environment.PORT) || 3000) + 1}`;
  const problems = validateSync(environment).flatMap((error) => Object.values(error.constraints ?? {}));
  if (problems.length > 0) throw new ConfigError(problems);
  return toConfig(environment);
}

function toConfig(environment: Environment): AppConfig {
  const { host, port } = splitAddress(environment.SERVICE_ADDRESS);
  return {
    port: Number(environment.PORT),
    servicePort: port,
    listenHost: isLoopback(host) ? host : '0.0.0.0',
    address: environment.SERVICE_ADDRESS,
    service: environment.SERVICE_NAME,
    version: environment.SERVICE_VERSION,
    candidate: environment.CANDIDATE === 'true',
    logFormat: environment.LOG_FORMAT === 'json' ? 'json' : 'pretty',
    zookeeper: toZookeeperOptions(environment),
  };
}

function toZookeeperOptions(environment: Environment): ZookeeperModuleOptions {
  return {
    connectString: environment.ZOOKEEPER_CONNECT || undefined,
    service: environment.SERVICE_NAME,
    version: environment.SERVICE_VERSION,
    address: environment.SERVICE_ADDRESS,
    electionScope: environment.ELECTION_SCOPE === 'service' ? 'service' : 'version',
    candidate: environment.CANDIDATE === 'true',
    sessionTimeoutMs: Number(environment.ZOOKEEPER_SESSION_TIMEOUT_MS),
    rootPath: environment.ZOOKEEPER_ROOT,
    auth: environment.ZOOKEEPER_AUTH ? { scheme: 'digest', credentials: environment.ZOOKEEPER_AUTH.split(',') } : undefined,
    tls: toTlsOptions(environment),
    drainTimeoutMs: Number(environment.DRAIN_TIMEOUT_MS),
    standalone: environment.STANDALONE === 'true',
  };
}

function toTlsOptions(environment: Environment): ZookeeperModuleOptions['tls'] {
  const { ZOOKEEPER_TLS_CA: ca, ZOOKEEPER_TLS_CERT: cert, ZOOKEEPER_TLS_KEY: key } = environment;
  if (!ca && !cert) return undefined;
  return {
    ...(ca && { ca: readFileSync(ca) }),
    ...(cert && { cert: readFileSync(cert) }),
    ...(key && { key: readFileSync(key) }),
  };
}

function splitAddress(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port: Number(address.slice(colon + 1)) };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

function ownAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.find((each) => each.family === 'IPv4' && !each.internal)?.address ?? '127.0.0.1';
}
