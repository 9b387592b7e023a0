import { LISTED_AS } from '../../object-server/contract.ts';
import type { Headers } from '../message.ts';
import { IV_BYTES, KEY_BYTES, openBytes, openText, sealBytes, sealText } from './cipher.ts';
import { DecryptionError, type RootKey, type SecretLabel } from './keyring.ts';

/** Where an encrypted object keeps what is needed to read it. Layout: docs/formats/encrypted-objects.md. */
export const STORED = {
  /** How the body is encrypted. Beside the data. */
  body: 'x-object-sysmeta-crypto-body-meta',
  /** The body's own ETag, encrypted. Beside the data. */
  etag: 'x-object-sysmeta-crypto-etag',
  /** Shows that ETag, key and place belong together. Beside the data. */
  etagMac: 'x-object-sysmeta-crypto-etag-mac',
  /** How user metadata is encrypted. Replaced by a POST. */
  metadata: 'x-object-transient-sysmeta-crypto-meta',
} as const;

/** What a POST replaces, by the beginning of its name, and where its value is kept encrypted: user metadata; the tags of the S3 API. */
const SEALED_METADATA = [
  ['x-object-meta-', 'x-object-transient-sysmeta-crypto-meta-'],
  ['x-object-transient-sysmeta-s3-', 'x-object-transient-sysmeta-crypto-s3-'],
] as const;
/** The same of what lives as long as the data, and tells of it: checksums, ETags of the S3 API. */
const SEALED_DATA = [['x-object-sysmeta-s3-', 'x-object-sysmeta-crypto-s3-']] as const;
type Prefixes = readonly (readonly [plain: string, sealed: string])[];
/** Nothing of what is stored under these names leaves the proxy. */
const CRYPTO_HEADER = /^x-object-(transient-)?sysmeta-crypto-/;

const VERSION = 1;
const CIPHER = 'AES_CTR_256';

/** How one body is encrypted. */
export interface BodyCipher {
  label: SecretLabel;
  iv: Buffer;
  /** 32 bytes, encrypted under the object's key: base64. */
  wrappedKey: string;
}

export function encodeBodyCipher({ label, iv, wrappedKey }: BodyCipher): string {
  const { id: secret, check } = label;
  return JSON.stringify({ v: VERSION, cipher: CIPHER, secret, check, iv: iv.toString('base64'), key: wrappedKey });
}

/** @throws DecryptionError for what is not of this form. */
export function parseBodyCipher(text: string): BodyCipher {
  const fields = parseFields(text);
  const iv = Buffer.from(String(fields['iv']), 'base64');
  const wrappedKey = fields['key'];
  if (iv.length !== IV_BYTES || typeof wrappedKey !== 'string')
    throw new DecryptionError('the record of how a body is encrypted is damaged');
  return { label: labelOf(fields), iv, wrappedKey };
}

export function wrapKey(objectKey: Uint8Array, bodyKey: Uint8Array): string {
  return sealBytes(objectKey, bodyKey);
}

/** @throws DecryptionError where it is no key. */
export function unwrapKey(objectKey: Uint8Array, wrapped: string): Buffer {
  const bodyKey = openBytes(objectKey, wrapped);
  if (bodyKey.length !== KEY_BYTES) throw new DecryptionError('the key of a body is damaged');
  return bodyKey;
}

/** The headers of a PUT or POST with the values of its metadata encrypted. A name without a value stays as it is. */
export function sealMetadata(headers: Headers, root: RootKey, objectKey: Uint8Array): Headers {
  const sealed: Record<string, string> = {};
  let isAny = false;
  for (const [name, value] of Object.entries(headers)) {
    const prefixes = SEALED_METADATA.find(([plain]) => name.startsWith(plain));
    if (!prefixes || value === '') sealed[name] = value;
    else {
      sealed[prefixes[1] + name.slice(prefixes[0].length)] = sealText(objectKey, value);
      isAny = true;
    }
  }
  if (isAny)
    sealed[STORED.metadata] = JSON.stringify({ v: VERSION, cipher: CIPHER, secret: root.id, check: root.check });
  return sealed;
}

/** @throws DecryptionError for what is not of this form. */
export function parseMetadataCipher(text: string): SecretLabel {
  return labelOf(parseFields(text));
}

