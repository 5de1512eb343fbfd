/** How many names are suggested. */
const MAX_SUGGESTIONS = 3;

/**
 * The names that `wanted` may have been meant as, the best first: differing in a few letters,
 * or containing one another.
 */
export function similarTo(wanted: string, names: readonly string[]): string[] {
  const low = wanted.toLowerCase();
  return names
    .map((name) => ({ name, distance: distanceOf(low, name.toLowerCase()) }))
    .filter(({ distance }) => distance <= Math.max(2, wanted.length / 3))
    .sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1))
    .slice(0, MAX_SUGGESTIONS)
    .map(({ name }) => name);
}

function distanceOf(a: string, b: string): number {
  return a !== '' && b !== '' && (a.includes(b) || b.includes(a)) ? 1 : editDistance(a, b);
}

/** How many letters must be put in, taken out or replaced (V. I. Levenshtein, 1965). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
