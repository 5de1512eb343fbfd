import { describe, expect, it } from 'vitest';
import { Memory } from '../../../src/zookeeper/mastership/election/memory.js';
import type { ElectionRecord, RecordRead } from '../../../src/zookeeper/mastership/election/election-record.js';
import { LONGEST_OLD_LEASE_MS, MAX_LEASE_MS, waitMsFor } from '../../../src/zookeeper/session/lease-length.js';
import { HandClock } from './hand-clock.js';
import { statOf } from './stats.js';

const OWN = 1_000;
/** The node won now, later than anything read. */
const WON = 100n;
const held: ElectionRecord = { tenure: 't1', address: 'a:1', state: 'held', leaseMs: 1_000, unprovenMs: 0, floor: 0n };
/** As the transaction of a win leaves it: it wrote the record and created its child. */
const afterWin = statOf({ czxid: 1n, mzxid: 10n, pzxid: 10n, version: 3 });
const read = (record: ElectionRecord | undefined, stat = afterWin): RecordRead => ({ record, writtenAs: record && afterWin.version, stat });
/** As an older version of this library wrote it. */
const oldRead = (record: ElectionRecord): RecordRead => ({ ...read(record), writtenAs: undefined });
/** The wait for a predecessor that may be anybody. */
const UNKNOWN = waitMsFor(MAX_LEASE_MS);

describe('what a winner waits', () => {
  it('is the longest lease that any replica may have, when nothing is known of a predecessor', () => {
    expect(new Memory(new HandClock()).proofOf(read(undefined), WON).waitMs).toBe(UNKNOWN);
  });

  it("is the predecessor's own lease, longer or shorter, when the record is as it was written", () => {
    const memory = new Memory(new HandClock());
    expect(memory.proofOf(read(held), WON).waitMs).toBe(waitMsFor(OWN));
    expect(memory.proofOf(read({ ...held, leaseMs: 4_900 }), WON).waitMs).toBe(waitMsFor(4_900));
    expect(memory.proofOf(read({ ...held, leaseMs: 10 }), WON).waitMs).toBe(waitMsFor(10));
  });

  it('is the longest lease when the record was edited, put back or copied: its version is not the one that it names', () => {
    const memory = new Memory(new HandClock());
    for (const version of [afterWin.version - 1, afterWin.version + 1, 0]) {
      const edited = { ...read({ ...held, leaseMs: 10 }), stat: { ...afterWin, version } };
      expect(memory.proofOf(edited, WON).waitMs).toBe(UNKNOWN);
    }
  });

  it('is the longest lease that an older version of this library can have, when such a one wrote the record', () => {
    const memory = new Memory(new HandClock());
    expect(memory.proofOf(oldRead({ ...held, leaseMs: 20_000 }), WON).waitMs).toBe(waitMsFor(LONGEST_OLD_LEASE_MS));
    expect(memory.proofOf(oldRead({ ...held, leaseMs: 10 }), WON).waitMs).toBe(UNKNOWN);
    expect(memory.proofOf(oldRead({ ...held, unprovenMs: 22_200 }), WON).waitMs).toBe(22_200);
    expect(memory.proofOf(oldRead({ ...held, state: 'resigned' }), WON).waitMs).toBe(0);
  });

  it('is nothing after a proven resignation', () => {
    expect(new Memory(new HandClock()).proofOf(read({ ...held, state: 'resigned' }), WON).waitMs).toBe(0);
  });

  it('is nothing after a death that a crash guard has seen, and the longest lease when somebody has written so by hand', () => {
    const died: ElectionRecord = { ...held, state: 'died' };
    const proof = new Memory(new HandClock()).proofOf(read(died), WON);
    expect(proof).toEqual({ waitMs: 0, why: 'the process of a:1 has died, which its crash guard has seen' });
    const byHand = statOf({ czxid: 1n, mzxid: 11n, pzxid: 10n, version: 4 });
    expect(new Memory(new HandClock()).proofOf(read(died, byHand), WON).waitMs).toBe(UNKNOWN);
  });

  it('is the longest lease when the word "resigned" was written by hand', () => {
    const byHand = statOf({ czxid: 1n, mzxid: 11n, pzxid: 10n, version: 4 });
    expect(new Memory(new HandClock()).proofOf(read({ ...held, state: 'resigned' }, byHand), WON).waitMs).toBe(UNKNOWN);
  });

  it('is inherited from a predecessor that resigned or died during its own wait', () => {
    const memory = new Memory(new HandClock());
    expect(memory.proofOf(read({ ...held, state: 'resigned', unprovenMs: 700 }), WON).waitMs).toBe(700);
    expect(memory.proofOf(read({ ...held, unprovenMs: 9_000 }), WON).waitMs).toBe(9_000);
  });

  it('is shorter by the time for which this replica has seen the tenure that inherited a wait', () => {
    const clock = new HandClock();
    const memory = new Memory(clock);
    const waiting = { ...held, unprovenMs: 9_000 };
    memory.sawRecord(read(waiting));
    clock.pass(2_000);
    memory.sawRecord(read(waiting));
    expect(memory.proofOf(read(waiting), WON).waitMs).toBe(7_000);
    clock.pass(60_000);
    expect(memory.proofOf(read(waiting), WON).waitMs).toBe(waitMsFor(OWN));
  });

  it('is inherited as it was seen first, or as the record says where that is less', () => {
    const memory = new Memory(new HandClock());
    memory.sawRecord(read({ ...held, unprovenMs: 5_000 }));
    expect(memory.proofOf(read({ ...held, unprovenMs: 9_000 }), WON).waitMs).toBe(5_000);
    expect(memory.proofOf(read({ ...held, unprovenMs: 3_000 }), WON).waitMs).toBe(3_000);
  });

  it('is nothing after a tenure of this very process, but for what is left of its own wait', () => {
    const clock = new HandClock();
    const memory = new Memory(clock);
    memory.endedHere('t1', 3, clock.monotonicMs() + 400);
    expect(memory.proofOf(read(held), WON).waitMs).toBe(400);
    clock.pass(1_000);
    expect(memory.proofOf(read(held), WON).waitMs).toBe(0);
    expect(memory.proofOf(read({ ...held, tenure: 't2' }), WON).waitMs).toBe(waitMsFor(OWN));
  });

  it('is the longest lease after a holder that keeps no record, whatever the record says of the tenure before', () => {
    const clock = new HandClock();
    const memory = new Memory(clock);
    memory.endedHere('t1', 3, clock.monotonicMs());
    memory.sawNode(statOf({ czxid: 20n, version: 0 }));
    expect(memory.proofOf(read({ ...held, state: 'resigned' }), WON).waitMs).toBe(UNKNOWN);
    expect(memory.proofOf(read(held), WON).waitMs).toBe(UNKNOWN);
  });

  it('does not mind a foreign holder from before the last win, nor the node of that win', () => {
    const memory = new Memory(new HandClock());
    memory.sawNode(statOf({ czxid: 5n, version: 0 }));
    memory.sawNode(statOf({ czxid: afterWin.mzxid, version: 1 }));
    expect(memory.proofOf(read({ ...held, state: 'resigned' }), WON).waitMs).toBe(0);
  });

  it('is the longest lease when a tenure of this process was written back into the record by hand', () => {
    const clock = new HandClock();
    const memory = new Memory(clock);
    memory.endedHere('t1', 3, clock.monotonicMs());
    const byHand = statOf({ czxid: 1n, mzxid: 30n, pzxid: 20n, version: 8 });
    expect(memory.proofOf(read(held, byHand), WON).waitMs).toBe(UNKNOWN);
  });

  it('is the longest lease ever seen here when the record tells nothing, or is not as it was written', () => {
    const memory = new Memory(new HandClock());
    memory.sawRecord(oldRead({ ...held, leaseMs: 13_000 }));
    memory.sawRecord(read({ ...held, tenure: 't2', leaseMs: 2_000 }));
    expect(memory.proofOf(read(undefined), WON).waitMs).toBe(waitMsFor(13_000));
    expect(memory.proofOf(oldRead({ ...held, leaseMs: 0 }), WON).waitMs).toBe(waitMsFor(13_000));
    expect(memory.proofOf(read({ ...held, state: 'resigned' }), WON).waitMs).toBe(0);
  });

  it('is not lengthened beyond the longest lease by an edit of the record of a tenure that was seen before', () => {
    const memory = new Memory(new HandClock());
    memory.sawRecord(read({ ...held, unprovenMs: 1_110 }));
    const edited = oldRead({ ...held, leaseMs: 20_000, unprovenMs: 20_000 });
    memory.sawRecord(edited);
    expect(memory.proofOf(edited, WON).waitMs).toBe(UNKNOWN);
    expect(memory.proofOf(oldRead({ ...held, tenure: 't2', leaseMs: 20_000 }), WON).waitMs).toBe(waitMsFor(20_000));
  });

  it('is a lease after a resignation of an earlier epoch, which an older snapshot may have brought back', () => {
    const later = WON + (1n << 32n);
    expect(new Memory(new HandClock()).proofOf(read({ ...held, state: 'resigned' }), later).waitMs).toBe(waitMsFor(OWN));
  });
});

