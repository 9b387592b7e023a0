import { testSeeds } from '../../support/simulation/test-seeds.ts';
import { slabs } from './slabs.ts';

testSeeds(slabs, 100);
