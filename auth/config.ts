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
  region: Type.String({
    default: 'RegionOne',
    minLength: 1,
    maxLength: 64,
    description: 'Region of the built-in endpoints.',
  }),
});

export type AuthConfig = Static<typeof authConfig>;
