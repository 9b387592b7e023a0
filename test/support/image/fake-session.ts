import type { ServiceSession } from '../../../auth/contract.ts';
import type { FakeSwift } from '../swift-fakes/fake-swift.ts';

/** A service's login that hands out the given tokens, the next one each time one is forgotten. */
export class FakeSession implements ServiceSession {
  private readonly tokens: string[];
  private readonly swift: FakeSwift;

  constructor(swift: FakeSwift, tokens: string[] = ['member']) {
    this.swift = swift;
    this.tokens = tokens;
  }

  async token(): Promise<string> {
    return this.tokens[0] ?? 'none';
  }

  forgetToken(): void {
    this.tokens.shift();
  }

  async endpoint(): Promise<string> {
    return `${this.swift.url}/v1/AUTH_p1`;
  }
}
