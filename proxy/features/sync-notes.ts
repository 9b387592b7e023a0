import { noteChange } from '../actions/note-sync.ts';
import { type Feature, objectPathOf } from '../message.ts';
import { AS_OF_HEADER } from '../routes/object-delete.ts';
import type { Services } from '../routes/route.ts';
import { SYNC_TIMESTAMP } from '../routes/sync-timestamp.ts';

const WRITES: ReadonlySet<string> = new Set(['PUT', 'POST', 'DELETE']);

/**
 * Notes a write to a container that is synchronized *before* it is made: a crash in between leaves a note of nothing, and never a change
 * that the other cluster is not told of.
 */
export function syncNotes({ cluster, containers, access }: Services): Feature {
  return (next) => async (request) => {
    const path = objectPathOf(request.path);
    if (!path || !WRITES.has(request.method)) return next(request);
    const known = containers.now(path.account, path.container) ?? (await containers.find(path.account, path.container));
    if (!known?.settings['x-container-sync-to']) return next(request);
    const isAllowed = (await access.decide(request, known.writeAcl)).allowed;
    if (isAllowed) {
      const { [SYNC_TIMESTAMP]: given, [AS_OF_HEADER]: asOf } = request.headers;
      await noteChange(cluster, path, given ?? asOf ?? cluster.timestamps.next());
    }
    return next(request);
  };
}
