import { ApiError } from '../../common/errors.ts';
import { withGrant } from '../access/signed-grant.ts';
import { plainRefusal, refusal, statusLineOf } from '../errors.ts';
import { MOST_FORM_FIELDS, MOST_FORM_HEADER_BYTES, MOST_FORM_VALUE_BYTES } from '../limits.ts';
import {
  contentOf,
  type Feature,
  type Handler,
  type Headers,
  type ProxyRequest,
  type ProxyResponse,
  subrequest,
} from '../message.ts';
import type { Services } from '../routes/route.ts';
import { FormError, type FormPart, formParts, parseDisposition } from './multipart-form.ts';
import { percentEncode } from './percent-encoding.ts';
import { findSigningKeys, parseSignature, type SigningKey, signerOf } from './signatures.ts';
import { escapeXml } from './xml.ts';

/** Fields of the form by name, as far as they have been read. */
type Fields = ReadonlyMap<string, string>;

/** How the form ends. */
interface Outcome {
  readonly status: number;
  /** What was wrong with the form itself. */
  readonly message: string;
  /** A file of it was stored, or refused, on the strength of its signature. */
  readonly isVerified: boolean;
}

/**
 * Uploads from a page in a browser: a form, signed with a key of the account or container, whose files become objects whose names begin
 * with what the form's address says.
 *
 * Spec: Swift, "FormPost".
 */
export function formPost(services: Services): Feature {
  return (next) => async (request) => {
    const { kind, parameters } = parseDisposition(request.headers['content-type'] ?? '');
    const boundary = parameters.get('boundary');
    if (request.method !== 'POST' || kind !== 'multipart/form-data' || !boundary) return next(request);
    try {
      return await new Form(services, request, next).serve(boundary);
    } catch (error) {
      if (error instanceof FormError) throw invalid(error.message);
      throw error;
    }
  };
}

class Form {
  private readonly services: Services;
  private readonly request: ProxyRequest;
  private readonly next: Handler;
  private readonly fields = new Map<string, string>();
  private keys: readonly SigningKey[] = [];

  constructor(services: Services, request: ProxyRequest, next: Handler) {
    this.services = services;
    this.request = request;
    this.next = next;
  }

  async serve(boundary: string): Promise<ProxyResponse> {
    const { path, body } = this.request;
    if (path.container !== undefined) this.keys = await findSigningKeys(this.services, path.account, path.container);
    const outcome = await this.storeFiles(formParts(body.chunks(), boundary, MOST_FORM_HEADER_BYTES));
    const redirect = this.fields.get('redirect');
    // Nobody is sent to where no key of the account has said.
    return redirect && (outcome.isVerified || this.signer(this.fields))
      ? redirectTo(redirect, outcome)
      : plainAnswer(outcome);
  }

  private async storeFiles(parts: AsyncIterable<FormPart>): Promise<Outcome> {
    let files = 0;
    let last: Outcome = { status: 400, message: 'no files to process', isVerified: false };
    for await (const part of parts) {
      const { kind, parameters } = parseDisposition(part.headers['content-disposition'] ?? '');
      const filename = kind === 'form-data' ? parameters.get('filename') : undefined;
      if (!filename) {
        await this.readField(part, parameters.get('name'));
        continue;
      }
      files += 1;
      if (files > parseInteger(this.fields, 'max_file_count', 'max_file_count not an integer'))
        return { status: 400, message: 'max file count exceeded', isVerified: last.isVerified };
      last = { status: await this.storeFile(part, filename), message: '', isVerified: true };
      if (last.status >= 300) return last;
    }
    return last;
  }

  /** What is longer than a value may be is cut off. */
  private async readField(part: FormPart, name: string | undefined): Promise<void> {
    const pieces: Buffer[] = [];
    let room = MOST_FORM_VALUE_BYTES;
    for await (const chunk of part.chunks()) {
      pieces.push(Buffer.from(chunk.subarray(0, room)));
      room = Math.max(0, room - chunk.length);
    }
    if (name === undefined) return;
    if (this.fields.size >= MOST_FORM_FIELDS) throw new FormError('too many fields');
    const text = Buffer.concat(pieces).toString();
    this.fields.set(name.toLowerCase(), text.replace(/[\r\n-]+$/, ''));
  }

