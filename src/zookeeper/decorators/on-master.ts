import 'reflect-metadata';
import { JobSetupError } from '../jobs/run/errors.js';
import { electionNameProblem } from '../support/names.js';
import { Attached } from './attached.js';
import { makeBindable } from './binding.js';
import { refuseStandardDecorators } from './guarded.js';

/** A method with `@OnMasterElected` or `@OnMasterLost`, and the elections that it listens to. */
export interface Hook {
  readonly elections: (string | undefined)[];
}

/** Every `@OnMasterElected` method. */
export const electedHooks = new Attached<Hook>();
/** Every `@OnMasterLost` method. */
export const lostHooks = new Attached<Hook>();

/**
 * The method is called when this replica becomes master of the election (default: the service's own), with an
 * AbortSignal that aborts when that is over, in doubt, or about to be given up. For what must live only on the master
 * and is not a job: a consumer, a poller.
 *
 * A recovery from doubt calls it again, after "lost"; so does a hand-over that is taken back after the signal has
 * aborted. What it throws is logged. Until its promise settles it counts as work in progress, which a resignation waits
 * for; it is not called again before its provider's earlier hooks have settled.
 */
export function OnMasterElected(election?: string): MethodDecorator {
  return hook('@OnMasterElected', electedHooks, election);
}

/**
 * The method is called when this replica is not master of the election (default: the service's own) any more, or in
 * doubt about it. Before a resignation or shutdown it is called when the runs are over, still under the mastership, and
 * waited for. Only after an "elected".
 */
export function OnMasterLost(election?: string): MethodDecorator {
  return hook('@OnMasterLost', lostHooks, election);
}

function hook(decorator: string, hooks: Attached<Hook>, election: string | undefined): MethodDecorator {
  return (target, key, descriptor) => {
    refuseStandardDecorators(decorator, key);
    const where = `${decorator} on ${target.constructor.name}.${String(key)}`;
    if (typeof target === 'function' || typeof descriptor?.value !== 'function')
      throw new JobSetupError([`${where}: only methods of providers can be hooks.`]);
    const problem = election === undefined ? undefined : electionNameProblem(election);
    if (problem !== undefined)
      throw new JobSetupError([`${where}: the election name ${JSON.stringify(election)} cannot be used: ${problem}.`]);
    makeBindable(target);
    const own = hooks.own(target, key);
    if (own === undefined) hooks.add(target, key, { elections: [election] });
    else own.elections.push(election);
  };
}
