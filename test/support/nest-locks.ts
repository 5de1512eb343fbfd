import { type DynamicModule, Injectable, Module } from '@nestjs/common';

/** What a store may be, as `@nestjs/locks` has it. */
export interface LockStore {
  acquire(
    key: string,
    owner: string,
    ttl: number,
  ): Promise<{ readonly acquired: true; readonly fencingToken: number } | { readonly acquired: false }>;
  renew(key: string, owner: string, ttl: number): Promise<boolean>;
  release(key: string, owner: string): Promise<boolean>;
}

/** Stands in for the classes of `@nestjs/locks`, which no registry has yet: shapes after its documentation. */
@Injectable()
export class LocksStorage {
  store: LockStore | undefined;

  registerSource(store: LockStore): void {
    this.store = store;
  }
}

@Module({ providers: [LocksStorage], exports: [LocksStorage] })
export class LocksModule {
  static forRoot(): DynamicModule {
    return { module: LocksModule, global: true };
  }
}
