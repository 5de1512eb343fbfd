import { isIP } from 'node:net';
import { ClusterCronError } from '../support/errors.js';
import { znodeNameProblem } from '../support/names.js';

/** One member of the ensemble, as written in the connect string. `host` is a name or an address, without brackets. */
export interface Server {
  readonly host: string;
  readonly port: number;
}

export interface ConnectString {
  readonly servers: readonly Server[];
  /** `''` without one, else `/a/b`. */
  readonly chroot: string;
}

/** The port of an entry that names none: ZooKeeper's default client port. */
const DEFAULT_PORT = 2181;

/** The connect string cannot be understood; the message names the entry. */
export class ConnectStringError extends ClusterCronError {
  constructor(problem: string) {
    super('ZK_BAD_CONNECT_STRING', `${problem}. Expected host:port[,host:port...][/chroot], with IPv6 addresses in brackets.`);
  }
}

/** Reads `host[:port][,host[:port]...][/chroot]`. Throws `ConnectStringError`. */
export function parseConnectString(text: string): ConnectString {
  const scheme = /^\s*([a-z][a-z0-9+.-]*:\/\/)/iu.exec(text)?.[1];
  if (scheme !== undefined)
    throw new ConnectStringError(`the connect string begins with ${JSON.stringify(scheme)}, but it is no URL: leave that out`);
  checkChroots(text);
  const slash = text.indexOf('/');
  const hosts = slash === -1 ? text : text.slice(0, slash);
  const chroot = slash === -1 || slash === text.length - 1 ? '' : text.slice(slash);
  if (hosts.trim() === '') throw new ConnectStringError('the connect string names no server');
  checkChroot(chroot);
  return { servers: hosts.split(',').map((entry, index) => parseServer(entry.trim(), index + 1)), chroot };
}

/** As `host:port`, with brackets around an IPv6 address. */
export function formatServer(server: Server): string {
  return server.host.includes(':') ? `[${server.host}]:${server.port}` : `${server.host}:${server.port}`;
}

function parseServer(entry: string, position: number): Server {
  const bad = (problem: string): ConnectStringError =>
    new ConnectStringError(`server ${position} of the connect string, ${JSON.stringify(entry)}, ${problem}`);
  if (entry === '') throw bad('is empty');
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(entry);
  if (bracketed !== null) {
    const host = bracketed[1] ?? '';
    if (isIP(host) !== 6) throw bad('has no IPv6 address between its brackets');
    return { host, port: parsePort(bracketed[2], bad) };
  }
  if (/[;\s]/u.test(entry)) throw bad('has a blank or a semicolon in it (servers are separated by commas)');
  const parts = entry.split(':');
  if (parts.length > 2) throw bad('has too many colons (an IPv6 address needs brackets)');
  const host = parts[0] ?? '';
  if (!/^[A-Za-z0-9._-]+$/.test(host)) throw bad('has no valid host name');
  return { host, port: parsePort(parts[1], bad) };
}

function parsePort(text: string | undefined, bad: (problem: string) => ConnectStringError): number {
  if (text === undefined) return DEFAULT_PORT;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw bad('has no port between 1 and 65535 after its colon');
  return port;
}

/**
 * Refuses a chroot behind each server (`h1:2181/prod,h2:2181/prod`). ZooKeeper's own clients take everything from the
 * first slash on for the chroot, so the second server would never be tried. A comma in a chroot is refused for it:
 * nobody can say which of the two was meant.
 */
function checkChroots(text: string): void {
  const entries = text.split(',').map((entry) => entry.trim());
  if (!entries.slice(0, -1).some((entry) => entry.includes('/'))) return;
  const parts = entries.map((entry) => {
    const slash = entry.indexOf('/');
    return slash === -1 ? { host: entry, chroot: '' } : { host: entry.slice(0, slash), chroot: entry.slice(slash) };
  });
  const chroots = new Set(parts.map(({ chroot }) => chroot));
  const [chroot] = chroots;
  const meant = chroots.size === 1 ? ` as in ${JSON.stringify(`${parts.map(({ host }) => host).join(',')}${chroot}`)}` : '';
  throw new ConnectStringError(
    `the chroot comes once, after the last server${meant}, and has no comma; this one follows an earlier server`,
  );
}

function checkChroot(chroot: string): void {
  if (chroot === '') return;
  const names = chroot.slice(1).split('/');
  if (names.some((name) => name === '' || name === '.' || name === '..')) {
    throw new ConnectStringError(`the chroot ${JSON.stringify(chroot)} has an empty or relative part`);
  }
  const problem = names.map(znodeNameProblem).find((each) => each !== undefined);
  if (problem !== undefined) throw new ConnectStringError(`the chroot ${JSON.stringify(chroot)} cannot be a path: ${problem}`);
}
