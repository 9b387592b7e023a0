import { type Static, type TSchema, Type } from '@sinclair/typebox';
import {
  MOST_ACCESS_RULES,
  MOST_BLOB_LENGTH,
  MOST_LONG_NAME,
  MOST_PASSWORD_LENGTH,
  MOST_PROJECT_TAGS,
  MOST_RULE_PATH,
  MOST_SHORT_NAME,
  MOST_TAG_LENGTH,
} from './limits.ts';

/** Bodies of the identity API. Attributes that a schema of a resource does not name are kept as extra ones. */

const nameUpTo = (maxLength: number) => Type.String({ minLength: 1, maxLength, pattern: '\\S' });
const orNull = <S extends TSchema>(schema: S) => Type.Union([schema, Type.Null()]);
const id = Type.String({ minLength: 1, maxLength: MOST_LONG_NAME });
const text = Type.String({ maxLength: 16_384 });
const password = Type.String({ minLength: 1, maxLength: MOST_PASSWORD_LENGTH });
const optionValue = orNull(Type.Boolean());

/** Options that mean something here; others are refused. */
const resourceOptions = Type.Object({ immutable: Type.Optional(optionValue) }, { additionalProperties: false });
const userOptions = Type.Object(
  {
    lock_password: Type.Optional(optionValue),
    ignore_change_password_upon_first_use: Type.Optional(optionValue),
    ignore_password_expiry: Type.Optional(optionValue),
    ignore_lockout_failure_attempts: Type.Optional(optionValue),
    ignore_user_inactivity: Type.Optional(optionValue),
    multi_factor_auth_enabled: Type.Optional(optionValue),
    multi_factor_auth_rules: Type.Optional(
      orNull(Type.Array(Type.Array(Type.String({ maxLength: 64 }), { minItems: 1, maxItems: 8 }), { maxItems: 16 })),
    ),
  },
  { additionalProperties: false },
);

const tag = Type.String({ minLength: 1, maxLength: MOST_TAG_LENGTH, pattern: '^[^,/]*$' });
export const tags = Type.Array(tag, { maxItems: MOST_PROJECT_TAGS, uniqueItems: true });
export const tagsBody = Type.Object({ tags });

export const project = Type.Object({
  name: nameUpTo(MOST_SHORT_NAME),
  domain_id: Type.Optional(orNull(id)),
  parent_id: Type.Optional(orNull(id)),
  is_domain: Type.Optional(Type.Boolean()),
  enabled: Type.Optional(Type.Boolean()),
  description: Type.Optional(orNull(text)),
  tags: Type.Optional(tags),
  options: Type.Optional(resourceOptions),
});

export const domain = Type.Object({
  name: nameUpTo(MOST_SHORT_NAME),
  explicit_domain_id: Type.Optional(Type.String({ pattern: '^[0-9a-f]{32}$' })),
  enabled: Type.Optional(Type.Boolean()),
  description: Type.Optional(orNull(text)),
  tags: Type.Optional(tags),
  options: Type.Optional(resourceOptions),
});

export const user = Type.Object({
  name: nameUpTo(MOST_LONG_NAME),
  domain_id: Type.Optional(orNull(id)),
  enabled: Type.Optional(Type.Boolean()),
  description: Type.Optional(orNull(text)),
  default_project_id: Type.Optional(orNull(id)),
  password: Type.Optional(orNull(password)),
  options: Type.Optional(userOptions),
});

export const passwordChange = Type.Object({
  password,
  original_password: Type.String({ maxLength: MOST_PASSWORD_LENGTH }),
});

export const group = Type.Object({
  name: nameUpTo(MOST_SHORT_NAME),
  domain_id: Type.Optional(orNull(id)),
  description: Type.Optional(orNull(text)),
});

export const role = Type.Object({
  name: nameUpTo(MOST_LONG_NAME),
  domain_id: Type.Optional(orNull(id)),
  description: Type.Optional(orNull(text)),
  options: Type.Optional(resourceOptions),
});

export const region = Type.Object({
  id: Type.Optional(Type.String({ maxLength: MOST_LONG_NAME })),
  description: Type.Optional(orNull(text)),
  parent_region_id: Type.Optional(orNull(id)),
});

export const service = Type.Object({
  type: nameUpTo(MOST_LONG_NAME),
  name: Type.Optional(Type.String({ maxLength: MOST_LONG_NAME })),
  description: Type.Optional(orNull(text)),
  enabled: Type.Optional(Type.Boolean()),
});

export const endpoint = Type.Object({
  service_id: id,
  interface: Type.Union([Type.Literal('public'), Type.Literal('internal'), Type.Literal('admin')]),
  url: Type.String({ minLength: 1, maxLength: 2048, pattern: '^https?://\\S+$' }),
  region: Type.Optional(orNull(id)),
  region_id: Type.Optional(orNull(id)),
  name: Type.Optional(orNull(text)),
  enabled: Type.Optional(Type.Boolean()),
});

/** A role, by id or by the name of one of the cloud's own. */
const roleReference = Type.Object({ id: Type.Optional(id), name: Type.Optional(nameUpTo(MOST_LONG_NAME)) });
export type RoleReference = Static<typeof roleReference>;

const accessRule = Type.Union([
  Type.Object({ id }, { additionalProperties: false }),
  Type.Object({
    service: nameUpTo(MOST_LONG_NAME),
    method: Type.String({ pattern: '^(GET|HEAD|POST|PUT|PATCH|DELETE|COPY|OPTIONS)$' }),
    path: Type.String({ minLength: 1, maxLength: MOST_RULE_PATH, pattern: '^/' }),
  }),
]);
export type AccessRuleBody = Static<typeof accessRule>;

