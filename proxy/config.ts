import { type Static, Type } from '@sinclair/typebox';
import { MOST_REVEALED_CHARACTERS } from './limits.ts';

const TEMP_URL_METHODS = ['GET', 'HEAD', 'PUT', 'POST', 'DELETE'] as const;

const policyName = (description: string) => Type.String({ pattern: '^[A-Za-z0-9-]{1,64}$', description });

const policy = Type.Object({
  index: Type.Integer({
    minimum: 0,
    maximum: 999,
    description:
      'Index of the policy: its objects lie on object.ring.gz (0) or object-<index>.ring.gz. Never changed or used again.',
  }),
  name: policyName('Name in X-Storage-Policy; compared without regard to case.'),
  aliases: Type.Array(policyName('Another name.'), {
    default: [],
    maxItems: 32,
    description: 'Other names of the same policy.',
  }),
  default: Type.Boolean({ default: false, description: 'Whether containers that ask for none get this policy.' }),
  deprecated: Type.Boolean({
    default: false,
    description: 'Whether new containers are refused; those there stay usable.',
  }),
  type: Type.Union([Type.Literal('replication'), Type.Literal('erasure_coding')], {
    default: 'replication',
    description: 'Whether each replica has the whole body, or each device of a partition one fragment of it.',
  }),
  data_fragments: Type.Optional(
    Type.Integer({ minimum: 2, maximum: 24, description: 'erasure_coding: fragments that are enough to know a body.' }),
  ),
  parity_fragments: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 6, description: 'erasure_coding: fragments that may be lost.' }),
  ),
  segment_bytes: Type.Integer({
    minimum: 4096,
    maximum: 16 << 20,
    default: 1 << 20,
    description: 'erasure_coding: bytes of a body that are coded together.',
  }),
  replicas: Type.Integer({
    minimum: 1,
    maximum: 16,
    default: 3,
    description: "Replicas of the ring that the first start of a cloud makes; from then on 'martlet ring' says.",
  }),
});

const names = (defaults: readonly string[], description: string) =>
  Type.Array(Type.String({ minLength: 1, maxLength: 255 }), { default: [...defaults], description });

/** One of a few words. */
const oneOf = <const W extends readonly string[]>(words: W) =>
  Type.Unsafe<W[number]>({ type: 'string', enum: [...words] });

const digests = Type.Array(oneOf(['sha1', 'sha256', 'sha512']), {
  minItems: 1,
  uniqueItems: true,
  default: ['sha256', 'sha512'],
  description: 'Digests of signatures. sha1 is weak: name it only for clients that know no other.',
});

const tempurl = Type.Object({
  allowed_digests: digests,
  methods: Type.Array(oneOf(TEMP_URL_METHODS), {
    uniqueItems: true,
    default: [...TEMP_URL_METHODS],
    description: 'Methods that a signed URL may allow.',
  }),
});

const rateSteps = (description: string) =>
  Type.Array(Type.Object({ size: Type.Integer({ minimum: 0 }), rate: Type.Number({ exclusiveMinimum: 0 }) }), {
    default: [],
    maxItems: 100,
    description,
  });

const ratelimit = Type.Object({
  account_ratelimit: Type.Number({
    minimum: 0,
    default: 0,
    description: 'Containers that may be made or deleted in one account, per second and node; 0 = any number.',
  }),
  container_ratelimits: rateSteps(
    'Writes to the objects of a container that holds `size` objects or more: `rate` per second and node; in between, on the line to the next size.',
  ),
  container_listing_ratelimits: rateSteps('The same for listings of a container.'),
  max_sleep_time_seconds: Type.Number({
    minimum: 0,
    maximum: 300,
    default: 60,
    description: 'A request that would have to wait longer is refused, seconds.',
  }),
  rate_buffer_seconds: Type.Number({
    minimum: 0,
    default: 5,
    description: 'Idle time that may be made up for in a burst, seconds.',
  }),
  account_whitelist: names([], 'Accounts (AUTH_…) that are not limited.'),
  account_blacklist: names([], 'Accounts (AUTH_…) all of whose requests are refused.'),
});

const containerSync = Type.Object(
  {
    realms: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          "File of realms, as Swift's container-sync-realms.conf: sections with key, key2 and cluster_<name> = endpoint; read again when it changes.",
      }),
    ),
    current: Type.String({
      default: '',
      pattern: '^(//[^/]+/[^/]+)?$',
      description: 'What this cluster is called, //realm/cluster, for /info.',
    }),
    allowed_hosts: names(
      [],
      'Hosts that a container may be synchronized to by URL, without a realm; none: no URL is allowed.',
    ),
    accept_keys: Type.Boolean({
      default: false,
      description: "Whether a cluster that shows a container's sync key may write to it without a realm's signature.",
    }),
    interval: Type.Number({
      minimum: 1,
      maximum: 86_400,
      default: 300,
      description: 'How long after one round the next one that tells other clusters of changes begins, seconds.',
    }),
    container_time: Type.Number({
      minimum: 1,
      maximum: 86_400,
      default: 60,
      description: 'How long one container may take of a round, seconds.',
    }),
  },
  { description: 'Containers that are kept the same in several clusters.' },
);

