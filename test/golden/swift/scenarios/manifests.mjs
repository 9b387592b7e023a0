import { copy, get, head, put, step } from '../steps.mjs';

const manifest = (path, rows, headers = {}, query = '') =>
  put(`${path}?multipart-manifest=put${query}`, JSON.stringify(rows), headers);
const data = (text) => ({ data: Buffer.from(text).toString('base64') });
const first = { path: '/pieces/1' };
const second = { path: '/pieces/2' };
const json = { Accept: 'application/json' };
const remove = (path, headers) => step('DELETE', `${path}?multipart-manifest=delete`, headers);

export default [
  put('/pieces'),
  put('/wholes'),
  put('/pieces/1', 'first '),
  put('/pieces/2', 'second'),
  // inline data
  manifest('/wholes/mixed', [data('before '), first, data('- '), { ...second, range: '0-2' }, data(' after')]),
  get('/wholes/mixed'),
  get('/wholes/mixed', { Range: 'bytes=5-14' }),
  get('/wholes/mixed', { Range: 'bytes=0-2,8-9,-3' }),
  head('/wholes/mixed'),
  get('/wholes/mixed?multipart-manifest=get&format=raw'),
  manifest('/wholes/bad', [data('x')]),
  manifest('/wholes/bad', [{ ...data('x'), etag: 'x' }, first]),
  manifest('/wholes/bad', [{ data: '' }, first]),
  manifest('/wholes/bad', [{ data: 'x*' }, first]),
  manifest('/wholes/bad', [{ data: 5 }, first]),
  // heartbeat
  manifest('/wholes/beat', [first, second], json, '&heartbeat=on'),
  get('/wholes/beat'),
  manifest('/wholes/beat', [first, { path: '/pieces/none' }], {}, '&heartbeat=on'),
  manifest('/wholes/beat', [first, { path: '/pieces/none' }], json, '&heartbeat=on'),
  manifest('/wholes/beat', [first], { ...json, ETag: 'd41d8cd98f00b204e9800998ecf8427e' }, '&heartbeat=on'),
  manifest('/nowhere/beat', [first], json, '&heartbeat=on'),
  manifest('/wholes/beat', [], {}, '&heartbeat=on'),
  put('/wholes/beat?multipart-manifest=put&heartbeat=on', 'no json'),
  manifest('/wholes/beat', [first, second], { Accept: 'text/xml' }, '&heartbeat=on'),
  // nested
  manifest('/wholes/nested', [{ path: '/wholes/mixed' }, data('!'), { path: '/wholes/beat', range: '2-8' }]),
  get('/wholes/nested'),
  get('/wholes/nested', { Range: 'bytes=20-30' }),
  get('/wholes/nested?multipart-manifest=get&format=raw'),
  // links to large objects
  put('/wholes/soft', '', { 'X-Symlink-Target': 'wholes/mixed' }),
  get('/wholes/soft'),
  head('/wholes/soft'),
  get('/wholes/soft', { Range: 'bytes=5-14' }),
  manifest('/wholes/ofLink', [{ path: '/wholes/soft' }, second]),
  get('/wholes/ofLink'),
  copy('/wholes/soft', 'wholes/copied'),
  get('/wholes/copied'),
  copy('/wholes/mixed?multipart-manifest=get', 'wholes/again'),
  get('/wholes/again'),
  get('/wholes?format=json&prefix=ni'),
  // deletes
  remove('/wholes/again', json),
  get('/pieces/1'),
  remove('/pieces/none', json),
  put('/pieces/3', 'plain'),
  remove('/pieces/3', json),
  remove('/wholes/nested', json),
  remove('/wholes/nested'),
];
