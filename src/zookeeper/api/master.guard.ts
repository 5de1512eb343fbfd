import {
  type CanActivate,
  type ExecutionContext,
  Inject,
  Injectable,
  MisdirectedException,
  type OnModuleInit,
  type Type,
} from '@nestjs/common';
import { refusal } from '../gate/refusal.js';
import type { Elections } from '../mastership/election/election.js';
import type { NotMasterError } from '../mastership/election/errors.js';
import { ELECTIONS } from '../decorators/inject.js';

/** Options of `MasterGuard.with`. */
export interface MasterGuardOptions {
  /** Default: the service's own election. */
  readonly election?: string | undefined;
  /** True: the refusal tells the caller the master's `host:port`. Default false, because callers may be strangers. */
  readonly exposeMaster?: boolean | undefined;
}

/**
 * Lets requests through only on the master. Elsewhere HTTP callers get 421 Misdirected Request with the code
 * `ZK_NOT_MASTER`, callers by a transport of `@nestjs/microservices` an `RpcException` with it.
 * `@UseGuards(MasterGuard)`, or `MasterGuard.with(options)`.
 */
@Injectable()
export class MasterGuard implements CanActivate, OnModuleInit {
  protected readonly options: MasterGuardOptions = {};

  constructor(@Inject(ELECTIONS) private readonly elections: Elections) {}

  /** A guard with options: `@UseGuards(MasterGuard.with({ exposeMaster: true }))`. */
  static with(options: MasterGuardOptions): Type<MasterGuard> {
    @Injectable()
    class MasterGuardWithOptions extends MasterGuard {
      protected override readonly options = options;
    }
    return MasterGuardWithOptions;
  }

  /** An election that is named nowhere else begins here, so that the first request finds its master known. */
  onModuleInit(): void {
    this.elections.election(this.options.election);
  }

  /** True on the master. Elsewhere it throws, so that the answer can name who is master. */
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const election = this.elections.election(this.options.election);
    if (election.isMaster()) return true;
    const error = refusal(`${context.getClass().name}.${context.getHandler().name}`, election);
    throw await this.refuse(context.getType(), error);
  }

  private async refuse(transport: string, error: NotMasterError): Promise<Error> {
    const body = {
      code: error.code,
      message: 'This replica is not the master.',
      ...(this.options.exposeMaster === true && { master: error.master }),
    };
    if (transport === 'rpc') {
      const { RpcException } = await loadMicroservices();
      return new RpcException(body);
    }
    return transport === 'http' ? new MisdirectedException({ statusCode: 421, error: 'Misdirected Request', ...body }) : error;
  }
}

/**
 * An optional peer: a context of type "rpc" exists only where it is installed. By `require` where there is one, because
 * Jest refuses `import()` in CommonJS (ERR_VM_DYNAMIC_IMPORT_CALLBACK_MISSING_FLAG).
 */
async function loadMicroservices(): Promise<typeof import('@nestjs/microservices')> {
  if (typeof require === 'function') return require('@nestjs/microservices') as typeof import('@nestjs/microservices');
  return import('@nestjs/microservices');
}
