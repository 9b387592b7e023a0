import { get, put, step } from '../steps.mjs';

const bulk = (method, body, headers = {}, query = 'bulk-delete') => step(method, `?${query}`, headers, { body });
const plain = { 'Content-Type': 'text/plain' };
const json = { ...plain, Accept: 'application/json' };

export default [
  put('/blk'),
  ...['a', 'b', 'c', 'd', '%C3%BC', 'sp%20ace'].map((name) => put(`/blk/${name}`, 'x')),
  bulk('POST', '/blk/a\nblk/b\n/blk/none\n', json),
  bulk('DELETE', '/blk/c\n', plain),
  bulk('POST', '/blk/%C3%BC\n/blk/sp%20ace', { ...plain, Accept: 'text/xml' }),
  bulk('POST', '/blk', json),
  bulk('POST', '/none/x', json),
  bulk('POST', '', json),
  bulk('POST', '\n\n', json),
  bulk('POST', 'x', {}),
  bulk('POST', '/blk/%FF', json),
  bulk('POST', `/blk/${'x'.repeat(4000)}`, json),
  bulk('POST', '/blk/d', { ...plain, Accept: 'image/png' }),
  bulk('POST', '/blk/d\n/blk', { ...plain, Accept: '*/*' }),
  bulk('POST', `/${'x'.repeat(257)}`, json),
  bulk('PUT', '/blk/d', json),
  bulk('POST', '/blk/d', json, 'bulk-delete=1'),
  step('POST', '/blk?bulk-delete', json, { body: '/blk/d' }),
  step('POST', '?bulk-delete', json, { body: '/blk/d', anonymous: true }),
  get('/blk'),
];