  /** @returns the status of the upload. @throws ApiError 400, 401; what ends the whole request. */
  private async storeFile(part: FormPart, filename: string): Promise<number> {
    const { path } = this.request;
    if (this.keys.length === 0 || path.container === undefined) throw unauthorized('Invalid Signature');
    const mostBytes = parseInteger(this.fields, 'max_file_size', 'max_file_size not an integer');
    const headers = headersOf(this.fields, part.headers);
    const expires = parseInteger(this.fields, 'expires', 'expired not an integer');
    if (expires < this.services.cluster.clock.nowMs() / 1000) throw unauthorized('Form Expired');
    const signer = this.signer(this.fields);
    if (!signer) throw unauthorized('Invalid Signature');
    // As in a path that a client sends: the answer is that of the upload.
    if (filename.includes('\0')) return 412;
    const target = { account: path.account, container: path.container, object: `${path.object ?? ''}${filename}` };
    const upload = subrequest(this.request, {
      method: 'PUT',
      path: target,
      headers,
      body: { sizeBytes: undefined, chunks: () => atMost(mostBytes, part.chunks()) },
    });
    const grant = { method: 'PUT', path: target, scope: signer.scope };
    try {
      return (await this.next(withGrant(upload, grant))).status;
    } catch (error) {
      if (!(error instanceof ApiError) || ENDS_REQUEST.has(error.code)) throw error;
      return error.status;
    }
  }

  /** Whose key the form was signed with. */
  private signer(fields: Fields): SigningKey | undefined {
    const signature = parseSignature(fields.get('signature') ?? '');
    const digests: readonly string[] = this.services.config.formpost.allowed_digests;
    if (!signature || !digests.includes(signature.digest)) return undefined;
    const signed = [
      this.request.context.client.pathText,
      fields.get('redirect') ?? '',
      ...['max_file_size', 'max_file_count', 'expires'].map((name) => fields.get(name) || '0'),
    ];
    return signerOf(signature, [signed.join('\n')], this.keys);
  }
}

/** Refusals of an upload that are about the form: too large a file, a client that is gone or keeps still. */
const TOO_LARGE = 'FormFileTooLarge';
const ENDS_REQUEST: ReadonlySet<string> = new Set([TOO_LARGE, refusal(499).code, refusal(408).code]);

/** @throws ApiError 400 as soon as there is more. */
async function* atMost(bytes: number, chunks: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  let left = bytes;
  for await (const chunk of chunks) {
    left -= chunk.length;
    if (left < 0) {
      const { details } = invalid('max_file_size exceeded');
      throw new ApiError({ status: 400, code: TOO_LARGE, message: 'max_file_size exceeded', details });
    }
    yield chunk;
  }
}

/** The file's own headers, where the form says nothing else. */
function headersOf(fields: Fields, part: Headers): Headers {
  const headers: Record<string, string> = { 'transfer-encoding': 'chunked' };
  const times = [
    ['x_delete_at', 'Unix timestamp required.'],
    ['x_delete_after', 'Number of seconds required.'],
  ] as const;
  for (const [name, what] of times)
    if (fields.has(name))
      headers[name.replaceAll('_', '-')] = String(parseInteger(fields, name, `${name} not an integer: ${what}`, false));
  for (const name of ['content-type', 'content-encoding']) {
    const value = fields.get(name) ?? part[name];
    if (value !== undefined) headers[name] = value || (name === 'content-type' ? 'application/octet-stream' : '');
  }
  return headers;
}

/** @throws FormError, saying `what`, for what is no integer; nothing is 0, unless it must be there. */
function parseInteger(fields: Fields, name: string, what: string, mayBeEmpty = true): number {
  const text = fields.get(name) ?? '';
  if (text === '' && mayBeEmpty) return 0;
  if (!/^\s*[+-]?\d{1,15}\s*$/.test(text)) throw new FormError(what);
  return Number(text);
}

function unauthorized(what: string): Error {
  return refusal(401, { body: `FormPost: ${what}`, headers: { 'www-authenticate': 'Swift realm="unknown"' } });
}

function invalid(what: string): ApiError {
  return plainRefusal(400, `FormPost: ${what}`);
}

function plainAnswer({ status, message }: Outcome): ProxyResponse {
  const title = message.replace(/\b[a-z]/g, (letter) => letter.toUpperCase());
  const body = message === '' ? statusLineOf(status) : `${statusLineOf(status)}\r\nFormPost: ${title}`;
  return { status, headers: { 'content-type': 'text/plain' }, body: contentOf(body) };
}

function redirectTo(redirect: string, { status, message }: Outcome): ProxyResponse {
  const location = `${redirect}${redirect.includes('?') ? '&' : '?'}status=${status}&message=${percentEncode(message, '/')}`;
  const body = `<html><body><p><a href="${escapeXml(location)}">Click to continue...</a></p></body></html>`;
  return { status: 303, headers: { location }, body: contentOf(body) };
}
