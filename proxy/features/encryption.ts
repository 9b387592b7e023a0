import { setImmediate } from 'node:timers/promises';
import type { ListingPage } from '../../container-server/contract.ts';
import { LISTED_AS } from '../../object-server/contract.ts';
import { isEtagMac, openText } from '../encryption/cipher.ts';
import { decryptedContent, EncryptedBody } from '../encryption/encrypted-body.ts';
import {
  DecryptionError,
  type EncryptionOptions,
  type Keyring,
  type RootKey,
  type SecretLabel,
} from '../encryption/keyring.ts';
import {
  holdsCrypto,
  holdsSealedHashes,
  isSealedListingEtag,
  openData,
  openListingEtag,
  openMetadata,
  parseBodyCipher,
  parseMetadataCipher,
  replaceHashes,
  STORED,
  sealMetadata,
  tellsOfData,
  unwrapKey,
  withoutCrypto,
} from '../encryption/stored-form.ts';
import { refusal } from '../errors.ts';
import {
  type Feature,
  type Handler,
  type Headers,
  objectPathOf,
  type ProxyRequest,
  type ProxyResponse,
  type ResourcePath,
} from '../message.ts';
import { checkMetadata } from '../routes/metadata.ts';
import { expectedEtagOf } from '../routes/object-put.ts';

type ObjectPath = Required<ResourcePath>;

/** What a listing shows in place of an ETag that cannot be decrypted. */
const UNKNOWN_ETAG = '<unknown>';

/**
 * Encryption at rest: what lies on devices is ciphertext of the body, its ETag and the values of user metadata, in listings of the
 * ETags. Whoever is above sees none of it; keys stay in this proxy.
 *
 * Spec: Swift, "Object Encryption".
 */
export function encryption({ keyring, encrypts }: EncryptionOptions): Feature {
  return (next) => async (request) => {
    const { method, path } = request;
    const name = objectPathOf(path);
    if (!name) {
      if (method !== 'GET' || path.container === undefined) return next(request);
      return withPlainHashes(request, await next(request), keyring);
    }
    if (method === 'GET' || method === 'HEAD') return decrypted(name, await next(request), keyring);
    if (!keyring || !encrypts) return next(request);
    if (method === 'PUT') return putEncrypted(request, name, next, keyring.active);
    return method === 'POST' ? next(withSealedMetadata(request, name, keyring.active)) : next(request);
  };
}

/** @throws ApiError 400: what is encrypted is longer, so bounds are checked before. */
function withSealedMetadata(request: ProxyRequest, name: ObjectPath, root: RootKey): ProxyRequest {
  checkMetadata(request.headers, 'object');
  return { ...request, headers: sealMetadata(request.headers, root, root.objectKey(name)) };
}

async function putEncrypted(
  request: ProxyRequest,
  name: ObjectPath,
  next: Handler,
  root: RootKey,
): Promise<ProxyResponse> {
  const sealed = withSealedMetadata(request, name, root);
  // Both are about the plain body: they come back, encrypted, in the footer.
  const { etag: _etag, [LISTED_AS.etag]: listedEtag, ...others } = sealed.headers;
  const headers = withoutNamed(others, tellsOfData);
  const body = new EncryptedBody(request.body, {
    root,
    objectKey: root.objectKey(name),
    containerKey: root.containerKey(name.account, name.container),
    expectedEtag: expectedEtagOf(request.headers),
    listedEtag,
    told: withoutNamed(others, (header) => !tellsOfData(header)),
  });
  const response = await next({ ...sealed, headers, body });
  if (body.etag === undefined || response.status >= 300) return response;
  return { ...response, headers: { ...response.headers, etag: body.etag } };
}

function withoutNamed(headers: Headers, isNamed: (header: string) => boolean): Headers {
  return Object.fromEntries(Object.entries(headers).filter(([header]) => !isNamed(header)));
}

