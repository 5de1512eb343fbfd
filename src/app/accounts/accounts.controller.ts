import { Controller, UseGuards } from '@nestjs/common';
import { MessagePattern, Payload, RpcException } from '@nestjs/microservices';

import { type Account, Ledger } from './ledger.js';
import { MasterGuard } from '../../index.js';

/** What a client on the advertised TCP address can ask. */
@Controller()
export class AccountsController {
  constructor(private readonly ledger: Ledger) {}

  /** Any replica answers. */
  @MessagePattern('account.balance')
  balance(@Payload() request: { readonly id: string }): Account {
    return this.known(this.ledger.find(request.id), request.id);
  }

  /** Only the master answers; the others reject the message with a code. */
  @UseGuards(MasterGuard)
  @MessagePattern('account.deposit')
  deposit(@Payload() request: { readonly id: string; readonly amountCents: number }): Account {
    if (!Number.isSafeInteger(request.amountCents) || request.amountCents <= 0) {
      throw new RpcException({ code: 'BAD_AMOUNT', message: 'amountCents must be a whole number above 0' });
    }
    return this.known(this.ledger.post(request.id, request.amountCents), request.id);
  }

  private known(account: Account | undefined, id: string): Account {
    if (account === undefined) throw new RpcException({ code: 'UNKNOWN_ACCOUNT', message: `There is no account ${JSON.stringify(id)}` });
    return account;
  }
}
