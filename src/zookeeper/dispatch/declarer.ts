import { livingVersions } from '../jobs/control/in-force.js';
import { register, type Registered } from '../jobs/control/registration.js';
import type { KnownDecisions } from '../jobs/record/changes.js';
import { Recent } from '../support/recent.js';
import type { DispatchParts } from './dispatch-parts.js';
import type { GatedJob } from './gated-job.js';

/**
 * A declaration that goes by an older list of members would at most leave a schedule in force, or
 * take it back, so much later.
 */
const LIVING_FOR_MS = 1_000;

/** What was last told about a job, which is declared again and again. */
interface Told {
  readonly note: string | undefined;
  readonly zones: string | undefined;
}

/**
 * Declares jobs to the cluster: says what the code of this version says about them, makes their records where they are
 * missing, and tells what has come of it.
 */
export class Declarer {
  /** The living versions, read once for thousands of jobs that are declared one after the other. */
  private readonly living: Recent<ReadonlySet<string>>;
  private readonly told = new WeakMap<GatedJob, Told>();

  constructor(
    private readonly parts: Pick<DispatchParts, 'store' | 'clock' | 'observer' | 'version' | 'address'>,
    /** Called when the cluster knows the job. */
    private readonly made: (job: GatedJob) => void,
  ) {
    const { store, clock } = parts;
    this.living = new Recent(clock, LIVING_FOR_MS, async () => livingVersions((await store?.members()) ?? []));
  }

  /**
   * Safe to repeat. `known`: what this replica knows of a record that may be gone. Answers whose code the schedule in
   * force comes from; `'own'` also when an operator has ordered it; undefined where nothing is declared.
   */
  async declare(job: GatedJob, known: KnownDecisions): Promise<'own' | 'other' | undefined> {
    const { store, version, address, clock } = this.parts;
    if (store === undefined) return undefined;
    const { identity } = job;
    const registered = await register(store, identity.name, {
      declaration: {
        version,
        schedule: identity.rules.claim === 'tick' ? identity.schedule : undefined,
        kind: identity.kind ?? 'added',
        claim: identity.rules.claim,
        election: job.gate.election.key,
        maxSilenceMs: identity.rules.maxSilenceMs,
        disabled: identity.disabled,
      },
      by: address,
      living: () => this.living.get(),
      known,
      clock,
    });
    this.made(job);
    this.report(job, registered);
    return registered.othersCode === true ? 'other' : 'own';
  }

  /** While another schedule is in force this is asked each minute, so only what is new is told. */
  private report(job: GatedJob, { change, note, zonesDiffer }: Registered): void {
    const before = this.told.get(job);
    if (zonesDiffer !== undefined && zonesDiffer !== before?.zones) this.tell('warn', 'job.zones-differ', zonesDiffer, job);
    if (note !== undefined && note !== before?.note) this.tell(change === 'none' ? 'debug' : 'info', 'job.registered', note, job);
    this.told.set(job, { note: note ?? before?.note, zones: zonesDiffer ?? before?.zones });
  }

  private tell(level: 'debug' | 'info' | 'warn', event: string, message: string, job: GatedJob): void {
    this.parts.observer.observe({ level, event, message, fields: { job: job.identity.name } });
  }
}