/** Decrypted metadata of an answer. */
export function openMetadata(headers: Headers, objectKey: Uint8Array): Record<string, string> {
  return openAll(headers, SEALED_METADATA, objectKey);
}

/** Whether a header tells of the data, and is kept as encrypted as its ETag. */
export function tellsOfData(name: string): boolean {
  return SEALED_DATA.some(([plain]) => name.startsWith(plain));
}

/** Headers that tell of the data, encrypted; the others as they are. */
export function sealData(headers: Headers, objectKey: Uint8Array): Record<string, string> {
  const sealed: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    const prefixes = SEALED_DATA.find(([plain]) => name.startsWith(plain));
    if (prefixes) sealed[prefixes[1] + name.slice(prefixes[0].length)] = sealText(objectKey, value);
    else sealed[name] = value;
  }
  return sealed;
}

/** What an answer tells of the data, decrypted. */
export function openData(headers: Headers, objectKey: Uint8Array): Record<string, string> {
  return openAll(headers, SEALED_DATA, objectKey);
}

function openAll(headers: Headers, prefixes: Prefixes, objectKey: Uint8Array): Record<string, string> {
  const opened: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    const found = prefixes.find(([, sealed]) => name.startsWith(sealed));
    if (found) opened[found[0] + name.slice(found[1].length)] = openText(objectKey, value);
  }
  return opened;
}

/** The headers without what is known to this proxy alone. */
export function withoutCrypto(headers: Headers): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !CRYPTO_HEADER.test(name)));
}

/** Whether anything of an object is encrypted. */
export function holdsCrypto(headers: Headers): boolean {
  return (
    headers[STORED.body] !== undefined ||
    headers[STORED.metadata] !== undefined ||
    isSealedListingEtag(headers[LISTED_AS.etag])
  );
}

const LISTING_MARK = '; crypto=1.';
const LISTING_ETAG = /^([A-Za-z0-9+/=]+); crypto=1\.([A-Za-z0-9_-]+)\.([0-9a-f]{8})$/;
/** In the JSON of rows. Quotes within strings are escaped there: nothing but a row's own hash can look like this. */
const LISTED_HASH = /"hash":"([A-Za-z0-9+/=]+; crypto=1\.[A-Za-z0-9_-]+\.[0-9a-f]{8})"/g;

export function isSealedListingEtag(etag: string | undefined): boolean {
  return etag?.includes(LISTING_MARK) === true;
}

/** What a listing row keeps as its ETag. */
export function sealListingEtag(etag: string, root: RootKey, containerKey: Uint8Array): string {
  return `${sealText(containerKey, etag)}${LISTING_MARK}${root.id}.${root.check}`;
}

/**
 * @param containerKeyOf gives the key by the root secret that was used; throws DecryptionError.
 * @throws DecryptionError for what is not of this form.
 */
export function openListingEtag(sealed: string, containerKeyOf: (label: SecretLabel) => Uint8Array): string {
  const [, text = '', id = '', check = ''] = LISTING_ETAG.exec(sealed) ?? [];
  if (text === '') throw new DecryptionError('the ETag of a listing row is damaged');
  return openText(containerKeyOf({ id, check }), text);
}

export function holdsSealedHashes(chunk: Uint8Array): boolean {
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).includes(LISTING_MARK);
}

/** A chunk of a listing's rows with other hashes. */
export function replaceHashes(chunk: Uint8Array, replace: (sealed: string) => string): Buffer {
  const text = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString();
  return Buffer.from(text.replaceAll(LISTED_HASH, (_, sealed: string) => `"hash":${JSON.stringify(replace(sealed))}`));
}

function parseFields(text: string): Readonly<Record<string, unknown>> {
  let fields: unknown;
  try {
    fields = JSON.parse(text);
  } catch {
    fields = undefined;
  }
  if (typeof fields !== 'object' || fields === null)
    throw new DecryptionError('the record of how an object is encrypted is damaged');
  const record = fields as Readonly<Record<string, unknown>>;
  if (record['v'] !== VERSION || record['cipher'] !== CIPHER)
    throw new DecryptionError(`an object is encrypted in a way that is not known here: ${text.slice(0, 64)}`);
  return record;
}

function labelOf(fields: Readonly<Record<string, unknown>>): SecretLabel {
  return { id: String(fields['secret']), check: String(fields['check']) };
}
