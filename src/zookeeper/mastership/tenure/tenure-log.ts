import type { ElectionContext } from '../election/election-context.js';
import type { Proof } from '../election/memory.js';
import { tenureOf, type WonElection } from './won-election.js';

/** What a tenure has to say, in sentences for whoever reads the logs of all replicas together. */
export class TenureLog {
  constructor(
    private readonly context: ElectionContext,
    private readonly won: WonElection,
  ) {}

  nodeWon({ waitMs, why }: Proof, isBelieved: boolean): void {
    const { tenureId, czxid } = this.won;
    const wait = isBelieved ? `; ${why}` : `; waits ${Math.round(waitMs)} ms, because ${why}`;
    const facts = { tenure: tenureId, czxid: String(czxid), waitMs: Math.round(waitMs) };
    this.context.report('info', 'won', `won the election node${wait}.`, facts);
  }

  master(): void {
    this.context.report('info', 'master', `is master now, with fencing token ${tenureOf(this.won).token}.`, this.facts());
  }

  confirmed(): void {
    const { token } = this.facts();
    this.context.report('info', 'confirmed', 'master again: ZooKeeper has acknowledged a renewal.', { token });
  }

  draining(why: string): void {
    this.context.report('info', 'draining', `draining before it gives the mastership up: ${why}.`, { tenure: this.won.tenureId });
  }

  reassigned(to: string): void {
    this.context.report('info', 'reassigned', `the election node was edited to name ${to}; hands over.`, { to });
  }

  resumed(): void {
    this.context.report('info', 'resumed', 'the hand-over was taken back; goes on as before.');
  }

  runIgnoresAbort(why: string): void {
    const message = `ZK_RUN_IGNORES_ABORT: does not resign, because a run goes on after its abort (${why}).`;
    this.context.report('error', 'run-ignores-abort', message, { tenure: this.won.tenureId });
  }

  resigned(how: 'resigned' | 'lost', why: string): void {
    const done = how === 'resigned' ? 'has resigned' : 'lost the node while resigning';
    this.context.report('info', how, `${done}: ${why}.`, { ...this.facts(), successor: this.won.record.successor?.address });
  }

  lost(why: string): void {
    this.context.report('warn', 'lost', `mastership ended: ${why}.`, this.facts());
  }

  private facts(): { readonly tenure: string; readonly token: string } {
    return { tenure: this.won.tenureId, token: String(tenureOf(this.won).token) };
  }
}
