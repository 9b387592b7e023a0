import { createHmac } from 'node:crypto';
import type { RootSecrets } from './root-secrets.ts';

/** Which root secret something was encrypted with: its id, and enough of a MAC of it to tell it from another of the same id. */
export interface SecretLabel {
  readonly id: string;
  /** 8 hexadecimal digits. */
  readonly check: string;
}

/** Why something cannot be decrypted, for the log: it names ids, never keys. */
export class DecryptionError extends Error {
  override readonly name = 'DecryptionError';
}

/** One root secret and the keys that are derived from it. */
export class RootKey implements SecretLabel {
  readonly id: string;
  readonly check: string;
  private readonly secret: Buffer;

  constructor(id: string, secret: Buffer) {
    this.id = id;
    this.secret = secret;
    this.check = mac(secret, 'check of a root secret').toString('hex').slice(0, 8);
  }

  /** Encrypts what a container's listing shows: one key for a whole listing. Spec: Swift, "Object Encryption": keymaster. */
  containerKey(account: string, container: string): Buffer {
    return mac(this.secret, `/${account}/${container}`);
  }

  /** Wraps an object's body key and encrypts its metadata. Spec: as above. */
  objectKey({ account, container, object }: { account: string; container: string; object: string }): Buffer {
    return mac(this.secret, `/${account}/${container}/${object}`);
  }
}

/** All root secrets that this proxy has. */
export class Keyring {
  /** What is written now is encrypted with it. */
  readonly active: RootKey;
  private readonly keys: ReadonlyMap<string, RootKey>;

  constructor({ active, secrets }: RootSecrets) {
    this.keys = new Map(
      Object.entries(secrets).map(([id, secret]) => [id, new RootKey(id, Buffer.from(secret, 'base64'))]),
    );
    const key = this.keys.get(active);
    if (!key) throw new DecryptionError(`there is no root secret '${active}'`);
    this.active = key;
  }

  /** @throws DecryptionError where the secret is not here, or another one has its id. */
  find({ id, check }: SecretLabel): RootKey {
    const key = this.keys.get(id);
    if (!key) throw new DecryptionError(`the root secret '${id}' is not among those of this proxy`);
    if (key.check !== check) throw new DecryptionError(`the root secret '${id}' is not the one that was used`);
    return key;
  }
}

export interface EncryptionOptions {
  /** Undefined: nothing can be decrypted. */
  readonly keyring: Keyring | undefined;
  /** Whether what is written is encrypted: there are keys, and it is not switched off. */
  readonly encrypts: boolean;
}

function mac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
