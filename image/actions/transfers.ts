/** Uploads that run in this process, so that a deletion can end the one of its image. */
export class Transfers {
  private readonly running = new Map<string, { imageId: string; abort: AbortController; ended: Promise<void> }>();

  isRunning(transferId: string): boolean {
    return this.running.has(transferId);
  }

  /**
   * Runs one transfer of an image.
   *
   * @param transfer is told by the signal, whose reason is an ApiError, that it shall end.
   */
  async run<T>(
    { id, imageId }: { id: string; imageId: string },
    transfer: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const abort = new AbortController();
    const result = transfer(abort.signal);
    const ended = result.then(
      () => undefined,
      () => undefined,
    );
    this.running.set(id, { imageId, abort, ended });
    try {
      return await result;
    } finally {
      this.running.delete(id);
    }
  }

  /** Ends an image's transfers that run here, and waits until they have cleaned up. */
  async end(imageId: string, reason: Error): Promise<void> {
    await this.endThose((transfer) => transfer.imageId === imageId, reason);
  }

  /** Ends all transfers, for the service is stopping. */
  async endAll(reason: Error): Promise<void> {
    await this.endThose(() => true, reason);
  }

  private async endThose(concerns: (transfer: { imageId: string }) => boolean, reason: Error): Promise<void> {
    const concerned = [...this.running.values()].filter(concerns);
    for (const { abort } of concerned) abort.abort(reason);
    await Promise.all(concerned.map(({ ended }) => ended));
  }
}
