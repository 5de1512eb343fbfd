/** Injects the options of `ClusterJobsAdminModule`. */
export const ADMIN_OPTIONS = Symbol('the options of ClusterJobsAdminModule.forRoot()');

/** What a caller may do: everything, only look, or nothing. */
export type AdminAccess = 'all' | 'read-only' | false;

/** Options of `ClusterJobsAdminModule.forRoot`. */
export interface ClusterJobsAdminOptions {
  /** Where the routes are, below the global prefix of the application. Default `cluster-jobs`. */
  readonly path?: string | undefined;
  /**
   * Who may do what: called with each request of the HTTP platform, after the global guards, so it may go by what these
   * have put there (`request.user`). What it throws is answered. Default: everybody is refused.
   */
  // The request is of Express, Fastify, or another platform.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly access?: ((request: any) => AdminAccess | Promise<AdminAccess>) | undefined;
  /**
   * Who gives the command, for the history and the verdicts; cut to 100 characters. Default: only the address of
   * the replica that was asked.
   */
  // The same request: its type is the platform's.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly by?: ((request: any) => string | undefined | Promise<string | undefined>) | undefined;
}

const KNOWN = ['path', 'access', 'by'];

/** @throws {TypeError} that lists every problem. */
export function checkAdminOptions(options: ClusterJobsAdminOptions): void {
  const { path, access, by } = options;
  const problems = [
    ...Object.keys(options).flatMap((name) => (KNOWN.includes(name) ? [] : [`there is no option "${name}" (known: ${KNOWN.join(', ')})`])),
    ...(path === undefined || (typeof path === 'string' && path !== '') ? [] : ['path must be a text, as "cluster-jobs"']),
    ...(access === undefined || typeof access === 'function' ? [] : ['access must be a function of the request']),
    ...(by === undefined || typeof by === 'function' ? [] : ['by must be a function of the request']),
  ];
  if (problems.length > 0) throw new TypeError(`ClusterJobsAdminModule.forRoot: ${problems.join('; ')}.`);
}
