// npm run bench -- features: what a plain PUT and GET cost where every feature of the object API is configured, beside a server where none is.
//
// Promise: at most 10 % more CPU per request: a feature costs when it is used. SECS and ROUNDS as in suite/options.mjs (ROUNDS at least 5).
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { options } from './suite/options.mjs';
import { phasesFor } from './suite/phases.mjs';
import { container, runPhase } from './suite/run-phase.mjs';
import { startMartlet } from './suite/sides.mjs';

const MOST_MORE = 0.1;
const LEAST_ROUNDS = 5;
const PHASES = ['put4k', 'get4k'];

/** Limits that nobody meets, names that nobody uses: all of it is looked at, none of it applies. */
const CONFIG = `
proxy:
  policies:
    - { index: 0, name: gold, aliases: [yellow], default: true }
    - { index: 1, name: silver, replicas: 2 }
  s3: { domain: s3.example.com }
  cors_allow_origin: ['https://console.example.com']
  tempurl: { allowed_digests: [sha1, sha256, sha512] }
  formpost: { allowed_digests: [sha1, sha256, sha512] }
  ratelimit:
    account_ratelimit: 1000000
    container_ratelimits: [{ size: 1000000, rate: 100 }]
    container_listing_ratelimits: [{ size: 1000000, rate: 100 }]
  name_check: { enabled: true }
  domain_remap: { storage_domains: [objects.example.com] }
  staticweb: { url_base: 'https://www.example.com' }
`;
const ACCOUNT = { 'X-Account-Meta-Temp-URL-Key': 'k1', 'X-Account-Meta-Temp-URL-Key-2': 'k2' };
const CONTAINER = {
  'X-Container-Meta-Temp-URL-Key': 'k3',
  'X-Container-Meta-Access-Control-Allow-Origin': 'https://app.example.com',
  'X-Container-Read': '.r:*,.rlistings',
  'X-Container-Meta-Web-Index': 'index.html',
};

const root = `${options.root}-features`;
const workFolder = join(root, 'work');
const phases = phasesFor(options).filter(({ name }) => PHASES.includes(name));
const rounds = Math.max(options.rounds, LEAST_ROUNDS);
const running = [];
let kept = true;
rmSync(root, { recursive: true, force: true });
mkdirSync(workFolder, { recursive: true });
chmodSync(root, 0o755);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => void finish().then(() => process.exit(1)));
try {
  const config = join(root, 'features.yaml');
  writeFileSync(config, CONFIG);
  for (const [name, more] of [
    ['none', {}],
    ['all', { config }],
  ])
    running.push({ ...(await startMartlet({ folder: join(root, name), workers: options.ourWorkers, ...more })), name });
  const [none, all] = running;
  await configure(all, '', 'POST', ACCOUNT);
  const context = (tag, seconds) => ({ tag, seconds, workFolder, putNames: new Map() });
  for (const side of running) for (const phase of phases) await measure(side, phase, context('warm', options.seconds));
  for (const phase of phases) {
    const cpu = { none: [], all: [] };
    for (let round = 1; round <= rounds; round += 1)
      for (const side of round % 2 === 0 ? [none, all] : [all, none])
        cpu[side.name].push((await measure(side, phase, context(`r${round}`, options.seconds))).cpuMs);
    const [without, withAll] = [median(cpu.none), median(cpu.all)];
    const more = withAll / without - 1;
    kept &&= more <= MOST_MORE;
    console.log(
      `${phase.title}, ${phase.clients} clients: ${without.toFixed(3)} ms CPU a request with no feature configured, ${withAll.toFixed(3)} with all: ` +
        `${(100 * more).toFixed(1)} % more (at most ${100 * MOST_MORE}): ${more <= MOST_MORE ? 'kept' : 'MISSED'}`,
    );
  }
} finally {
  await finish();
}
process.exit(kept ? 0 : 1);

async function measure(side, phase, context) {
  await configure(side, `/${container(phase, context.tag)}`, 'PUT', side.name === 'all' ? CONTAINER : {});
  execFileSync('sync');
  const row = await runPhase(side, phase, context);
  if (row.bad > 0) throw new Error(`${side.name}, ${phase.name}: ${row.bad} bad answers`);
  return row;
}

async function configure(side, path, method, headers) {
  const answer = await fetch(`${side.origin}${side.path}${path}`, {
    method,
    headers: { 'X-Auth-Token': side.token, ...headers },
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
}

function median(values) {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)];
}

async function finish() {
  for (const side of running.splice(0).reverse()) await side.stop();
  rmSync(root, { recursive: true, force: true });
}
