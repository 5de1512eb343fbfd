import { createHash } from 'node:crypto';
import type { Identity } from '../state/znode.js';

/** Who a connection shows to be. Undefined for a scheme that the server does not have. */
export function identityOf(scheme: string, auth: Buffer, address: string): Identity | undefined {
  if (scheme === 'ip') return { scheme, id: address };
  if (scheme !== 'digest') return undefined;
  // DigestAuthenticationProvider.generateDigest (3.8): everything is hashed, the user is what
  // stands before the first colon.
  const text = auth.toString('utf8');
  return { scheme, id: `${text.split(':')[0] ?? ''}:${createHash('sha1').update(text).digest('base64')}` };
}

/** As `whoAmI` shows it: the user without the hash of the password (ZooKeeper 3.8). */
export function shownIdentity({ scheme, id }: Identity): Identity {
  return { scheme, id: scheme === 'digest' ? (id.split(':')[0] ?? '') : id };
}
