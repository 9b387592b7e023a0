import { bulkDelete } from './features/bulk-delete.ts';
import { conditionalRange } from './features/conditional-range.ts';
import { copy } from './features/copy.ts';
import { dlo } from './features/dlo.ts';
import { gatekeeper } from './features/gatekeeper.ts';
import { listingFormat } from './features/listing-format.ts';
import { slo } from './features/slo.ts';
import type { Feature, Handler } from './message.ts';
import { createDispatcher } from './routes/dispatch.ts';
import type { Services } from './routes/route.ts';

/**
 * The features in the order in which a request meets them; its answer meets them from the last to the first.
 * What a feature asks for itself begins below it: the segments of a large object are never copied, nor ranged.
 */
function featuresOf(services: Services): readonly Feature[] {
  return [
    gatekeeper, //             nothing internal comes in or goes out
    listingFormat, //          rows become text, JSON or XML
    bulkDelete, //             one request becomes many
    copy(services.maxFileBytes), // a COPY becomes a GET and a PUT
    conditionalRange, //       304, 412, 206, 416: of the whole that the features below put together
    slo, //                    a manifest becomes its segments
    dlo, //                    a prefix becomes its objects
  ];
}

/** The whole object API: features around accounts, containers and plain objects. */
export function createPipeline(services: Services): Handler {
  return featuresOf(services).reduceRight((next, feature) => feature(next), createDispatcher(services));
}
