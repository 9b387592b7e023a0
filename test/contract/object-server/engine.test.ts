import { makeObjectNode } from '../../support/object-store.ts';
import { describeObjectStore } from '../object-store.ts';

describeObjectStore('object store of slabs and large files', async () => {
  const { store, listings, clock, remove } = await makeObjectNode();
  return { store, listings, clock, close: remove };
});
