import { get, head, put, step } from '../steps.mjs';

const data = (text) => ({ data: Buffer.from(text).toString('base64') });
const slo = (path, rows, headers = {}, query = '') => put(`${path}?multipart-manifest=put${query}`, JSON.stringify(rows), headers);

export default [
  put('/inl'),
  put('/inl/a', 'aaaaa'),
  put('/inl/b', 'bbbbb'),
  slo('/inl/mixed', [data('head '), { path: '/inl/a' }, data(' tail')]),
  get('/inl/mixed'),
  head('/inl/mixed'),
  get('/inl/mixed', { Range: 'bytes=3-7' }),
  slo('/inl/only', [data('nothing else')]),
  slo('/inl/bad', [{ path: '/inl/a' }, { data: 'not base64!' }]),
  slo('/inl/bad', [{ path: '/inl/a' }, { data: '' }]),
  slo('/inl/bad', [{ path: '/inl/a' }, { data: 5 }]),
  slo('/inl/bad', [{ path: '/inl/a', data: 'eA==' }]),
  slo('/inl/bad', [{ path: '/inl/a' }, { data: 'eA==', etag: 'x' }]),
  slo('/inl/beat', [{ path: '/inl/a' }], {}, '&heartbeat=on'),
  slo('/inl/beat', [{ path: '/inl/a' }], { Accept: 'application/json' }, '&heartbeat=on'),
  slo('/inl/beat', [{ path: '/inl/none' }], { Accept: 'application/json' }, '&heartbeat=on'),
  slo('/inl/beat', [{ path: '/inl/a' }], { ETag: '00000000000000000000000000000000', Accept: 'application/json' }, '&heartbeat=on'),
  get('/inl?format=json&prefix=mixed'),
  step('DELETE', '/inl/mixed?multipart-manifest=delete', { Accept: 'application/json' }),
  get('/inl'),
];
