// node test/golden/keystone/record.mjs <base url of a Keystone, without /v3>: writes answers.json. See README.md.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { exchange } from './exchange.mjs';

const base = process.argv[2];
async function ask({ method, path, headers, body }) {
  const answer = await fetch(`${base}${path}`, { method, headers, ...(body === undefined ? {} : { body }) });
  return { status: answer.status, headers: Object.fromEntries(answer.headers), text: await answer.text() };
}
const answers = await exchange(ask, base, () => setTimeout(1100));
writeFileSync(join(import.meta.dirname, 'answers.json'), `${JSON.stringify(answers, null, 1)}\n`);
console.log(`${Object.keys(answers).length} answers`);
