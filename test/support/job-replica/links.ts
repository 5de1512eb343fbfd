import { startProxy, type FaultProxy, type ProxyTarget } from '../proxy.js';
import { credentialsIn, type Credentials } from '../replica/proxied.js';

/** One replica's way to every member of an ensemble, by links of its own that can be broken. */
export class MemberLinks implements AsyncDisposable {
  private session: Credentials | undefined;

  private constructor(readonly links: readonly FaultProxy[]) {
    for (const link of links) {
      link.onFrame((frame) => {
        this.session = credentialsIn(frame) ?? this.session;
        return 'pass';
      });
    }
  }

  static async to(members: readonly ProxyTarget[]): Promise<MemberLinks> {
    return new MemberLinks(await Promise.all(members.map((member) => startProxy(member))));
  }

  get connectString(): string {
    return this.links.map((link) => link.connectString).join(',');
  }

  /** The session that the replica was given last. */
  get credentials(): Credentials | undefined {
    return this.session;
  }

  /** Nothing arrives any more, and nobody is told; the function answered heals it. */
  hole(): () => void {
    for (const link of this.links) link.hole();
    return () => this.links.forEach((link) => link.pass());
  }

  /** Resets all connections, and all new ones until the function answered is called. */
  cut(): () => void {
    for (const link of this.links) {
      link.refuse();
      link.resetAll();
    }
    return () => this.links.forEach((link) => link.pass());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.links.map((link) => link[Symbol.asyncDispose]()));
  }
}
