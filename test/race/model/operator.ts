import { electionZnodes } from '../../../src/zookeeper/mastership/election/election.znodes.js';
import type { Op } from '../../../src/zookeeper/wire/operations.js';
import type { Edit } from '../faults.js';
import type { Ensemble } from './ensemble.js';
import { ROOT, SERVICE, VERSION } from './replica.js';
import type { World } from './world.js';

const ZNODES = electionZnodes({ rootPath: ROOT, service: SERVICE, version: VERSION, scope: 'version' });
const FOREIGN_SESSION = 0x7777n;

/** A person with a ZooKeeper shell, and other software that takes part in the election by its one public rule. */
export class Operator {
  readonly path = ZNODES.node;
  private recordBefore: Buffer | undefined;

  constructor(
    private readonly ensemble: Ensemble,
    private readonly addressOf: (index: number) => string,
  ) {}

  edit(edit: Edit): void {
    switch (edit.edit) {
      case 'delete node':
        return this.remove(ZNODES.node);
      case 'persistent node':
        this.remove(ZNODES.node);
        this.write({ kind: 'create', path: ZNODES.node, data: Buffer.from('by hand'), mode: 'persistent' });
        return this.write({ kind: 'create', path: `${ZNODES.node}/child`, data: Buffer.alloc(0), mode: 'persistent' });
      case 'delete record':
        return this.remove(ZNODES.record);
      case 'delete tenure':
        return this.removeAll(ZNODES.record, (name) => name.startsWith('tenure-'));
      case 'delete places':
        return this.removeAll(ZNODES.line, () => true);
      case 'wipe':
        return this.remove(ROOT);
      case 'write node':
        return this.write({ kind: 'set', path: ZNODES.node, data: Buffer.from(this.textFor(edit.as)), version: -1 });
      case 'write record':
        return this.write({ kind: 'set', path: ZNODES.record, data: this.recordAs(edit.as), version: -1 });
    }
  }

  /** A participant that knows only the node: takes it if it is free, and keeps it for a while. */
  takePart(world: World, forMs: number): void {
    this.ensemble.operate([{ kind: 'create', path: ZNODES.node, data: Buffer.from('foreign'), mode: 'ephemeral' }], FOREIGN_SESSION);
    world.in(forMs, () => this.leave());
  }

  /** The foreign participant goes. */
  leave(): void {
    if (this.ensemble.committed.find(ZNODES.node)?.owner === FOREIGN_SESSION) this.remove(ZNODES.node);
  }

  /** What is there at each edit is kept, so that a later one can put it back. */
  private recordAs(as: 'nonsense' | 'resigned' | 'impatient' | 'what it was before'): Buffer {
    const now = this.ensemble.committed.find(ZNODES.record)?.data ?? Buffer.alloc(0);
    const before = this.recordBefore ?? now;
    this.recordBefore = now;
    if (as === 'what it was before') return before;
    if (as === 'impatient') return Buffer.from(now.toString().replace(/"(leaseMs|unprovenMs)":[\d.]+/g, '"$1":0'));
    return as === 'nonsense' ? Buffer.from('{"tenure":7') : Buffer.from(now.toString().replace('"held"', '"resigned"'));
  }

  private textFor(as: string): string {
    const replica = /^replica (\d)$/.exec(as)?.[1];
    return replica === undefined ? as : this.addressOf(Number(replica));
  }

  private removeAll(parent: string, which: (name: string) => boolean): void {
    for (const name of [...this.ensemble.committed.childrenOf(parent)]) if (which(name)) this.remove(`${parent}/${name}`);
  }

  /** With everything below it. */
  private remove(path: string): void {
    for (const name of [...this.ensemble.committed.childrenOf(path)]) this.remove(`${path}/${name}`);
    this.write({ kind: 'delete', path, version: -1 });
  }

  private write(op: Op): void {
    this.ensemble.operate([op]);
  }
}
