import { SIMULATIONS } from './simulations.ts';

/** `node seeds-entry.js NAME FIRST COUNT`: runs the seeds of one simulation until one fails. Exit code 1, with the seed on stdout, if so. */
const [name = '', first = '0', count = '1'] = process.argv.slice(2);
const simulation = SIMULATIONS[name];
if (simulation === undefined) throw new Error(`there is no simulation called '${name}'`);
for (let seed = Number(first); seed < Number(first) + Number(count); seed += 1) {
  try {
    await simulation.run(seed);
  } catch (error) {
    console.log(`seed ${seed}`);
    console.error(error);
    process.exit(1);
  }
}
