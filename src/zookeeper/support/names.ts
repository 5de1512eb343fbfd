import { received } from './checks.js';

/**
 * The longest name of a job, an election, a service or a version; all of them become (parts of) names of znodes. UTF-16
 * units, as `length` counts.
 */
export const MAX_NAME_LENGTH = 200;

/**
 * What ZooKeeper's server refuses in a path, as its `PathUtils.validatePath` (3.8.0) looks at it: one UTF-16 unit at a
 * time, so that every character beyond the Basic Multilingual Plane (an emoji, a rare Han character) is refused as the
 * pair of surrogates that it is, and the private use area with them. Hence no `u` flag here: it would see whole
 * characters. A test holds this against a real server, character by character.
 */
// oxlint-disable-next-line no-control-regex -- control characters are among what is refused
const REFUSED = /[/\u0000-\u001f\u007f-\u009f\ud800-\uf8ff\ufff0-\uffff]/;

/**
 * What is wrong with one part of a path in ZooKeeper, as a clause; undefined when the server takes it. Every name that
 * goes into a path is checked here.
 */
export function znodeNameProblem(name: string): string | undefined {
  if (name === '') return 'it is empty';
  if (name === '.' || name === '..') return 'ZooKeeper reserves it';
  return REFUSED.test(name)
    ? 'it contains "/" or a character that ZooKeeper does not allow in names: control characters, emoji and others beyond U+FFFF, private ones'
    : undefined;
}

/** What is wrong with `name` as the name of a job or an election, as a clause; undefined when it is fine. */
export function nameProblem(name: string): string | undefined {
  if (name.trim() === '') return 'it is empty';
  if (name.length > MAX_NAME_LENGTH) return `it has ${name.length} characters, at most ${MAX_NAME_LENGTH} are allowed`;
  return znodeNameProblem(name);
}

/**
 * As `nameProblem`, for what is put together with colons into the key of an election: service, version and the
 * election's own name.
 */
export function electionNameProblem(name: string): string | undefined {
  return name.includes(':') ? 'it contains ":", which separates service, version and election' : nameProblem(name);
}

/** The longest path that is taken; ZooKeeper has no limit of its own but that of a request. */
const MAX_PATH_LENGTH = 1_000;

/** What is wrong with the absolute path of a node, as a clause; undefined when it is fine. */
export function pathProblem(path: unknown): string | undefined {
  if (typeof path !== 'string' || !path.startsWith('/')) return `"path" must be an absolute path, received ${received(path)}`;
  if (path.length > MAX_PATH_LENGTH) return `its path has ${path.length} characters, at most ${MAX_PATH_LENGTH} are allowed`;
  for (const part of path.split('/').slice(1)) {
    const problem = znodeNameProblem(part);
    if (problem !== undefined) return `${received(part)} in the path ${received(path)} cannot be used: ${problem}`;
  }
  return undefined;
}
