import { Audit } from '../../scripts/demo/audit.mjs';
import { Replica } from '../../scripts/demo/replica.mjs';
import { temporaryDirectory } from '../../scripts/support/guard.mjs';
import { reservePorts } from '../../scripts/support/ports.mjs';
import { addWitness, dismissWitness } from '../support/evidence.js';
import { eventually, WITHIN_MS } from '../support/eventually.js';

export type { Replica };

/** How long a replica may take to serve, or an election to be decided. */
export const SETTLED_WITHIN_MS = WITHIN_MS;

/** Processes of the reference service, and an audit of what they log. */
export class Replicas implements AsyncDisposable {
  readonly all: Replica[] = [];
  readonly audit = new Audit({ interest: 1_000, statements: 5_000 });
  private readonly undo: (() => void)[] = [];

  constructor(private readonly env: Readonly<Record<string, string>>) {}

  async start(name: string): Promise<Replica> {
    const reserved = await reservePorts(2);
    const directory = temporaryDirectory(`replica-${name}`);
    const [httpPort = 0, servicePort = 0] = reserved.ports;
    const options = { name, httpPort, servicePort, directory: directory.path, env: { ...this.env } };
    const replica = new Replica(options, (_, line) => this.audit.read(name, line));
    void replica.closed.then(() => this.audit.died(name, replica.exit?.atMs ?? Date.now()));
    const witness = { name: `replica-${name}`, logText: () => replica.lastLines.join('\n') };
    addWitness(witness);
    this.undo.push(
      () => dismissWitness(witness),
      () => reserved.release(),
      () => directory.remove(),
    );
    this.all.push(replica);
    return replica;
  }

  /** Waits until the replica answers over HTTP. */
  async serving(replica: Replica): Promise<void> {
    const look = async (): Promise<void> => {
      if (!(await replica.refresh())) throw new Error(`${replica.name} does not answer`);
    };
    await eventually(look, { what: `${replica.name} to serve`, withinMs: SETTLED_WITHIN_MS });
  }

  /** Waits until one of them, other than `not`, is master. */
  master(not?: Replica): Promise<Replica> {
    const look = (): Replica => {
      const found = this.all.find((replica) => replica !== not && replica.mastership !== undefined);
      if (found === undefined) throw new Error('none is');
      return found;
    };
    return eventually(look, { what: 'a replica to be master', withinMs: SETTLED_WITHIN_MS });
  }

  /** How many runs the replica has started. */
  runsOf(replica: Replica): number {
    return this.audit.runs.filter((run) => run.replica === replica.name).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const replica of this.all) if (replica.exit === undefined) replica.kill('SIGKILL');
    await Promise.all(this.all.map((replica) => replica.closed));
    for (const undo of this.undo) undo();
  }
}