describe('whom a standby lets go first', () => {
  const resigned: ElectionRecord = { ...held, state: 'resigned', successor: { address: 'b:1', after: 't1' } };

  it('stands back once for the successor that a resignation names, then never again for that tenure', () => {
    const memory = new Memory(new HandClock());
    expect(memory.standsBack(read(resigned), 'c:1')).toBe(true);
    expect(memory.standsBack(read(resigned), 'c:1')).toBe(false);
    const later = { ...resigned, tenure: 't2', successor: { address: 'b:1', after: 't2' } };
    expect(memory.standsBack(read(later), 'c:1')).toBe(true);
  });

  it('does not stand back when it is named itself', () => {
    expect(new Memory(new HandClock()).standsBack(read(resigned), 'b:1')).toBe(false);
  });

  it('ignores a successor that was named after an earlier tenure', () => {
    const memory = new Memory(new HandClock());
    expect(memory.standsBack(read({ ...resigned, tenure: 't9' }), 'c:1')).toBe(false);
  });

  it('follows an edit that it saw when the master died before it could hand over', () => {
    const memory = new Memory(new HandClock());
    memory.sawEdit({ address: 'b:1', after: 't1' });
    expect(memory.isNamed('b:1')).toBe(true);
    expect(memory.standsBack(read(held), 'b:1')).toBe(false);
    expect(memory.standsBack(read(held), 'c:1')).toBe(true);
    expect(memory.standsBack(read({ ...held, tenure: 't2' }), 'c:1')).toBe(false);
  });

  it('forgets an edit that was taken back', () => {
    const memory = new Memory(new HandClock());
    memory.sawEdit({ address: 'b:1', after: 't1' });
    memory.sawEdit(undefined);
    expect(memory.isNamed('b:1')).toBe(false);
    expect(memory.standsBack(read(held), 'c:1')).toBe(false);
  });

  it('has no preference when nothing is known', () => {
    expect(new Memory(new HandClock()).standsBack(read(undefined), 'c:1')).toBe(false);
  });
});

it('keeps the highest token seen', () => {
  const memory = new Memory(new HandClock());
  for (const token of [5n, 9n, 7n]) memory.sawToken(token, 'a:1');
  expect(memory.tokenSeen).toBe(9n);
});
