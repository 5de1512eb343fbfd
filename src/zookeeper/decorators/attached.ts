/** What decorators have attached to the methods of a class: found on the prototype, whoever made the instance. */
export class Attached<T> {
  private readonly byPrototype = new WeakMap<object, Map<PropertyKey, T>>();

  /** Attaches `what` to one method of the class behind `prototype`. */
  add(prototype: object, key: PropertyKey, what: T): void {
    const own = this.byPrototype.get(prototype);
    if (own === undefined) this.byPrototype.set(prototype, new Map([[key, what]]));
    else own.set(key, what);
  }

  /** What is attached to this very method of this very class. */
  own(prototype: object, key: PropertyKey): T | undefined {
    return this.byPrototype.get(prototype)?.get(key);
  }

  /**
   * Everything in the prototype chain of `instance`, the most derived class first. `overridden`: a more derived class
   * has its own method of that name.
   */
  *of(
    instance: object,
  ): Generator<{ readonly key: PropertyKey; readonly what: T; readonly prototype: object; readonly overridden: boolean }> {
    const seen = new Set<PropertyKey>();
    for (
      let prototype = Object.getPrototypeOf(instance) as object | null;
      prototype !== null;
      prototype = Object.getPrototypeOf(prototype) as object | null
    ) {
      for (const [key, what] of this.byPrototype.get(prototype) ?? []) yield { key, what, prototype, overridden: seen.has(key) };
      for (const key of Reflect.ownKeys(prototype)) seen.add(key);
    }
  }
}
