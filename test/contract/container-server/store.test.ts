import { makeListingNode } from '../../support/listing-store.ts';
import { describeListingStore } from '../listing-store.ts';

describeListingStore('listing store on LevelDB', async () => {
  const node = await makeListingNode();
  return { store: node.store, reportCounts: () => node.store.reportCounts(), close: () => node.remove() };
});
