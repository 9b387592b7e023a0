// Signed URLs and forms: what steps of a scenario have in `sign` and `form`. See README.md.
import { createHmac } from 'node:crypto';

/** In the year 2100. */
const EXPIRES = 4_102_444_800;
const BOUNDARY = 'a-boundary';

/**
 * @param {string} path percent-encoded, with or without a query
 * @param {object} sign
 * @returns {string} the path with what makes it a signed URL
 */
export function signedQuery(path, sign) {
  const { key, method = 'GET', expires = EXPIRES, digest = 'sha256', encoding = 'hex', prefix, ipRange } = sign;
  const [bare, query] = path.split('?');
  const root = bare.split('/').slice(0, 3).join('/');
  const signedPath = decodeURIComponent(sign.path === undefined ? bare : root + sign.path);
  const subject = prefix === undefined ? signedPath : `prefix:${signedPath}`;
  const range = ipRange === undefined ? '' : `ip=${ipRange}\n`;
  const seconds = typeof expires === 'number' ? expires : Date.parse(expires) / 1000;
  const hmac = createHmac(digest, key).update(`${range}${method}\n${seconds}\n${subject}`).digest(encoding);
  const parameters = new URLSearchParams({
    temp_url_sig: encoding === 'hex' ? hmac : `${digest}:${hmac}`,
    temp_url_expires: String(expires),
    ...(prefix === undefined ? {} : { temp_url_prefix: prefix }),
    ...(ipRange === undefined ? {} : { temp_url_ip_range: ipRange }),
  });
  return `${bare}?${query === undefined ? '' : `${query}&`}${parameters}`;
}

/**
 * @param {string} path percent-encoded
 * @param {object} form
 * @returns {{contentType: string, body: Buffer}}
 */
export function formOf(path, { key, fields, files }) {
  const { redirect = '', max_file_size = '0', max_file_count = '0', expires = String(EXPIRES) } = fields;
  const text = [decodeURIComponent(path), redirect, max_file_size, max_file_count, expires].join('\n');
  const signature = createHmac('sha256', key).update(text).digest('hex');
  const parts = [
    ...Object.entries({ expires, signature, ...fields }).map(
      ([name, value]) => `Content-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
    ),
    ...files.map(
      ({ filename, text, type }) =>
        `Content-Disposition: form-data; name="file"; filename="${filename}"\r\n${type ? `Content-Type: ${type}\r\n` : ''}\r\n${text}\r\n`,
    ),
  ];
  const body = `${parts.map((part) => `--${BOUNDARY}\r\n${part}`).join('')}--${BOUNDARY}--\r\n`;
  return { contentType: `multipart/form-data; boundary=${BOUNDARY}`, body: Buffer.from(body) };
}