const domainRemap = Type.Object({
  storage_domains: names(
    [],
    'Domains below which a host names an account, or a container and an account: c.auth-p.objects.example.com; none: hosts mean nothing.',
  ),
  path_root: Type.String({ default: 'v1', pattern: '^/?v1(\\.0)?/?$', description: 'What the path then begins with.' }),
  reseller_prefixes: names(['AUTH'], 'What accounts begin with, before the underscore; other hosts are left alone.'),
  default_reseller_prefix: Type.String({
    default: '',
    maxLength: 64,
    description: 'What an account begins with whose host names none of them; empty: that host is left alone.',
  }),
  mangle_client_paths: Type.Boolean({
    default: false,
    description: 'Whether a path that begins with path_root all the same loses it.',
  }),
  cname_lookup: Type.Boolean({
    default: false,
    description: 'Whether other hosts are looked up as aliases of such; those that are none are refused.',
  }),
  cname_lookup_depth: Type.Integer({
    minimum: 1,
    maximum: 16,
    default: 1,
    description: 'Aliases of aliases, at most.',
  }),
  cname_nameservers: names([], "Addresses of name servers, `address` or `address:port`; none: the system's."),
});

const resellerPrefix = Type.Object({
  prefix: Type.String({
    pattern: '^(?!AUTH$)[A-Za-z0-9]{1,32}$',
    description: 'What such accounts begin with, before an underscore and the id of their project: SERVICE.',
  }),
  operator_roles: Type.Optional(names([], 'Roles that may do everything in them; proxy.operator_roles unless given.')),
  reader_roles: names([], 'Roles that may read them, without a service token.'),
  service_roles: names(
    [],
    'Roles one of which the token in X-Service-Token must have beside; none: no such token is looked at.',
  ),
});

const info = Type.Object(
  {
    expose_info: Type.Boolean({ default: true, description: 'Whether it is answered; else 403.' }),
    disallowed_sections: names([], 'What it leaves out: sections, or `section.key`.'),
    admin_key: Type.String({
      default: '',
      maxLength: 256,
      description: 'Secret that signs requests (swiftinfo_sig) for what is left out; empty: they are refused.',
    }),
    allowed_digests: Type.Array(oneOf(['sha1', 'sha256', 'sha512']), {
      minItems: 1,
      uniqueItems: true,
      default: ['sha1', 'sha256', 'sha512'],
      description: 'Digests of such signatures. Swift knows sha1 only.',
    }),
  },
  { description: 'What GET /info tells.' },
);

const etagQuoter = Type.Object(
  {
    enabled: Type.Boolean({ default: false, description: 'Whether accounts and containers may ask for it.' }),
    enable_by_default: Type.Boolean({ default: false, description: 'Whether those that do not say get it.' }),
  },
  { description: 'ETags of objects in quotes (X-Container-Rfc-Compliant-Etags).' },
);

const accessLog = Type.Object(
  {
    path: Type.String({
      default: '',
      pattern: '^(stdout|/.+)?$',
      description: "File that each request adds a line to, an absolute path, or 'stdout'; empty: none.",
    }),
    reveal_sensitive_prefix: Type.Integer({
      minimum: 0,
      maximum: MOST_REVEALED_CHARACTERS,
      default: 0,
      description: 'Characters of tokens and of signatures in URLs that are shown.',
    }),
  },
  { description: "Access log, in the form of Swift's proxy-logging." },
);

