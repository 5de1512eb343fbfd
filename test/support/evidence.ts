import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';

/** Something that can tell afterwards what happened: the log of a server or of a process. */
export interface Witness {
  readonly name: string;
  readonly logPath?: string;
  logText(): string;
}

const witnesses = new Map<Witness, string | undefined>();

/** What `witness` logs is kept when a test of this file fails. */
export function addWitness(witness: Witness): void {
  witnesses.set(witness, undefined);
}

/** Keeps what it logged in memory, since its file goes away now. */
export function dismissWitness(witness: Witness): void {
  witnesses.set(witness, witness.logText());
}

/** Forgets what was dismissed: it belongs to a test that has passed. */
export function forgetDismissed(): void {
  for (const [witness, text] of witnesses) if (text !== undefined) witnesses.delete(witness);
}

/** Writes all logs under `.cache/evidence` and answers the directory, or undefined when there is nothing to keep. */
export function keepEvidence(file: string, test: string): string | undefined {
  if (witnesses.size === 0) return undefined;
  const root = join(import.meta.dirname, '..', '..', '.cache', 'evidence');
  const directory = join(root, `${basename(file, '.spec.ts')} - ${test.replaceAll(/[^\w -]+/g, '_').slice(0, 80)} - ${process.pid}`);
  mkdirSync(directory, { recursive: true });
  for (const [witness, text] of witnesses) {
    const target = join(directory, `${witness.name.replaceAll(/[^\w.-]+/g, '_')}.log`);
    if (text === undefined && witness.logPath !== undefined) copyFileSync(witness.logPath, target);
    else writeFileSync(target, text ?? witness.logText());
  }
  return relative(process.cwd(), directory);
}
