import type { Simulation } from '../support/simulation/test-seeds.ts';
import { slabs } from './slabs/slabs.ts';

export const SIMULATIONS: Readonly<Record<string, Simulation>> = { slabs };
