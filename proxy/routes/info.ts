import type { Policies } from '../backend/policies.ts';
import type { ProxyConfig } from '../config.ts';
import {
  HEARTBEAT_MS,
  MOST_ACCOUNT_NAME_BYTES,
  MOST_BULK_DELETES,
  MOST_CONTAINER_NAME_BYTES,
  MOST_EXTRACTED_CONTAINERS,
  MOST_FAILED_DELETES,
  MOST_FAILED_EXTRACTIONS,
  MOST_HEADER_BYTES,
  MOST_LISTING_ROWS,
  MOST_MANIFEST_BYTES,
  MOST_MANIFEST_SEGMENTS,
  MOST_META_COUNT,
  MOST_META_NAME_BYTES,
  MOST_META_OVERALL_BYTES,
  MOST_META_VALUE_BYTES,
  MOST_OBJECT_NAME_BYTES,
  MOST_SYMLINK_HOPS,
} from '../limits.ts';
import { MOST_DELETED, MOST_LISTED, MOST_PART_NUMBER } from '../s3/limits.ts';
import type { SyncRealms } from '../sync/realms.ts';

/** The Swift whose behaviour this API follows. */
const SWIFT_VERSION = '2.30.1';

/**
 * The body of `GET /info`. Clients switch behaviour on by its keys: every one is a promise.
 *
 * Spec: Object Storage API, "List activated capabilities".
 */
export function capabilities(
  policies: Policies,
  config: ProxyConfig,
  syncRealms: SyncRealms = {},
): Record<string, unknown> {
  return {
    swift: {
      version: SWIFT_VERSION,
      account_autocreate: true,
      allow_account_management: false,
      account_listing_limit: MOST_LISTING_ROWS,
      container_listing_limit: MOST_LISTING_ROWS,
      max_account_name_length: MOST_ACCOUNT_NAME_BYTES,
      max_container_name_length: MOST_CONTAINER_NAME_BYTES,
      max_object_name_length: MOST_OBJECT_NAME_BYTES,
      max_file_size: config.max_file_size,
      max_header_size: MOST_HEADER_BYTES,
      max_meta_count: MOST_META_COUNT,
      max_meta_name_length: MOST_META_NAME_BYTES,
      max_meta_overall_size: MOST_META_OVERALL_BYTES,
      max_meta_value_length: MOST_META_VALUE_BYTES,
      strict_cors_mode: config.strict_cors_mode,
      valid_api_versions: ['v1', 'v1.0'],
      policies: policies.all
        .filter(({ deprecated }) => !deprecated)
        .map(({ name, aliases, index }) => ({
          name,
          aliases: [name, ...aliases].join(', '),
          ...(index === policies.default.index ? { default: true } : {}),
        })),
    },
    slo: {
      max_manifest_segments: MOST_MANIFEST_SEGMENTS,
      max_manifest_size: MOST_MANIFEST_BYTES,
      min_segment_size: 1,
      yield_frequency: HEARTBEAT_MS / 1000,
      allow_async_delete: true,
    },
    dlo: {},
    object_versioning: {},
    versioned_writes: { allowed_flags: ['x-versions-location', 'x-history-location'] },
    symlink: { symloop_max: MOST_SYMLINK_HOPS, static_links: true },
    bulk_upload: {
      max_containers_per_extraction: MOST_EXTRACTED_CONTAINERS,
      max_failed_extractions: MOST_FAILED_EXTRACTIONS,
    },
    bulk_delete: { max_deletes_per_request: MOST_BULK_DELETES, max_failed_deletes: MOST_FAILED_DELETES },
    tempurl: {
      methods: config.tempurl.methods,
      allowed_digests: config.tempurl.allowed_digests,
      incoming_remove_headers: ['x-timestamp'],
      incoming_allow_headers: [],
      outgoing_remove_headers: ['x-object-meta-*'],
      outgoing_allow_headers: ['x-object-meta-public-*'],
    },
    formpost: { allowed_digests: config.formpost.allowed_digests },
    s3api: {
      allow_multipart_uploads: true,
      location: config.s3.region,
      max_bucket_listing: MOST_LISTED,
      max_multi_delete_objects: MOST_DELETED,
      max_parts_listing: MOST_LISTED,
      max_upload_part_num: MOST_PART_NUMBER,
      min_segment_size: config.s3.min_segment_size,
      s3_acl: false,
    },
    crossdomain: {},
    ...(config.domain_remap.storage_domains.length > 0
      ? { domain_remap: { default_reseller_prefix: config.domain_remap.default_reseller_prefix || null } }
      : {}),
    ...(config.domain_remap.cname_lookup
      ? { cname_lookup: { lookup_depth: config.domain_remap.cname_lookup_depth } }
      : {}),
    ...(config.name_check.enabled
      ? {
          name_check: {
            forbidden_chars: config.name_check.forbidden_chars,
            maximum_length: config.name_check.maximum_length,
            forbidden_regexp: config.name_check.forbidden_regexp,
          },
        }
      : {}),
    ...(Object.keys(syncRealms).length > 0 ? { container_sync: { realms: shownRealms(syncRealms, config) } } : {}),
    ...(config.read_only.enabled ? { read_only: {} } : {}),
    ...(config.etag_quoter.enabled ? { etag_quoter: { enable_by_default: config.etag_quoter.enable_by_default } } : {}),
    staticweb: {},
    ratelimit: {
      account_ratelimit: config.ratelimit.account_ratelimit,
      max_sleep_time_seconds: config.ratelimit.max_sleep_time_seconds,
      container_ratelimits: config.ratelimit.container_ratelimits.map(({ size, rate }) => [size, rate]),
      container_listing_ratelimits: config.ratelimit.container_listing_ratelimits.map(({ size, rate }) => [size, rate]),
    },
    container_quotas: {},
    account_quotas: {},
    keystoneauth: {},
  };
}

/** Names only; which cluster this one is, where the configuration says so. */
function shownRealms(realms: SyncRealms, config: ProxyConfig): Record<string, unknown> {
  const current = config.container_sync.current.toUpperCase();
  const shown = (realm: string, cluster: string) => (current === `//${realm}/${cluster}` ? { current: true } : {});
  return Object.fromEntries(
    Object.entries(realms)
      .filter(([, { clusters }]) => Object.keys(clusters).length > 0)
      .map(([realm, { clusters }]) => [
        realm,
        { clusters: Object.fromEntries(Object.keys(clusters).map((name) => [name, shown(realm, name)])) },
      ]),
  );
}
