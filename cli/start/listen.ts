import type { Service } from '../../common/http/app.ts';
import { portError } from '../ports.ts';
import type { Running } from './node.ts';

/** Recovers, then opens the port. Stopping closes the port, lets running requests finish within the limit, then stops the service. */
export async function listenTo(name: string, service: Service, host: string, port: number): Promise<Running> {
  await service.start();
  await service.app.listen({ host, port }).catch((error: unknown) => {
    throw portError(error, host, port, name);
  });
  return {
    name,
    async stop(limitMs) {
      await within(service.app.close(), limitMs);
      await service.stop();
    },
  };
}

/** Waits for `work`, but not longer than the limit. */
async function within(work: PromiseLike<unknown>, limitMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise((resolve) => {
    timer = setTimeout(resolve, limitMs);
  });
  await Promise.race([work, limit]);
  clearTimeout(timer);
}
