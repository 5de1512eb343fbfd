import { Logger } from '@nestjs/common';
import type { Observation, Observer } from './support/observer.js';

/**
 * Writes observations to Nest's Logger under the context `ClusterCron`: one line each, the sentence followed by its facts as `key=value`,
 * so that every election can be put together again from the logs of all replicas. A stack follows on its own lines.
 */
export class LogObserver implements Observer {
  private readonly logger = new Logger('ClusterCron');

  observe(observation: Observation): void {
    const { level, fields } = observation;
    const line = formatObservation(observation);
    const stack = fields?.['stack'];
    if (level === 'error') this.logger.error(line, ...(typeof stack === 'string' ? [stack] : []));
    else if (level === 'warn') this.logger.warn(line);
    else if (level === 'debug') this.logger.debug(line);
    else this.logger.log(line);
  }
}

/** One line: the sentence, `event=...`, and the facts but for the stack. */
export function formatObservation({ event, message, fields }: Observation): string {
  const facts = Object.entries<string | number | boolean | undefined>({ event, ...fields }).filter(
    ([key, value]) => value !== undefined && key !== 'stack',
  );
  return [message.replaceAll(/\s*\n\s*/gu, ' '), ...facts.map(([key, value]) => `${key}=${quoted(String(value))}`)].join(' ');
}

function quoted(value: string): string {
  return /^[^\s"=]+$/u.test(value) ? value : JSON.stringify(value);
}
