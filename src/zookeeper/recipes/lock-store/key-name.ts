import { createHash } from 'node:crypto';

/** Names up to this long are the key itself, encoded; longer ones end in a hash of it. */
const MAX_NAME_LENGTH = 150;
/** What is left of a long key for people to read. */
const SHOWN_LENGTH = 80;

/**
 * The name of a key's node: another one for each key, whatever is in it, and one that ZooKeeper takes. Letters and
 * digits stay; every other unit of UTF-16 becomes `%` and four hexadecimal digits, one by one, so that a lone
 * surrogate, or two spellings of one letter, are what they are. The `=` in front keeps `.` and the empty key apart from
 * what ZooKeeper reserves; `~`, which no encoded key has in it, tells a long key's hash.
 */
export function nodeNameOf(key: string): string {
  const encoded = `=${key.replaceAll(/[^A-Za-z0-9:._-]/g, (unit) => `%${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)}`;
  if (encoded.length <= MAX_NAME_LENGTH) return encoded;
  return `${encoded.slice(0, SHOWN_LENGTH)}~${createHash('sha256').update(Buffer.from(key, 'utf16le')).digest('hex')}`;
}