export const applicationCredential = Type.Object({
  name: nameUpTo(MOST_LONG_NAME),
  description: Type.Optional(orNull(text)),
  secret: Type.Optional(orNull(password)),
  roles: Type.Optional(Type.Array(roleReference, { maxItems: 100 })),
  expires_at: Type.Optional(orNull(Type.String({ maxLength: 64 }))),
  unrestricted: Type.Optional(Type.Boolean()),
  access_rules: Type.Optional(Type.Array(accessRule, { maxItems: MOST_ACCESS_RULES })),
});
export type ApplicationCredentialBody = Static<typeof applicationCredential>;

export const trust = Type.Object({
  trustor_user_id: id,
  trustee_user_id: id,
  impersonation: Type.Boolean(),
  project_id: Type.Optional(orNull(id)),
  roles: Type.Optional(Type.Array(roleReference, { maxItems: 100 })),
  expires_at: Type.Optional(orNull(Type.String({ maxLength: 64 }))),
  remaining_uses: Type.Optional(orNull(Type.Integer({ minimum: 1, maximum: 1_000_000_000 }))),
  allow_redelegation: Type.Optional(orNull(Type.Boolean())),
  redelegation_count: Type.Optional(orNull(Type.Integer({ minimum: 0, maximum: 100 }))),
  redelegated_trust_id: Type.Optional(orNull(id)),
});
export type TrustBody = Static<typeof trust>;

export const credential = Type.Object({
  type: nameUpTo(MOST_LONG_NAME),
  blob: Type.String({ minLength: 1, maxLength: MOST_BLOB_LENGTH }),
  user_id: Type.Optional(id),
  project_id: Type.Optional(orNull(id)),
});
export type CredentialBody = Static<typeof credential>;

export const ec2CredentialBody = Type.Object({ tenant_id: id });

const short = Type.String({ maxLength: 1024 });
const texts = Type.Record(Type.String({ maxLength: 256 }), Type.String({ maxLength: 16_384 }));
const signed = { access: id, signature: short };

const ec2Signature = Type.Object({
  ...signed,
  host: Type.Optional(short),
  verb: Type.Optional(short),
  path: Type.Optional(Type.String({ maxLength: 16_384 })),
  params: Type.Optional(texts),
  headers: Type.Optional(texts),
  body_hash: Type.Optional(short),
});
export type Ec2Signature = Static<typeof ec2Signature>;

/** `POST /v3/ec2tokens`: one part, under one of the names that clients use. Spec: Identity API v3, "OS-EC2". */
export const ec2SignatureBody = Type.Object({
  credentials: Type.Optional(ec2Signature),
  credential: Type.Optional(ec2Signature),
  ec2Credentials: Type.Optional(ec2Signature),
});

const s3Signature = Type.Object({ ...signed, token: Type.String({ minLength: 1, maxLength: 65_536 }) });
export type S3Signature = Static<typeof s3Signature>;

/** `POST /v3/s3tokens`: `token` is the text that was signed, in base64url. */
export const s3SignatureBody = Type.Object({
  credentials: Type.Optional(s3Signature),
  credential: Type.Optional(s3Signature),
  ec2Credentials: Type.Optional(s3Signature),
});

/** `POST /v3/martlet/signing-keys`. */
export const signingKeyBody = Type.Object({
  access: Type.String({ minLength: 1, maxLength: 255 }),
  scope: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })),
});

export type ProjectBody = Static<typeof project>;
export type DomainBody = Static<typeof domain>;
export type UserBody = Static<typeof user>;
export type GroupBody = Static<typeof group>;
export type RoleBody = Static<typeof role>;
export type RegionBody = Static<typeof region>;
export type ServiceBody = Static<typeof service>;
export type EndpointBody = Static<typeof endpoint>;

const domainReference = Type.Object({ id: Type.Optional(id), name: Type.Optional(nameUpTo(MOST_LONG_NAME)) });
const reference = Type.Object({
  id: Type.Optional(id),
  name: Type.Optional(nameUpTo(MOST_LONG_NAME)),
  domain: Type.Optional(domainReference),
});

/** `POST /v3/auth/tokens`. Spec: Identity API v3, "Authentication and token management". */
export const authRequest = Type.Object({
  auth: Type.Object({
    identity: Type.Object({
      methods: Type.Array(Type.String({ maxLength: 64 }), { maxItems: 8 }),
      password: Type.Optional(
        Type.Object({
          user: Type.Intersect([
            reference,
            Type.Object({ password: Type.String({ maxLength: MOST_PASSWORD_LENGTH }) }),
          ]),
        }),
      ),
      token: Type.Optional(Type.Object({ id: Type.String({ minLength: 1, maxLength: 4096 }) })),
      totp: Type.Optional(
        Type.Object({ user: Type.Intersect([reference, Type.Object({ passcode: Type.String({ maxLength: 64 }) })]) }),
      ),
      application_credential: Type.Optional(
        Type.Object({
          id: Type.Optional(id),
          name: Type.Optional(nameUpTo(MOST_LONG_NAME)),
          user: Type.Optional(reference),
          secret: Type.String({ maxLength: MOST_PASSWORD_LENGTH }),
        }),
      ),
    }),
    scope: Type.Optional(
      Type.Union([
        Type.Literal('unscoped'),
        Type.Object({
          project: Type.Optional(reference),
          domain: Type.Optional(domainReference),
          system: Type.Optional(Type.Object({ all: Type.Literal(true) })),
          unscoped: Type.Optional(Type.Object({})),
          'OS-TRUST:trust': Type.Optional(Type.Object({ id })),
        }),
      ]),
    ),
  }),
});

export type AuthRequest = Static<typeof authRequest>;
