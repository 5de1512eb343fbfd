import type { ParsedFile } from './architecture.js';

/**
 * Import cycles, each told once, as the files that it goes through. Imports of types count, too: two files that need
 * each other's types are one file in two pieces. Tarjan's strongly connected components (SIAM J. Comput. 1, 1972): what
 * is in one of more than one file imports itself in the end.
 */
export function importCycles(files: readonly ParsedFile[]): string[] {
  const nameOf = (path: string): string => path.replace(/\.[cm]?[jt]s$/, '');
  const known = new Map(files.map((file) => [nameOf(file.path), file] as const));
  const order = new Map<string, number>();
  const stack: string[] = [];
  const cycles: string[] = [];
  const visit = (name: string, file: ParsedFile): number => {
    order.set(name, order.size);
    let low = order.size - 1;
    stack.push(name);
    for (const { module } of file.imports()) {
      const target = file.resolve(module);
      const imported = target === undefined ? undefined : known.get(target);
      if (target === undefined || imported === undefined) continue;
      if (!order.has(target)) low = Math.min(low, visit(target, imported));
      else if (stack.includes(target)) low = Math.min(low, order.get(target) ?? low);
    }
    if (low !== order.get(name)) return low;
    const component = stack.splice(stack.indexOf(name));
    if (component.length > 1 || file.imports().some(({ module }) => file.resolve(module) === name))
      cycles.push(`import each other in the end: ${component.toSorted().join(', ')}`);
    return low;
  };
  for (const [name, file] of known) if (!order.has(name)) visit(name, file);
  return cycles;
}
