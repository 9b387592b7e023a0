import type { Simulation } from '../support/simulation/test-seeds.ts';
import { objectEngine } from './object-engine/object-engine.ts';
import { slabs } from './slabs/slabs.ts';

export const SIMULATIONS: Readonly<Record<string, Simulation>> = { objectEngine, slabs };
