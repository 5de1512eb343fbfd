/**
 * What is wrong with a value, as a clause without a full stop: what was expected, what was received. Undefined when it
 * is fine.
 */
export type Check = (value: unknown, name: string) => string | undefined;

/** A check of everything that `isFine` refuses. `expected`: what the value must be, e.g. `'text'`. */
export function must(expected: string, isFine: (value: unknown) => boolean): Check {
  return (value, name) => (isFine(value) ? undefined : `"${name}" must be ${expected}, received ${received(value)}`);
}

export function oneOf(...allowed: readonly string[]): Check {
  const list = allowed.map((each) => `'${each}'`);
  return must(`${list.slice(0, -1).join(', ')} or ${list.at(-1)}`, (value) => allowed.includes(value as string));
}

export function whole(what: string, min: number, max: number): Check {
  const range = max === Number.MAX_SAFE_INTEGER ? `, at least ${min}` : ` from ${min} to ${max}`;
  const check = must(`${what}${range}`, (value) => Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max);
  return (value, name) => {
    const problem = check(value, name);
    return problem && `${problem}${adviceOnText(value, 'number')}`;
  };
}

export function milliseconds(min: number, max: number): Check {
  return whole('a whole number of milliseconds', min, max);
}

/** An object with these options and no others; tells of the first problem. */
export function shape(
  value: unknown,
  name: string,
  expected: string,
  checks: Readonly<Record<string, Check>>,
  required: readonly string[],
): string | undefined {
  if (!isObject(value)) return `"${name}" must be ${expected}, received ${received(value)}`;
  for (const key of Object.keys(value)) {
    if (!Object.hasOwn(checks, key)) return `there is no option "${name}.${key}". Known in ${name}: ${Object.keys(checks).join(', ')}`;
  }
  for (const [key, check] of Object.entries(checks)) {
    if (value[key] === undefined && !required.includes(key)) continue;
    const problem = check(value[key], `${name}.${key}`);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * A clause in brackets for a message about a number or a truth value that was given as text; empty for anything else.
 * Every value of the environment is text, so this is how most of them go wrong.
 */
export function adviceOnText(value: unknown, expected: 'number' | 'boolean'): string {
  if (typeof value !== 'string') return '';
  const text = value.trim();
  const isMeant = expected === 'boolean' ? /^(?:true|false)$/iu.test(text) : text !== '' && Number.isFinite(Number(text));
  const advice = expected === 'boolean' ? "compare it, value === 'true'" : 'convert it with Number(value)';
  return isMeant ? ` (this is text, as every value of the environment is: ${advice})` : '';
}

/** A value for a message. */
export function received(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'string') return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}...` : value);
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : `a value of type ${typeof value}`;
}
