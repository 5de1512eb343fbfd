import { ConsoleLogger, Logger } from '@nestjs/common';
import type { Observation, Observer } from './support/observer.js';

/** Shorter numbers stand in sentences by chance. */
const MIN_TOLD_LENGTH = 3;

/**
 * Writes observations to Nest's Logger under the context `ClusterCron`, so that every election and every tick can be
 * put together again from the logs of all replicas.
 *
 * As text: one line, the sentence, then `event=…` and those of its facts that the sentence does not tell. Where Nest's
 * ConsoleLogger writes JSON, the message is an object instead: `{ message, event, … }`, with every fact a field of its
 * own. Other loggers get the text. A stack follows as Nest's loggers take it.
 */
export class LogObserver implements Observer {
  private readonly logger = new Logger('ClusterCron');

  observe(observation: Observation): void {
    const { level, fields } = observation;
    const line = writesJson() ? objectOf(observation) : formatObservation(observation);
    const stack = fields?.['stack'];
    if (level === 'error') this.logger.error(line, ...(typeof stack === 'string' ? [stack] : []));
    else if (level === 'warn') this.logger.warn(line);
    else if (level === 'debug') this.logger.debug(line);
    else this.logger.log(line);
  }
}

/** Whether what is logged now goes to Nest's own logger, as JSON. An application may set its logger at any time. */
function writesJson(): boolean {
  const { staticInstanceRef } = Logger as unknown as { readonly staticInstanceRef?: unknown };
  if (!(staticInstanceRef instanceof ConsoleLogger)) return false;
  return (staticInstanceRef as unknown as { readonly options?: { readonly json?: boolean } }).options?.json === true;
}

/** The sentence and the facts but for the stack, each as a field. */
export function objectOf({ event, message, fields }: Observation): Readonly<Record<string, string | number | boolean>> {
  return { message: oneLine(message), event, ...Object.fromEntries(factsOf(fields)) };
}

/** One line: the sentence, `event=...`, and the facts that it does not tell, but for the stack. */
export function formatObservation({ event, message, fields }: Observation): string {
  const sentence = oneLine(message);
  const facts = factsOf(fields).filter(([, value]) => !tells(sentence, String(value)));
  return [sentence, ...[['event', event] as const, ...facts].map(([key, value]) => `${key}=${quoted(String(value))}`)].join(' ');
}

function oneLine(message: string): string {
  return message.replaceAll(/\s*\n\s*/gu, ' ');
}

function factsOf(fields: Observation['fields']): (readonly [string, string | number | boolean])[] {
  return Object.entries(fields ?? {}).filter(
    (fact): fact is [string, string | number | boolean] => fact[1] !== undefined && fact[0] !== 'stack',
  );
}

/**
 * Whether the sentence tells the value: in quotes, or, for what does not stand there by chance, such as an address, a
 * token or a time, as a whole.
 */
function tells(sentence: string, value: string): boolean {
  if (sentence.includes(`"${value}"`)) return true;
  if (value.length < MIN_TOLD_LENGTH || !/\d/u.test(value)) return false;
  for (let at = sentence.indexOf(value); at !== -1; at = sentence.indexOf(value, at + 1)) {
    if (isWordEdge(sentence[at - 1], sentence[at]) && isWordEdge(sentence[at + value.length], sentence[at + value.length - 1])) return true;
  }
  return false;
}

/** No letter or digit goes on where the value ends. */
function isWordEdge(outside: string | undefined, inside: string | undefined): boolean {
  return !(isWord(outside) && isWord(inside));
}

function isWord(character: string | undefined): boolean {
  return character !== undefined && /[\p{L}\p{N}_]/u.test(character);
}

function quoted(value: string): string {
  return /^[^\s"=]+$/u.test(value) ? value : JSON.stringify(value);
}
