import { Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { expect, it } from 'vitest';

@Injectable()
class Ledger {
  readonly name = 'ledger';
}

@Injectable()
class Teller {
  constructor(readonly ledger: Ledger) {}
}

it('lets a spec use Nest classes that are injected by the type of a constructor parameter', async () => {
  const module = await Test.createTestingModule({ providers: [Ledger, Teller] }).compile();
  expect(module.get(Teller).ledger.name).toBe('ledger');
});
