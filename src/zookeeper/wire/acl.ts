import type { Access, Right } from './operations.js';
import type { Credential } from './connection-options.js';
import { zookeeper, type PackageAcl } from './package.js';

/** Who may do what to the nodes that this library makes. */
export interface AuthOptions {
  readonly scheme: 'digest';
  /**
   * Each `user:password`. All are presented; a node's rights go to all of them, so that credentials can be changed with
   * an overlap.
   */
  readonly credentials: readonly string[];
  /** Who, besides the credentials, may read. Default `'everyone'`. */
  readonly readableBy?: 'everyone' | 'creator';
  /**
   * `'shared'` (default): whoever uses the ensemble may make and delete nodes below the common parents, but not change
   * their rights. Deleting is a right on the parent in ZooKeeper. `'creator'`: only these credentials may.
   */
  readonly parents?: 'shared' | 'creator';
}

export function credentialsOf(auth: AuthOptions | undefined): readonly Credential[] {
  return (auth?.credentials ?? []).map((text) => ({ scheme: auth?.scheme ?? 'digest', auth: Buffer.from(text) }));
}

/** The access control lists of the two kinds of nodes that have no list of their own. */
export type Acls = Readonly<Record<Extract<Access, string>, readonly PackageAcl[]>>;

export function aclsOf(auth: AuthOptions | undefined): Acls {
  const { ACL, Id, Permission } = zookeeper;
  const everyone = new Id('world', 'anyone');
  if (auth === undefined) {
    const open = [new ACL(Permission.ALL, everyone)];
    return { own: open, parent: open };
  }
  // Scheme 'auth': the server puts in every credential that the connection has presented.
  const creator = new ACL(Permission.ALL, new Id('auth', ''));
  const own = auth.readableBy === 'creator' ? [creator] : [creator, new ACL(Permission.READ, everyone)];
  const shared = Permission.READ | Permission.WRITE | Permission.CREATE | Permission.DELETE;
  return { own, parent: auth.parents === 'creator' ? own : [creator, new ACL(shared, everyone)] };
}

/** The list that a node is made with. */
export function aclFor(acls: Acls, access: Access = 'own'): readonly PackageAcl[] {
  return typeof access === 'string' ? acls[access] : access.map(aclOf);
}

function aclOf({ scheme, id, may }: Right): PackageAcl {
  const { ACL, Id, Permission } = zookeeper;
  const bits = may.map((one) => Permission[one.toUpperCase() as Uppercase<typeof one>]);
  return new ACL(
    bits.reduce((all, bit) => all | bit, 0),
    new Id(scheme, id),
  );
}
