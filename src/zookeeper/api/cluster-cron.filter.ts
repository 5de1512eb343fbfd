import { type ArgumentsHost, Catch, HttpException } from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import { ClusterCronError } from '../support/errors.js';

/**
 * Answers HTTP requests with the status that fits an error of this library (`httpStatus`), and a body of `statusCode`,
 * `code` and `message`; without it Nest answers 500 for each. An error of 500 keeps its message to itself, as Nest
 * does. Other transports get the error as it is. `@UseFilters(ClusterCronExceptionFilter)`, or
 * `app.useGlobalFilters(new ClusterCronExceptionFilter(app.getHttpAdapter()))`.
 */
@Catch(ClusterCronError)
export class ClusterCronExceptionFilter extends BaseExceptionFilter {
  override catch(error: ClusterCronError, host: ArgumentsHost): void {
    if (host.getType() !== 'http') throw error;
    // The rules take it for that of a promise.
    // oxlint-disable-next-line promise/valid-params, promise/no-promise-in-callback
    super.catch(answerTo(error), host);
  }
}

function answerTo(error: ClusterCronError): Error {
  const { httpStatus: statusCode, code, message } = error;
  if (statusCode === 500) return error;
  return new HttpException({ statusCode, code, message: message.replace(`${code}: `, '') }, statusCode, { cause: error });
}