/** The `proxy` part of the configuration. */
export const proxyConfig = Type.Object({
  policies: Type.Array(policy, {
    minItems: 1,
    default: [
      {
        index: 0,
        name: 'Policy-0',
        aliases: [],
        default: true,
        deprecated: false,
        type: 'replication',
        segment_bytes: 1 << 20,
        replicas: 3,
      },
    ],
    description: 'Storage policies. One has index 0; one is the default: the one that says so, else the first.',
  }),
  operator_roles: names(['admin', 'member'], 'Roles that may do everything in the account of their project.'),
  reader_roles: names(['reader'], 'Roles that may read the account of their project.'),
  reseller_prefixes: Type.Array(resellerPrefix, {
    default: [],
    maxItems: 16,
    description: 'Accounts that projects have beside AUTH_…: for what services keep for their users, say.',
  }),
  reseller_admin_role: Type.String({
    default: 'ResellerAdmin',
    description: 'Role that may do everything in every account.',
  }),
  max_file_size: Type.Integer({
    minimum: 1,
    default: 5_368_709_122,
    description: 'Largest object, bytes; larger ones go up in segments.',
  }),
  client_timeout: Type.Number({
    exclusiveMinimum: 0,
    default: 60,
    description: 'How long a client may keep still while it sends or receives a body, seconds.',
  }),
  node_timeout: Type.Number({
    exclusiveMinimum: 0,
    default: 10,
    description: 'How long one replica may take for one step of a request, seconds.',
  }),
  post_quorum_timeout: Type.Number({
    minimum: 0,
    default: 0.5,
    description: 'How long a write that has its quorum waits for the other replicas, seconds.',
  }),
  encryption: Type.Object(
    {
      root_secrets: Type.Optional(
        Type.String({
          minLength: 1,
          description:
            "File of root secrets, readable by its owner only ('martlet encryption add FILE' makes it): with it, what is written is encrypted.",
        }),
      ),
      disable_encryption: Type.Boolean({
        default: false,
        description: 'Write plain; what is encrypted stays readable.',
      }),
    },
    { description: 'Encryption of objects at rest.' },
  ),
  expirer_interval: Type.Number({
    minimum: 1,
    maximum: 86_400,
    default: 300,
    description: 'How long after one round the next removal of expired objects begins, seconds.',
  }),
  lifecycle_interval: Type.Number({
    minimum: 1,
    maximum: 86_400,
    default: 3600,
    description: 'How long after one walk through the S3 buckets with lifecycle rules the next begins, seconds.',
  }),
  reconstructor_interval: Type.Number({
    minimum: 1,
    maximum: 86_400,
    default: 300,
    description: 'How long after one walk through the fragments of erasure coded objects the next begins, seconds.',
  }),
  reconstructor_rate: Type.Number({
    minimum: 1,
    maximum: 100_000,
    default: 200,
    description: 'Fragments that the walks of one node look at, per second, at most.',
  }),
  reclaim_age: Type.Number({
    minimum: 60,
    default: 604_800,
    description: 'Fragments that nothing points to are removed when they are so old, seconds.',
  }),
  duty_interval: Type.Number({
    minimum: 0.1,
    maximum: 3600,
    default: 15,
    description:
      'How often a node of several says that its daemons run, seconds; after four times of silence its work is done by others.',
  }),
  container_info_ttl: Type.Number({
    minimum: 0,
    maximum: 3600,
    default: 1,
    description:
      'How long a container with replicas on other nodes is remembered (policy, ACLs), seconds; 0 = never. Those of this node are as long as they do not change.',
  }),
  s3: Type.Object(
    {
      domain: Type.String({
        default: '',
        maxLength: 253,
        description: "Host whose subdomains are buckets ('s3.example.com'); empty: buckets stand in the path only.",
      }),
      region: Type.String({
        default: 'us-east-1',
        minLength: 1,
        maxLength: 64,
        description: 'Region that clients of the S3 API are told; they may sign for any.',
      }),
      min_segment_size: Type.Integer({
        minimum: 1,
        default: 5_242_880,
        description: 'Smallest part but the last of what S3 clients upload in parts, bytes.',
      }),
    },
    { description: 'The S3 API, on the port of the Swift API.' },
  ),
  cors_allow_origin: names([], 'Origins whose pages may use every container, beside those that a container names.'),
  cors_expose_headers: names([], 'Headers that pages of other origins may read, beside those that a container names.'),
  strict_cors_mode: Type.Boolean({
    default: true,
    description: 'Whether only pages of allowed origins may see answers; else all that send an Origin may.',
  }),
  tempurl,
  ratelimit,
  name_check: Type.Object({
    enabled: Type.Boolean({ default: false, description: 'Whether names are checked.' }),
    forbidden_chars: Type.String({
      default: '\'"`<>',
      maxLength: 256,
      description: 'Characters that no name may hold.',
    }),
    maximum_length: Type.Integer({
      minimum: 1,
      default: 255,
      description: 'Longest path, with /v1 and the account, bytes.',
    }),
    forbidden_regexp: Type.String({
      default: '/\\./|/\\.\\./|/\\.$|/\\.\\.$',
      maxLength: 1024,
      description: 'What no path may match, as JavaScript has it; `(?!)`: anything may be.',
    }),
  }),
  read_only: Type.Object({
    enabled: Type.Boolean({ default: false, description: 'Whether all writes are refused.' }),
    allow_deletes: Type.Boolean({ default: false, description: 'Whether deletes are not.' }),
  }),
  container_sync: containerSync,
  domain_remap: domainRemap,
  cross_domain_policy: Type.String({
    default: '<allow-access-from domain="*" secure="false" />',
    description: 'XML of the rules in /crossdomain.xml.',
  }),
  staticweb: Type.Object({
    url_base: Type.String({
      default: '',
      pattern: '^(https?://[^/]+/?)?$',
      description: 'Scheme and host that redirects of static web sites name: behind a proxy that speaks TLS, say.',
    }),
  }),
  formpost: Type.Object({ allowed_digests: digests }),
  access_log: accessLog,
  info,
  etag_quoter: etagQuoter,
  list_endpoints: Type.Union(
    (['nobody', 'reseller_admin', 'everybody'] as const).map((who) => Type.Literal(who)),
    {
      default: 'nobody',
      description:
        'Who is told, below /endpoints/, on which nodes and devices something lies: addresses inside the cluster.',
    },
  ),
});

export type ProxyConfig = Static<typeof proxyConfig>;