/** @throws ApiError 500 for an object whose keys are not here; its cause, which is logged, says which. */
async function decrypted(
  name: ObjectPath,
  response: ProxyResponse,
  keyring: Keyring | undefined,
): Promise<ProxyResponse> {
  if (!holdsCrypto(response.headers)) return response;
  try {
    return decryptedResponse(name, response, new KeyFinder(keyring));
  } catch (error) {
    await response.body?.close();
    if (!(error instanceof DecryptionError)) throw error;
    throw refusal(500, { body: 'Error decrypting object', contentType: 'text/plain', cause: error });
  }
}

function decryptedResponse(name: ObjectPath, response: ProxyResponse, keys: KeyFinder): ProxyResponse {
  const { headers, body } = response;
  const {
    [LISTED_AS.etag]: listedEtag,
    [STORED.metadata]: metadataCipher,
    [STORED.body]: bodyCipher,
    ...rest
  } = headers;
  const opened = withoutCrypto(rest);
  if (listedEtag !== undefined)
    opened[LISTED_AS.etag] = isSealedListingEtag(listedEtag)
      ? openListingEtag(listedEtag, (label) => keys.containerKey(label, name))
      : listedEtag;
  if (metadataCipher !== undefined)
    Object.assign(opened, openMetadata(headers, keys.objectKey(parseMetadataCipher(metadataCipher), name)));
  if (bodyCipher === undefined) return { ...response, headers: opened };
  const { label, iv, wrappedKey } = parseBodyCipher(bodyCipher);
  const objectKey = keys.objectKey(label, name);
  const etag = openEtag(headers, objectKey);
  opened['etag'] = etag;
  Object.assign(opened, openData(headers, objectKey));
  // What the listing shows anyway is not said: a copy would keep it for something special.
  if (opened[LISTED_AS.etag] === etag) delete opened[LISTED_AS.etag];
  const bodyKey = unwrapKey(objectKey, wrappedKey);
  return { ...response, headers: opened, body: body && decryptedContent(body, bodyKey, iv) };
}

/** @throws DecryptionError where key, place and object do not belong together. */
function openEtag(headers: Headers, objectKey: Uint8Array): string {
  const etag = openText(objectKey, headers[STORED.etag] ?? '');
  if (!isEtagMac(objectKey, etag, headers[STORED.etagMac] ?? ''))
    throw new DecryptionError('an ETag, once decrypted, is not what its MAC says');
  return etag;
}

async function withPlainHashes(
  request: ProxyRequest,
  response: ProxyResponse,
  keyring: Keyring | undefined,
): Promise<ProxyResponse> {
  const { rows } = response;
  if (!rows?.chunks.some(holdsSealedHashes)) return response;
  const { account, container = '' } = request.path;
  const keys = new KeyFinder(keyring);
  let failure: unknown;
  const open = (sealed: string) => {
    try {
      return openListingEtag(sealed, (label) => keys.containerKey(label, { account, container }));
    } catch (error) {
      failure = error;
      return UNKNOWN_ETAG;
    }
  };
  const chunks: Uint8Array[] = [];
  for (const chunk of rows.chunks) {
    if (!holdsSealedHashes(chunk)) {
      chunks.push(chunk);
      continue;
    }
    chunks.push(replaceHashes(chunk, open));
    await setImmediate(); // others have their turn between
  }
  if (failure !== undefined)
    request.context.log.error({ err: failure, account, container }, 'ETags of a listing cannot be decrypted');
  return { ...response, rows: { ...rows, chunks } satisfies ListingPage };
}

/** The keys for one answer, each derived once. */
class KeyFinder {
  private readonly keyring: Keyring | undefined;
  private readonly containerKeys = new Map<RootKey, Buffer>();

  constructor(keyring: Keyring | undefined) {
    this.keyring = keyring;
  }

  objectKey(label: SecretLabel, name: ObjectPath): Buffer {
    return this.root(label).objectKey(name);
  }

  containerKey(label: SecretLabel, { account, container }: { account: string; container: string }): Buffer {
    const root = this.root(label);
    const key = this.containerKeys.get(root) ?? root.containerKey(account, container);
    this.containerKeys.set(root, key);
    return key;
  }

  private root(label: SecretLabel): RootKey {
    if (!this.keyring)
      throw new DecryptionError('this proxy has no root secrets: proxy.encryption.root_secrets is not set');
    return this.keyring.find(label);
  }
}
