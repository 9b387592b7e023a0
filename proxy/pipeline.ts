import { accountQuotas } from './features/account-quotas.ts';
import { archiveUpload } from './features/archive-upload.ts';
import { bulkDelete } from './features/bulk-delete.ts';
import { conditionalRange } from './features/conditional-range.ts';
import { containerQuotas } from './features/container-quotas.ts';
import { containerSync } from './features/container-sync.ts';
import { copy } from './features/copy.ts';
import { cors } from './features/cors.ts';
import { dlo } from './features/dlo.ts';
import { encryption } from './features/encryption.ts';
import { etagQuoter } from './features/etag-quoter.ts';
import { formPost } from './features/form-post.ts';
import { gatekeeper } from './features/gatekeeper.ts';
import { listingFormat } from './features/listing-format.ts';
import { nameCheck } from './features/name-check.ts';
import { lockedParts } from './features/object-lock.ts';
import { rateLimit } from './features/rate-limit.ts';
import { readOnly } from './features/read-only.ts';
import { slo } from './features/slo.ts';
import { staticWeb } from './features/static-web.ts';
import { symlink } from './features/symlink.ts';
import { syncNotes } from './features/sync-notes.ts';
import { tempUrl } from './features/temp-url.ts';
import { versions } from './features/versions.ts';
import { legacyVersions } from './features/versions-legacy.ts';
import type { Feature, Handler } from './message.ts';
import { createDispatcher } from './routes/dispatch.ts';
import type { Services } from './routes/route.ts';
import { largeEtags } from './s3/large-etags.ts';

/**
 * The features in the order in which a request meets them; its answer meets them from the last to the first.
 * What a feature asks for itself begins below it: the segments of a large object are never copied, nor ranged.
 *
 * First those that Swift's own dialect has in front: an S3 request, which brings nothing but what was translated, begins below them.
 */
function swiftFeaturesOf(services: Services): readonly Feature[] {
  return [
    cors(services), //         what pages of other origins may do and see
    gatekeeper, //             nothing internal comes in or goes out
    etagQuoter(services), //   ETags get the quotes that HTTP wants
    listingFormat, //          rows become text, JSON or XML
    containerSync(services), // another cluster's objects come as they are there
    bulkDelete, //             one request becomes many
    archiveUpload(services.maxFileBytes), // an archive becomes its files
    tempUrl(services), //      a signature allows what its bearer could not do
    formPost(services), //     a form becomes a PUT of each of its files
    staticWeb(services), //    a container is shown as a web site
  ];
}

/** Then those of the objects themselves, whatever dialect asks for them. */
function objectFeaturesOf(services: Services, dialect: 'swift' | 's3'): readonly Feature[] {
  return [
    nameCheck(services), // names that the operator does not want are refused
    readOnly(services), // and writes, while there shall be none
    rateLimit(services), // a request waits for its turn
    copy(services.maxFileBytes), // a COPY becomes a GET and a PUT
    containerQuotas(services), // an upload beyond what its container may hold is refused
    accountQuotas(services), // and one beyond what its account may
    conditionalRange, //       304, 412, 206, 416: of the whole that the features below put together
    ...(dialect === 's3' ? [largeEtags] : []), // by the ETag that S3 clients know
    slo(services), //          a manifest becomes its segments
    dlo, //                    a prefix becomes its objects
    legacyVersions(services), // a PUT keeps what was there before, in a container of the client's choice
    versions(services), //     the same, as versions with ids
    ...(dialect === 'swift' ? [lockedParts(services)] : []), // what locked objects are made of is S3's alone
    symlink, //                a link becomes what it leads to
    syncNotes(services), //    what another cluster is to be told of is noted
    encryption(services.encryption), // last: whoever is above sees plain objects, the devices ciphertext
  ];
}

/** The whole object API, features around accounts, containers and plain objects: as Swift's dialect and as S3's enters it. */
export interface Pipelines {
  readonly swift: Handler;
  /** Nobody strips what is internal here: only headers that `s3/` itself makes may come in, and go out. Listings come as rows. */
  readonly s3: Handler;
  /** Objects as they are kept but plain: for daemons, which are allowed what they ask for themselves. */
  readonly own: Handler;
}

export function createPipelines(services: Services): Pipelines {
  const around = (features: readonly Feature[], inner: Handler) =>
    features.reduceRight((next, feature) => feature(next), inner);
  const dispatch = createDispatcher(services);
  const objects = around(objectFeaturesOf(services, 'swift'), dispatch);
  return {
    swift: around(swiftFeaturesOf(services), objects),
    s3: around(objectFeaturesOf(services, 's3'), dispatch),
    own: around([symlink, encryption(services.encryption)], dispatch),
  };
}
