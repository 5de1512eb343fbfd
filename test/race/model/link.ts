import type { SimProcess } from './process.js';
import type { World } from './world.js';

/**
 * One TCP connection between a simulated process and a member: two ordered streams that a fault can cut, or silence.
 */
export class Link {
  private clientOpen = true;
  private serverOpen = true;
  private mute = false;
  private isCut = false;
  private upFreeMs = 0;
  private downFreeMs = 0;
  private told = false;
  /** Runs once in the client's process when it notices that the connection is gone. */
  onClientClosed: () => void = () => undefined;
  /** Runs once when the member notices. */
  onServerClosed: () => void = () => undefined;

  constructor(
    private readonly world: World,
    readonly client: SimProcess,
  ) {}

  /** Both ends have it open and bytes flow. */
  get flows(): boolean {
    return this.clientOpen && this.serverOpen && !this.mute && !this.isCut && this.client.running;
  }

  /** The member has it open. */
  get served(): boolean {
    return this.serverOpen;
  }

  get open(): boolean {
    return this.clientOpen;
  }

  /** From the client to the member. */
  up(run: () => void): void {
    if (!this.clientOpen || this.mute || this.isCut) return;
    this.upFreeMs = Math.max(this.upFreeMs, this.world.nowMs + this.world.choices.delayMs());
    this.world.at(this.upFreeMs, () => {
      if (this.serverOpen && !this.mute) run();
    });
  }

  /** From the member to the client. */
  down(run: () => void): void {
    if (!this.serverOpen || this.mute || this.isCut) return;
    this.downFreeMs = Math.max(this.downFreeMs, this.world.nowMs + this.world.choices.delayMs());
    this.world.at(this.downFreeMs, () => {
      if (this.mute) return;
      this.client.receive(() => {
        if (this.clientOpen) run();
      });
    });
  }

  /** A reset on the way. `upLost: false`: what the client has sent still arrives, only the answers are lost. */
  cut(options: { readonly upLost: boolean }): void {
    this.isCut = true;
    const serverNoticesMs = options.upLost ? this.world.nowMs : this.upFreeMs;
    if (options.upLost) this.serverOpen = false;
    this.world.at(serverNoticesMs, () => this.serverClosed());
    this.noticeIn(this.world.choices.delayMs());
  }

  /** Half open: nothing arrives any more, neither way, and nobody is told. The client notices by the silence. */
  silence(noticedWithinMs: number): void {
    this.mute = true;
    this.noticeIn(this.world.choices.between(noticedWithinMs / 4, noticedWithinMs));
  }

  closeByClient(): void {
    if (!this.clientOpen) return;
    this.clientOpen = false;
    this.world.at(this.upFreeMs, () => this.serverClosed());
  }

  closeByServer(): void {
    if (!this.serverOpen && this.told) return;
    this.serverOpen = false;
    this.told = true;
    if (!this.mute) this.noticeIn(Math.max(0, this.downFreeMs - this.world.nowMs) + this.world.choices.delayMs());
  }

  private serverClosed(): void {
    if (this.told) return;
    this.told = true;
    this.serverOpen = false;
    this.onServerClosed();
  }

  private noticeIn(delayMs: number): void {
    this.world.in(delayMs, () =>
      this.client.receive(() => {
        if (!this.clientOpen) return;
        this.clientOpen = false;
        this.onClientClosed();
      }),
    );
  }
}
