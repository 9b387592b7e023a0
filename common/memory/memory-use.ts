import { isWorthReleasing, releaseMemory } from './release-memory.ts';

/** Frees memory when all that used it are through with it. What is too small for that costs nothing here. */
export class MemoryUse {
  private readonly bytes: Uint8Array;
  private kept: boolean;
  private users = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.kept = !isWorthReleasing(bytes);
  }

  /** The memory is used until this settles. Call it before the last of those that were named before has settled. @returns it. */
  by<T>(user: Promise<T>): Promise<T> {
    if (this.kept) return user;
    this.users += 1;
    const end = () => {
      this.users -= 1;
      if (this.users === 0 && !this.kept) releaseMemory(this.bytes);
    };
    user.then(end, end);
    return user;
  }

  /** It is left to the garbage collector: somebody may use it for a time that nobody here knows of. */
  keep(): void {
    this.kept = true;
  }
}
