import { passwordQueueFull } from '../errors.ts';
import { MOST_WAITING_HASHES } from '../limits.ts';
import { hashPassword, needsRehash, verifyPassword } from './scrypt.ts';

export interface PasswordVerdict {
  matches: boolean;
  /** Set where the password matches and its stored hash is weaker than it would be today. */
  rehash?: string;
}

/** Hashes and checks passwords one at a time: each takes a thread that file I/O needs too. */
export class PasswordHasher {
  private readonly cost: number;
  private tail: Promise<unknown> = Promise.resolve();
  private waiting = 0;
  private decoy: string | undefined;

  constructor(cost: number) {
    this.cost = cost;
  }

  /** @throws ApiError 503 when too many wait. */
  hash(password: string): Promise<string> {
    return this.alone(() => hashPassword(password, this.cost));
  }

  /**
   * Checks a password against a stored hash. Without one (no such user, no password set) the same work is done for nothing,
   * so that the time tells nobody which users exist.
   *
   * @throws ApiError 503 when too many wait.
   */
  verify(password: string, stored: string | null | undefined): Promise<PasswordVerdict> {
    return this.alone(async () => {
      this.decoy ??= await hashPassword('', this.cost);
      const matches = await verifyPassword(password, stored ?? this.decoy);
      if (!stored || !matches) return { matches: false };
      return needsRehash(stored, this.cost)
        ? { matches, rehash: await hashPassword(password, this.cost) }
        : { matches };
    });
  }

  /** Makes the decoy, so that the first login of an unknown user takes no longer than any other. */
  async prepare(): Promise<void> {
    await this.alone(async () => {
      this.decoy ??= await hashPassword('', this.cost);
    });
  }

  private async alone<T>(work: () => Promise<T>): Promise<T> {
    if (this.waiting >= MOST_WAITING_HASHES) throw passwordQueueFull();
    this.waiting += 1;
    const result = this.tail.then(work);
    this.tail = result.catch(() => undefined);
    try {
      return await result;
    } finally {
      this.waiting -= 1;
    }
  }
}
