// node record.mjs STORAGE_URL TOKEN [SCENARIO...]: asks a Swift everything in scenarios/ and keeps the answers beside this file.
import { readdirSync, writeFileSync } from 'node:fs';
import { exchange } from './exchange.mjs';

const [storageUrl, token, ...chosen] = process.argv.slice(2);
if (!storageUrl || !token) throw new Error('usage: record.mjs STORAGE_URL TOKEN [SCENARIO...]');

for (const file of readdirSync(new URL('scenarios/', import.meta.url)).sort()) {
  const name = file.replace(/\.mjs$/, '');
  if (chosen.length > 0 && !chosen.includes(name)) continue;
  const { default: steps } = await import(`./scenarios/${file}`);
  const captured = new Map();
  const recorded = [];
  for (const step of steps) {
    try {
      recorded.push({ step, answer: await exchange({ storageUrl, token }, step, captured) });
    } catch (error) {
      throw new Error(`${name}: ${step.name ?? `${step.method} ${step.path}`}`, { cause: error });
    }
  }
  const lines = recorded.map((one) => JSON.stringify(one, null, 1));
  writeFileSync(new URL(`${name}.json`, import.meta.url), `[\n${lines.join(',\n')}\n]\n`);
  console.log(`${name}: ${recorded.length} answers`);
}
