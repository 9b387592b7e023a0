import { type Static, Type } from '@sinclair/typebox';

/** The `auth` part of the configuration. */
export const authConfig = Type.Object({
  token_ttl_s: Type.Integer({
    default: 86_400,
    minimum: 60,
    maximum: 31_536_000,
    description: 'Lifetime of a token, seconds.',
  }),
  allow_expired_window_s: Type.Integer({
    default: 172_800,
    minimum: 0,
    maximum: 31_536_000,
    description: 'How long after its end a service may still validate a token with allow_expired, seconds.',
  }),
  receipt_ttl_s: Type.Integer({
    default: 300,
    minimum: 30,
    maximum: 86_400,
    description: 'How long a user whose rules ask for several proofs has to give the rest of them, seconds.',
  }),
  fernet_keys: Type.Integer({
    default: 3,
    minimum: 3,
    maximum: 32,
    description:
      'Token keys kept after a rotation: the staged one, the primary, and older ones that still decrypt. Count.',
  }),
  password_hash_cost: Type.Integer({
    default: 14,
    minimum: 10,
    maximum: 20,
    description:
      'scrypt cost of new password hashes, as a power of two. 14 takes about 40 ms and 16 MiB; passwords are rehashed at login when it rises.',
  }),
  password_regex: Type.String({
    default: '',
    maxLength: 512,
    description: 'What a password must match, a regular expression; empty for any.',
  }),
  password_regex_description: Type.String({
    default: '',
    maxLength: 512,
    description: 'The same in words, for who chose another.',
  }),
  password_history: Type.Integer({
    default: 0,
    minimum: 0,
    maximum: 24,
    description: 'Passwords of a user, the present one among them, that a new one must differ from. Count.',
  }),
  password_expires_days: Type.Integer({
    default: 0,
    minimum: 0,
    maximum: 3650,
    description: 'How long a password can be used, days; 0 for ever.',
  }),
  password_min_age_days: Type.Integer({
    default: 0,
    minimum: 0,
    maximum: 3650,
    description: 'How old a password that its user has chosen must be before the user may change it, days.',
  }),
  change_password_upon_first_use: Type.Boolean({
    default: false,
    description: 'Users change a password that an administrator has set before they can do anything else.',
  }),
  disable_inactive_days: Type.Integer({
    default: 0,
    minimum: 0,
    maximum: 3650,
    description: 'Days without a login after which a user counts as disabled until it is enabled again; 0 for never.',
  }),
  lockout_failures: Type.Integer({
    default: 0,
    minimum: 0,
    maximum: 1000,
    description: 'Wrong passwords in a row that lock a user out; 0 for any number.',
  }),
  lockout_s: Type.Integer({
    default: 1800,
    minimum: 1,
    maximum: 31_536_000,
    description: 'How long a user stays locked out after the last wrong password, seconds.',
  }),
  login_failures_per_minute: Type.Integer({
    default: 30,
    minimum: 0,
    maximum: 100_000,
    description:
      'Failed logins a minute as one user from one address before more are answered 429; ten times as many from one address as anybody. 0 for any number.',
  }),
  audit_log: Type.Boolean({
    default: true,
    description: 'Write every login and every change to audit/identity.log in the data folder.',
  }),
  audit_log_mib: Type.Integer({
    default: 64,
    minimum: 1,
    maximum: 65_536,
    description: 'Size at which the audit log is put aside and a new one begun, MiB; four old ones are kept.',
  }),
  region: Type.String({
    default: 'RegionOne',
    minLength: 1,
    maxLength: 64,
    description: 'Region of the built-in endpoints.',
  }),
});

export type AuthConfig = Static<typeof authConfig>;
