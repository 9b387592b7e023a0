import { type Extract, extract, type Header } from 'tar-stream';
import { ApiError } from '../../common/errors.ts';
import { refusal } from '../errors.ts';
import { MOST_EXTRACTED_CONTAINERS } from '../limits.ts';
import { type Handler, type ProxyRequest, type RequestBody, subrequest } from '../message.ts';
import { type ArchiveKind, invalidArchive, unpacked } from './archive-decoding.ts';
import type { ArchiveTally } from './archive-tally.ts';

export interface Extraction {
  request: ProxyRequest;
  kind: ArchiveKind;
  /** Chunks of memory of their own. */
  chunks: AsyncIterable<Uint8Array>;
  next: Handler;
  /** Of an object. */
  mostBytes: number;
  tally: ArchiveTally;
}

const FILE_TYPES: ReadonlySet<string> = new Set(['file', 'contiguous-file']);

/**
 * Stores the files of an archive, one after another, as it comes.
 *
 * @throws ApiError where the rest cannot be read, or nothing more may be stored; what has become of each file is in the tally.
 */
export async function extractArchive(extraction: Extraction): Promise<void> {
  const { kind, chunks, tally } = extraction;
  const tar = extract();
  const reading = feed(unpacked(kind, chunks), tar);
  const containers = new Containers(extraction);
  try {
    for await (const entry of tar) {
      if (tally.isFull) return;
      const bytes = entry[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
      if (FILE_TYPES.has(entry.header.type)) await storeFile(extraction, containers, entry.header, bytes);
      while (!(await bytes.next()).done); // of what was not wanted
    }
    await reading;
  } catch (error) {
    throw error instanceof ApiError ? error : invalidArchive(error);
  } finally {
    tar.destroy();
  }
}

/** Gives the archive to its reader, at that one's pace. Never rejects: what fails ends the reader. */
async function feed(chunks: AsyncIterable<Uint8Array>, tar: Extract): Promise<void> {
  try {
    for await (const chunk of chunks) {
      if (tar.destroyed) return;
      if (!tar.write(chunk)) await nextOf(tar);
    }
    if (!tar.destroyed) tar.end(null);
  } catch (error) {
    tar.destroy(error instanceof Error ? error : new Error(String(error)));
  }
}

/** Resolves when more is wanted, or nothing any more. */
function nextOf(tar: Extract): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      tar.off('drain', settle).off('close', settle);
      resolve();
    };
    tar.on('drain', settle).on('close', settle);
    if (tar.destroyed) settle();
  });
}

async function storeFile(
  { request, next, mostBytes, tally }: Extraction,
  containers: Containers,
  header: Header,
  bytes: AsyncIterator<Uint8Array>,
): Promise<void> {
  const name = objectNameOf(request, header.name);
  const slash = name.indexOf('/');
  if (slash < 0) return; // a file at the base is in no container
  const container = name.slice(0, slash);
  const path = { account: request.path.account, container, object: name.slice(slash + 1) };
  const sizeBytes = header.size;
  // What is no UTF-8 has become U+FFFD on the way.
  if (/[\0\uFFFD]/.test(name)) return tally.failed(name, 412);
  if (path.object === '' || container === '') return tally.failed(name, 400);
  if (sizeBytes > mostBytes) return tally.failed(name, 413);
  const headers = objectHeaders(request, header);
  if (!headers) return tally.failed(name, 400);
  const containerStatus = await containers.make(container);
  const put = subrequest(request, { method: 'PUT', path, headers, body: bodyOfFile(bytes, sizeBytes) });
  const status = await statusOf(next, put);
  if (status < 300) return tally.succeeded();
  // It was not known to be the container's fault before: an ACL may allow the object all the same.
  if (containerStatus !== undefined) tally.failed(`/v1/${path.account}/${container}`, containerStatus);
  tally.failed(name, status);
  if (status === 401 || status === 408 || status === 499) throw refusal(status);
}

/** The containers that an archive names: made where there are none, each looked for once. */
class Containers {
  private readonly extraction: Extraction;
  private readonly known = new Map<string, number | undefined>();
  private made = 0;

  constructor(extraction: Extraction) {
    this.extraction = extraction;
  }

  /** @returns the status that its making was refused with. @throws ApiError 400 for one too many, 401. */
  async make(container: string): Promise<number | undefined> {
    if (this.known.has(container)) return undefined;
    const { request, next } = this.extraction;
    const path = { account: request.path.account, container };
    let failure: number | undefined;
    if ((await statusOf(next, subrequest(request, { method: 'HEAD', path }))) === 404) {
      const status = await statusOf(next, subrequest(request, { method: 'PUT', path }));
      if (status === 401) throw refusal(401);
      if (status < 300) this.made += 1;
      else failure = status;
      if (this.made > MOST_EXTRACTED_CONTAINERS)
        throw refusal(400, { body: `More than ${MOST_EXTRACTED_CONTAINERS} containers to create from tar.` });
    }
    this.known.set(container, failure);
    return failure;
  }
}

async function statusOf(next: Handler, request: ProxyRequest): Promise<number> {
  try {
    const response = await next(request);
    await response.body?.close();
    return response.status;
  } catch (error) {
    if (error instanceof ApiError) return error.status;
    throw error;
  }
}

/** `container/object`, below what the request names. */
function objectNameOf({ path }: ProxyRequest, fileName: string): string {
  const name = fileName.replace(/^\.\//, '').replace(/^\/+/, '');
  const base = [path.container, path.object].filter((part) => part !== undefined).join('/');
  return base === '' ? name : `${base.replace(/\/+$/, '')}/${name}`;
}

const FROM_REQUEST = /^(x-object-meta-.+|x-delete-at|x-delete-after)$/;
const MIME_TYPES: ReadonlySet<string> = new Set(['SCHILY.xattr.user.mime_type', 'LIBARCHIVE.xattr.user.mime_type']);
const METADATA = /^(?:SCHILY|LIBARCHIVE)\.xattr\.user\.meta\.(.+)$/;

/** Metadata of the request for all files, and of each file's own attributes. @returns undefined for what is no header. */
function objectHeaders(request: ProxyRequest, { size, pax }: Header): Record<string, string> | undefined {
  const headers: Record<string, string> = { 'content-length': String(size) };
  for (const [name, value] of Object.entries(request.headers)) if (FROM_REQUEST.test(name)) headers[name] = value;
  for (const [key, value] of Object.entries((pax ?? {}) as Record<string, string>)) {
    const name = MIME_TYPES.has(key) ? 'content-type' : metadataName(key);
    if (name === undefined) continue;
    if (!/^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(name) || hasControls(value)) return undefined;
    headers[name] = value;
  }
  return headers;
}

function metadataName(key: string): string | undefined {
  const name = METADATA.exec(key)?.[1];
  return name === undefined ? undefined : `x-object-meta-${name.toLowerCase()}`;
}

function hasControls(value: string): boolean {
  return [...value].some((character) => character < ' ' || character === '\u007f');
}

/** A file's bytes; what is left of them when nobody wants more is read by whoever has the iterator. */
function bodyOfFile(bytes: AsyncIterator<Uint8Array>, sizeBytes: number): RequestBody {
  return {
    sizeBytes,
    async *chunks() {
      for (let result = await bytes.next(); !result.done; result = await bytes.next()) yield result.value;
    },
  };
}
