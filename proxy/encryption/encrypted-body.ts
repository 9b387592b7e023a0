import { createHash, randomBytes } from 'node:crypto';
import { LISTED_AS } from '../../object-server/contract.ts';
import { refusal } from '../errors.ts';
import type { Content, Headers, RequestBody } from '../message.ts';
import { counterMode, etagMac, IV_BYTES, KEY_BYTES, sealText } from './cipher.ts';
import type { RootKey } from './keyring.ts';
import { encodeBodyCipher, STORED, sealData, sealListingEtag, wrapKey } from './stored-form.ts';

export interface BodyEncryption {
  root: RootKey;
  objectKey: Buffer;
  containerKey: Buffer;
  /** MD5 that the client says the body has, lower case hex. */
  expectedEtag: string | undefined;
  /** What the listing shall show as ETag in place of the body's own, where a feature says so. */
  listedEtag: string | undefined;
  /** Headers that tell of the plain body. */
  told: Headers;
}

const EMPTY_ETAG = 'd41d8cd98f00b204e9800998ecf8427e';

/** A client's body on its way to the replicas: they, and their MD5, see ciphertext only. */
export class EncryptedBody implements RequestBody {
  readonly sizeBytes: number | undefined;
  /** MD5 of what the client sent; undefined until all of it has been read, and where it was nothing. */
  etag: string | undefined;
  private readonly plain: RequestBody;
  private readonly options: BodyEncryption;
  private readonly iv = randomBytes(IV_BYTES);
  private readonly bodyKey = randomBytes(KEY_BYTES);

  constructor(plain: RequestBody, options: BodyEncryption) {
    this.plain = plain;
    this.options = options;
    this.sizeBytes = plain.sizeBytes;
  }

  async *chunks(): AsyncGenerator<Uint8Array> {
    const digest = createHash('md5');
    const cipher = counterMode(this.bodyKey, this.iv);
    let isEmpty = true;
    for await (const chunk of this.plain.chunks()) {
      digest.update(chunk);
      isEmpty &&= chunk.length === 0;
      yield cipher.update(chunk);
    }
    if (!isEmpty) this.etag = digest.digest('hex');
  }

  /**
   * How the body is encrypted, beside what the plain body has to say. Of nothing there is nothing to hide.
   * @throws ApiError 422 where it is not what the client says.
   */
  footer(): Headers {
    const { etag, options } = this;
    const { root, objectKey, containerKey, expectedEtag } = options;
    const inner = this.plain.footer?.();
    if (expectedEtag !== undefined && expectedEtag !== (etag ?? EMPTY_ETAG)) throw refusal(422);
    const told = { ...options.told, ...inner };
    const footer = etag === undefined ? told : sealData(told, objectKey);
    const listedEtag = inner?.[LISTED_AS.etag] ?? options.listedEtag ?? etag;
    if (listedEtag && (etag !== undefined || listedEtag !== EMPTY_ETAG))
      footer[LISTED_AS.etag] = sealListingEtag(listedEtag, root, containerKey);
    if (etag === undefined) return footer;
    const wrappedKey = wrapKey(objectKey, this.bodyKey);
    footer[STORED.body] = encodeBodyCipher({ label: root, iv: this.iv, wrappedKey });
    footer[STORED.etag] = sealText(objectKey, etag);
    footer[STORED.etagMac] = etagMac(objectKey, etag);
    return footer;
  }
}

/** What the ciphertext of an object says. Any part of it is decrypted from where it begins. */
export function decryptedContent(content: Content, bodyKey: Uint8Array, iv: Uint8Array): Content {
  return {
    sizeBytes: content.sizeBytes,
    async *read(start, end) {
      const cipher = counterMode(bodyKey, iv, start);
      for await (const chunk of content.read(start, end)) yield cipher.update(chunk);
    },
    close: () => content.close(),
  };
}
