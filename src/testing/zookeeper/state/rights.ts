import { OPEN_ACL, Refused, RIGHTS, type AclEntry, type Identity } from './znode.js';

/** The schemes that an access control list may name, and the form of their ids. */
const SCHEMES: Readonly<Record<string, (id: string) => boolean>> = {
  world: (id) => id === 'anyone',
  digest: (id) => id.split(':').length === 2,
  ip: (id) => id !== '',
};

/** Throws `no-auth` unless one of `by` holds `right` on a node with this list (ZooKeeperServer.checkACL, 3.8). */
export function requireRight(acl: readonly AclEntry[], right: number, by: readonly Identity[] | undefined): void {
  if (!holdsRight(acl, right, by)) throw new Refused('no-auth');
}

export function holdsRight(acl: readonly AclEntry[], right: number, by: readonly Identity[] | undefined): boolean {
  if (by === undefined || acl.length === 0) return true;
  return acl.some(({ rights, scheme, id }) => {
    if ((rights & right) === 0) return false;
    return (scheme === 'world' && id === 'anyone') || by.some((one) => one.scheme === scheme && one.id === id);
  });
}

/**
 * The list that a node is made with: scheme `auth` becomes every identity that the connection has proved
 * (PrepRequestProcessor.fixupACL, 3.8). Throws `invalid-acl`.
 */
export function resolvedAcl(acl: readonly AclEntry[], by: readonly Identity[] | undefined): readonly AclEntry[] {
  const resolved = new Map<string, AclEntry>();
  const add = (entry: AclEntry): void => void resolved.set(JSON.stringify([entry.rights, entry.scheme, entry.id]), entry);
  for (const { rights, scheme, id } of acl) {
    if (scheme === 'auth') {
      // An address is no proof of who one is.
      const proved = (by ?? []).filter((one) => one.scheme !== 'ip');
      if (proved.length === 0) throw new Refused('invalid-acl');
      for (const one of proved) add({ rights, scheme: one.scheme, id: one.id });
    } else if (SCHEMES[scheme]?.(id) === true) add({ rights, scheme, id });
    else throw new Refused('invalid-acl');
  }
  if (resolved.size === 0) throw new Refused('invalid-acl');
  const [first] = resolved.values();
  // Most nodes are open to everybody: they share one list.
  if (resolved.size === 1 && first?.scheme === 'world' && first.rights === RIGHTS.all) return OPEN_ACL;
  return [...resolved.values()];
}

/** What `getACL` shows: without the right to change the list, the hashes of passwords are hidden (ZooKeeper 3.8). */
export function shownAcl(acl: readonly AclEntry[], by: readonly Identity[]): readonly AclEntry[] {
  if (holdsRight(acl, RIGHTS.admin, by)) return acl;
  return acl.map((entry) => (entry.scheme === 'digest' ? { ...entry, id: entry.id.replace(/:.*/, ':x') } : entry));
}
