// One request of a scenario and its answer, in the form in which answers are kept: what changes from run to run is masked.
import { createHash } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { formOf, signedQuery } from './signing.mjs';

const ANSWER_MS = 20_000;
/** Longer bodies are kept as length and MD5. */
const MOST_KEPT_BYTES = 8192;

/**
 * @param {object} target
 * @param {string} target.storageUrl of the account, e.g. http://127.0.0.1:8080/v1/AUTH_test
 * @param {string} target.token
 * @param {object} step see README.md
 * @param {Map<string, string>} captured what earlier steps of the scenario kept, by name
 * @returns {Promise<{status: number, headers: Record<string, string>, body: string}>}
 */
export async function exchange({ storageUrl, token }, step, captured) {
  const base = new URL(storageUrl);
  const account = base.pathname.split('/')[2];
  const fill = (text) => fillIn(text, account, captured);
  const headers = {};
  if (!step.anonymous) headers['X-Auth-Token'] = token;
  for (const [name, value] of Object.entries(step.headers ?? {}))
    headers[name] = Buffer.from(fill(value)).toString('latin1');
  const form = step.form && formOf(base.pathname + fill(step.path), step.form);
  if (form) headers['Content-Type'] = form.contentType;
  const pieces = form ? [form.body] : (step.chunks ?? [step.body ?? '']).map(bytesOf);
  if (step.chunks) headers['Transfer-Encoding'] = 'chunked';
  else if (step.body !== undefined || step.method === 'PUT' || step.method === 'POST')
    headers['Content-Length'] ??= String(pieces[0].length);
  const plainPath = step.root ? fill(step.path) : base.pathname + fill(step.path);
  const path = step.sign ? signedQuery(plainPath, step.sign) : plainPath;
  const { status, rawHeaders, body } = await send({ base, method: step.method, path, headers, pieces });
  const answered = headersOf(rawHeaders);
  for (const [name, header] of Object.entries(step.capture ?? {})) captured.set(name, answered[header] ?? '');
  if (answered.location) answered.location = answered.location.replace(base.origin, '{origin}');
  // Swift says 0; RFC 9110, 8.6, forbids a length in a 204 and means the representation's in a 304.
  if (status === 204 || status === 304) delete answered['content-length'];
  // The same JSON may have more blanks.
  if (isJson(answered)) delete answered['content-length'];
  return { status, headers: maskHeaders(answered, account), body: maskBody(body, answered, account) };
}

/** `{repeat, times}` is a list, in JSON, of the same thing again and again. */
function bytesOf(body) {
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(new Array(body.times).fill(body.repeat)));
}

function fillIn(text, account, captured) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name === 'account' ? account : (captured.get(name) ?? whole)));
}

function send({ base, method, path, headers, pieces }) {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { host: base.hostname, port: base.port, method, path, headers, agent: false, timeout: ANSWER_MS },
      (response) => {
        const parts = [];
        response.on('data', (part) => parts.push(part));
        response.on('error', reject);
        response.on('end', () =>
          resolve({ status: response.statusCode, rawHeaders: response.rawHeaders, body: Buffer.concat(parts) }),
        );
      },
    );
    request.on('timeout', () => request.destroy(new Error(`no answer to ${method} ${path}`)));
    request.on('error', reject);
    for (const piece of pieces) request.write(piece);
    request.end();
  });
}

function headersOf(rawHeaders) {
  const headers = {};
  for (let index = 0; index < rawHeaders.length; index += 2)
    headers[rawHeaders[index].toLowerCase()] = Buffer.from(rawHeaders[index + 1], 'latin1').toString('utf8');
  return headers;
}

/** Of the connection and the server, not of the API. */
const NOT_KEPT = new Set(['connection', 'date', 'keep-alive', 'server', 'transfer-encoding']);
/** Lists whose order says nothing, and is another one from run to run. */
const UNORDERED = new Set([
  'access-control-allow-headers',
  'access-control-allow-methods',
  'access-control-expose-headers',
  'allow',
]);
const MASKED = new Map([
  ['last-modified', '<http date>'],
  ['x-copied-from-last-modified', '<http date>'],
  ['x-openstack-request-id', '<transaction>'],
  ['x-put-timestamp', '<timestamp>'],
  ['x-timestamp', '<timestamp>'],
  ['x-trans-id', '<transaction>'],
]);
const SHAPES = new Map([
  ['<http date>', /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/],
  ['<timestamp>', /^\d+\.\d{5}$/],
  ['<transaction>', /^tx[0-9a-f]{21}-[0-9a-f]{10}/],
]);

function maskHeaders(headers, account) {
  const masked = {};
  for (const name of Object.keys(headers).sort()) {
    if (NOT_KEPT.has(name)) continue;
    const mask = MASKED.get(name);
    if (UNORDERED.has(name)) {
      masked[name] = headers[name].split(', ').sort().join(', ');
      continue;
    }
    // A value of another shape than the mask's shows.
    if (mask && SHAPES.get(mask).test(headers[name])) masked[name] = headers[name].replace(SHAPES.get(mask), mask);
    else masked[name] = maskText(headers[name], account).replace(/boundary=\w+/, 'boundary=<boundary>');
  }
  return masked;
}

/** The same JSON may have its keys in another order. */
function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  const keys = Object.keys(value).sort();
  return Object.fromEntries(keys.map((key) => [key, sorted(value[key])]));
}

function jsonText(body) {
  return JSON.stringify(sorted(JSON.parse(body.toString('utf8'))));
}

const HTTP_DATES = /[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT/g;

function isJson(headers) {
  return (headers['content-type'] ?? '').startsWith('application/json');
}

function maskBody(body, headers, account) {
  if (isJson(headers) && body.length > 0) return maskText(jsonText(body).replaceAll(HTTP_DATES, '<http date>'), account);
  if (body.length > MOST_KEPT_BYTES)
    return `<${body.length} bytes, MD5 ${createHash('md5').update(body).digest('hex')}>`;
  const boundary = /boundary=(\w+)/.exec(headers['content-type'] ?? '')?.[1];
  const text = body.toString('utf8').replaceAll(HTTP_DATES, '<http date>');
  return maskText(boundary ? text.replaceAll(boundary, '<boundary>') : text, account);
}

function maskText(text, account) {
  return text
    .replaceAll(account, '{account}')
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}/g, '<time>')
    .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g, '<time>')
    .replaceAll(/\b\d{10}\.\d{5}\b/g, '<timestamp>')
    .replaceAll(/tx[0-9a-f]{21}-[0-9a-f]{10}/g, '<transaction>');
}
