import { expect, it } from 'vitest';
import { holderInWords } from '../../../src/zookeeper/mastership/campaign/same-address.js';

const node = (text: string): Parameters<typeof holderInWords>[0] => ({ text, stat: { ephemeralOwner: 0x2an } as never });

it('a standby names the master, and never itself: its own address in the node is that of an earlier session, or of another replica', () => {
  expect(holderInWords(node('10.0.0.8:90'), '10.0.0.7:90')).toBe('the master is 10.0.0.8:90');
  const own = holderInWords(node('10.0.0.7:90'), '10.0.0.7:90');
  expect(own).toMatch(/^session 0x2a holds the node under the address of this replica, 10\.0\.0\.7:90: an earlier session of its own/u);
  expect(own).not.toContain('master');
});
