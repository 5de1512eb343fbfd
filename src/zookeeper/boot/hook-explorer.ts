import type { Dispatcher } from '../dispatch/dispatcher.js';
import type { ElectedHook, LostHook } from '../gate/master-hooks.js';
import type { Attached } from '../decorators/attached.js';
import { classNameOf } from '../decorators/identity.js';
import { electedHooks, type Hook, lostHooks } from '../decorators/on-master.js';

type Call = (...args: readonly unknown[]) => unknown;

/** True when the class of `instance` has a hook. */
export function hasHooks(instance: object): boolean {
  return [...electedHooks.of(instance), ...lostHooks.of(instance)].length > 0;
}

/** The elected hooks of one provider, `Class.method` each. */
export function hookNames(instance: object): string[] {
  return [...electedHooks.of(instance)].filter(({ overridden }) => !overridden).map(({ key }) => `${classNameOf(instance)}.${String(key)}`);
}

/** Gives the hooks of one provider to the elections that they listen to. */
export function attachHooks(instance: object, gate: Dispatcher): void {
  const elected = byElection(instance, electedHooks);
  const lost = byElection(instance, lostHooks);
  for (const election of new Set([...elected.keys(), ...lost.keys()])) {
    gate.election(election).hooks.add({
      elected: (elected.get(election) ?? []).map(({ what, call }): ElectedHook => ({ what, run: (signal) => call(signal) })),
      lost: (lost.get(election) ?? []).map(({ what, call }): LostHook => ({ what, run: () => call() })),
    });
  }
}

function byElection(instance: object, hooks: Attached<Hook>): Map<string | undefined, { readonly what: string; readonly call: Call }[]> {
  const found = new Map<string | undefined, { readonly what: string; readonly call: Call }[]>();
  for (const { key, what: hook, overridden } of hooks.of(instance)) {
    if (overridden) continue;
    const call: Call = (...args) => ((instance as Record<PropertyKey, unknown>)[key] as Call).apply(instance, [...args]);
    for (const election of hook.elections) {
      found.set(election, [...(found.get(election) ?? []), { what: `${classNameOf(instance)}.${String(key)}`, call }]);
    }
  }
  return found;
}
