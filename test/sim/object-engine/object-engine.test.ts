import { testSeeds } from '../../support/simulation/test-seeds.ts';
import { objectEngine } from './object-engine.ts';

testSeeds(objectEngine, 60);
