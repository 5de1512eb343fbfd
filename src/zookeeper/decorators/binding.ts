import { Inject } from '@nestjs/common';
import { Dispatcher } from '../dispatch/dispatcher.js';
import { GATE } from './inject.js';

/** Which application's gate an instance belongs to. */
const gates = new WeakMap<object, Dispatcher>();

/** Who wants to hear of instances that Nest makes after boot. */
const strays = new WeakMap<Dispatcher, (instance: object) => void>();

const INJECTED_GATE = Symbol('the gate, injected by Nest');
const BIND = Symbol('bind this instance to a gate');

interface Bindable {
  [BIND]?: (gate: unknown) => void;
}

/**
 * Makes the class behind `prototype` bindable in two ways. Nest injects the gate into the instances that it constructs,
 * and refuses to boot without one. Factories, values and proxies are bound by the explorer, which calls `bindInstance`.
 */
export function makeBindable(prototype: object): void {
  if (INJECTED_GATE in prototype) return;
  Object.defineProperty(prototype, INJECTED_GATE, {
    configurable: true,
    get(this: object) {
      return gates.get(this);
    },
    set(this: object, gate: unknown) {
      if (!(gate instanceof Dispatcher)) return;
      gates.set(this, gate);
      strays.get(gate)?.(this);
    },
  });
  Object.defineProperty(prototype, BIND, {
    configurable: true,
    value(this: object, gate: unknown) {
      if (gate instanceof Dispatcher) gates.set(this, gate);
    },
  });
  Inject(GATE)(prototype, INJECTED_GATE);
}

/** Binds an instance, whoever made it. Of a proxy that hands out methods bound to its target, the target too. */
export function bindInstance(instance: object, gate: Dispatcher): void {
  gates.set(instance, gate);
  const bind = (instance as Bindable)[BIND];
  if (typeof bind === 'function') bind.call(instance, gate);
}

/** The gate that an instance is bound to. A mock in its place counts as none. */
export function gateOf(instance: unknown): Dispatcher | undefined {
  return typeof instance === 'object' && instance !== null ? gates.get(instance) : undefined;
}

/** Calls `tell` with each instance that Nest constructs from now on and injects this gate into. */
export function onStray(gate: Dispatcher, tell: (instance: object) => void): void {
  strays.set(gate, tell);
}
