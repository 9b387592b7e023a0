import { createHmac } from 'node:crypto';
import { anonymous, copy, get, head, post, put, step } from '../steps.mjs';

/** As the Swift that was asked is configured. */
const ADMIN_KEY = 'info-key';
const LATE = 9_999_999_999;
const signed = (method, expires = LATE, key = ADMIN_KEY) => {
  const signature = createHmac('sha1', key).update(`${method}\n${expires}\n/info`).digest('hex');
  return `/info?swiftinfo_sig=${signature}&swiftinfo_expires=${expires}`;
};
const root = { ...anonymous, root: true };
const ask = (method, path, headers = {}) => step(method, path, headers, root);
const quotes = (path, kind, value) => post(path, { [`X-${kind}-Rfc-Compliant-Etags`]: value });

export default [
  // signed /info
  ask('HEAD', '/info'),
  ask('HEAD', signed('GET')),
  ask('HEAD', signed('HEAD')),
  ask('GET', signed('HEAD')),
  ask('GET', signed('GET', 1)),
  ask('GET', signed('GET', LATE, 'another key')),
  ask('GET', '/info?swiftinfo_sig=abc'),
  ask('GET', `/info?swiftinfo_expires=${LATE}`),
  ask('GET', '/info?swiftinfo_sig=abc&swiftinfo_expires=soon'),
  ask('HEAD', '/info', { Origin: 'http://a.example' }),
  ask('OPTIONS', '/info'),
  ask('PUT', '/info'),
  // list_endpoints
  ask('GET', '/endpoints/'),
  ask('GET', '/endpoints/v1'),
  ask('GET', '/endpoints/v2/'),
  ask('GET', '/endpoints/v3/a'),
  ask('GET', '/endpoints/vx'),
  ask('PUT', '/endpoints/a'),
  ask('HEAD', '/endpoints/a'),
  // etag-quoter
  put('/quoted-etags'),
  put('/quoted-etags/plain', 'hello'),
  quotes('/quoted-etags', 'Container', 'yes'),
  head('/quoted-etags'),
  get('/quoted-etags/plain'),
  get('/quoted-etags/plain', { 'If-None-Match': '"5d41402abc4b2a76b9719d911017c592"' }),
  get('/quoted-etags/plain', { 'If-Match': '"other"' }),
  get('/quoted-etags/plain', { Range: 'bytes=1-2' }),
  put('/quoted-etags/put', 'hello'),
  copy('/quoted-etags/plain', 'quoted-etags/copied'),
  get('/quoted-etags/none'),
  get('/none/none'),
  get('/quoted-etags?format=json&limit=0'),
  quotes('/quoted-etags', 'Container', ''),
  head('/quoted-etags'),
  head('/quoted-etags/plain'),
  quotes('', 'Account', '1'),
  head(''),
  head('/quoted-etags/plain'),
  quotes('/quoted-etags', 'Container', 'no'),
  head('/quoted-etags'),
  head('/quoted-etags/plain'),
  post('', { 'X-Remove-Account-Rfc-Compliant-Etags': 'x' }),
  head(''),
  post('/quoted-etags', { 'X-Remove-Container-Rfc-Compliant-Etags': 'x' }),
  head('/quoted-etags'),
  head('/quoted-etags/plain'),
];
