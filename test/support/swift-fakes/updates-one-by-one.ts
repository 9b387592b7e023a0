import { ApiError } from '../../../common/errors.ts';
import type { ListingStore, ObjectUpdate, UpdateOutcome } from '../../../container-server/contract.ts';

/** `applyObjectUpdates` for a store that takes the rows of one container replica at a time. */
export function updatesOneByOne(
  applyObjectRows: ListingStore['applyObjectRows'],
): (updates: readonly ObjectUpdate[]) => Promise<UpdateOutcome[]> {
  return (updates) =>
    Promise.all(
      updates.map(({ replicas, account, container, row }) =>
        Promise.all(
          replicas.map(async ({ device, partition }) => {
            try {
              await applyObjectRows({ device, partition, account, container }, [row]);
              return 'listed' as const;
            } catch (error) {
              return error instanceof ApiError && error.code === 'ContainerNotFound' ? 'gone' : 'failed';
            }
          }),
        ),
      ),
    );
}
