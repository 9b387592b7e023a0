// Short forms of the steps of a scenario. See README.md.
export const step = (method, path, headers = {}, more = {}) => ({ method, path, headers, ...more });
export const get = (path, headers, more) => step('GET', path, headers, more);
export const head = (path, headers, more) => step('HEAD', path, headers, more);
export const put = (path, body = '', headers = {}, more = {}) => step('PUT', path, headers, { body, ...more });
export const post = (path, headers, more) => step('POST', path, headers, more);
export const del = (path, headers, more) => step('DELETE', path, headers, more);
export const copy = (path, destination, headers = {}) => step('COPY', path, { Destination: destination, ...headers });
export const anonymous = { anonymous: true };
/** A name or value of this many bytes. */
export const long = (bytes, letter = 'x') => letter.repeat(bytes);
