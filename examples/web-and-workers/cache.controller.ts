import { Controller, Get, Post, UseGuards } from '@nestjs/common';
import { MasterElection, MasterGuard } from 'nestjs-cluster-cron';

@Controller()
export class CacheController {
  private refreshed = 0;

  constructor(private readonly election: MasterElection) {}

  /** What this process knows of the election: also a web process knows who is master. */
  @Get('status')
  status(): { readonly state: string; readonly master?: string | undefined } {
    const state = this.election.mastership();
    return { state: state.kind, ...('master' in state && { master: state.master }) };
  }

  /** Only the master keeps the cache. Elsewhere the answer is 421, and says where to ask. */
  @UseGuards(MasterGuard.with({ exposeMaster: true }))
  @Post('cache/refresh')
  refresh(): { readonly refreshed: number } {
    this.refreshed += 1;
    return { refreshed: this.refreshed };
  }
}
