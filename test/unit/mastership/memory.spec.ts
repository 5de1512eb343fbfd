import { describe, expect, it } from 'vitest';
import { Memory } from '../../../src/zookeeper/mastership/memory.js';
import type { ElectionRecord, RecordRead } from '../../../src/zookeeper/mastership/record.js';
import { waitMsFor } from '../../../src/zookeeper/mastership/timing.js';
import { HandClock } from './hand-clock.js';
import { statOf } from './stats.js';

const OWN = 1_000;
/** The node won now, later than anything read. */
const WON = 100n;
const held: ElectionRecord = { tenure: 't1', address: 'a:1', state: 'held', leaseMs: 1_000, unprovenMs: 0, floor: 0n };
/** As the transaction of a win leaves it: it wrote the record and created its child. */
const afterWin = statOf({ czxid: 1n, mzxid: 10n, pzxid: 10n, version: 3 });
const read = (record: ElectionRecord | undefined, stat = afterWin): RecordRead => ({ record, stat });

describe('what a winner waits', () => {
  it('is a lease when nothing is known of a predecessor', () => {
    expect(new Memory(new HandClock()).proofOf(read(undefined), OWN, WON).waitMs).toBe(waitMsFor(OWN));
  });

  it('is a lease when the predecessor has not resigned', () => {
    expect(new Memory(new HandClock()).proofOf(read(held), OWN, WON).waitMs).toBe(waitMsFor(OWN));
  });

  it("is the predecessor's own lease when that is the longer one, and ours when ours is", () => {
    const memory = new Memory(new HandClock());
    expect(memory.proofOf(read({ ...held, leaseMs: 5_000 }), OWN, WON).waitMs).toBe(waitMsFor(5_000));
    expect(memory.proofOf(read({ ...held, leaseMs: 10 }), OWN, WON).waitMs).toBe(waitMsFor(OWN));
  });

  it('is nothing after a proven resignation', () => {
    expect(new Memory(new HandClock()).proofOf(read({ ...held, state: 'resigned' }), OWN, WON).waitMs).toBe(0);
  });

  it('is a lease when the word "resigned" was written by hand', () => {
    const byHand = statOf({ czxid: 1n, mzxid: 11n, pzxid: 10n, version: 4 });
    expect(new Memory(new HandClock()).proofOf(read({ ...held, state: 'resigned' }, byHand), OWN, WON).waitMs).toBe(waitMsFor(OWN));
  });

  it('is inherited from a predecessor that resigned or died during its own wait', () => {
    const memory = new Memory(new HandClock());
    expect(memory.proofOf(read({ ...held, state: 'resigned', unprovenMs: 700 }), OWN, WON).waitMs).toBe(700);
    expect(memory.proofOf(read({ ...held, unprovenMs: 9_000 }), OWN, WON).waitMs).toBe(9_000);
  });

  it('is nothing after a tenure of this very process, but for what is left of its own wait', () => {
    const clock = new HandClock();
    const memory = new Memory(clock);
    memory.endedHere('t1', 3, clock.nowMs() + 400);
    expect(memory.proofOf(read(held), OWN, WON).waitMs).toBe(400);
    clock.pass(1_000);
    expect(memory.proofOf(read(held), OWN, WON).waitMs).toBe(0);
    expect(memory.proofOf(read({ ...held, tenure: 't2' }), OWN, WON).waitMs).toBe(waitMsFor(OWN));
  });

  it('is a lease after a holder that keeps no record, whatever the record says of the tenure before', () => {
    const clock = new HandClock();
    const memory = new Memory(clock);
    memory.endedHere('t1', 3, clock.nowMs());
    memory.sawNode(statOf({ czxid: 20n, version: 0 }));
    expect(memory.proofOf(read({ ...held, state: 'resigned' }), OWN, WON).waitMs).toBe(waitMsFor(OWN));
    expect(memory.proofOf(read(held), OWN, WON).waitMs).toBe(waitMsFor(OWN));
  });

  it('does not mind a foreign holder from before the last win, nor the node of that win', () => {
    const memory = new Memory(new HandClock());
    memory.sawNode(statOf({ czxid: 5n, version: 0 }));
    memory.sawNode(statOf({ czxid: afterWin.mzxid, version: 1 }));
    expect(memory.proofOf(read({ ...held, state: 'resigned' }), OWN, WON).waitMs).toBe(0);
  });

  it('is a lease when a tenure of this process was written back into the record by hand', () => {
    const clock = new HandClock();
    const memory = new Memory(clock);
    memory.endedHere('t1', 3, clock.nowMs());
    const byHand = statOf({ czxid: 1n, mzxid: 30n, pzxid: 20n, version: 8 });
    expect(memory.proofOf(read(held, byHand), OWN, WON).waitMs).toBe(waitMsFor(OWN));
  });

  it('is the longest lease ever seen here when the record tells nothing, or less', () => {
    const memory = new Memory(new HandClock());
    memory.sawRecord({ ...held, leaseMs: 3_000 });
    memory.sawRecord({ ...held, leaseMs: 2_000 });
    expect(memory.proofOf(read(undefined), OWN, WON).waitMs).toBe(waitMsFor(3_000));
    expect(memory.proofOf(read({ ...held, leaseMs: 0 }), OWN, WON).waitMs).toBe(waitMsFor(3_000));
    expect(memory.proofOf(read({ ...held, state: 'resigned' }), OWN, WON).waitMs).toBe(0);
  });

  it('is not lengthened by an edit of the record of a tenure that was seen before', () => {
    const memory = new Memory(new HandClock());
    memory.sawRecord({ ...held, unprovenMs: 1_110 });
    const edited = { ...held, leaseMs: 20_000, unprovenMs: 20_000 };
    memory.sawRecord(edited);
    expect(memory.proofOf(read(edited), OWN, WON).waitMs).toBe(waitMsFor(OWN));
    expect(memory.proofOf(read({ ...edited, tenure: 't2' }), OWN, WON).waitMs).toBe(waitMsFor(20_000));
  });

  it('is a lease after a resignation of an earlier epoch, which an older snapshot may have brought back', () => {
    const later = WON + (1n << 32n);
    expect(new Memory(new HandClock()).proofOf(read({ ...held, state: 'resigned' }), OWN, later).waitMs).toBe(waitMsFor(OWN));
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
  for (const token of [5n, 9n, 7n]) memory.sawToken(token);
  expect(memory.tokenSeen).toBe(9n);
});
