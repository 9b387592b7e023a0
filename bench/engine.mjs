// npm run bench -- engine: CPU of the object engine alone, in this process: puts of three replicas, and reads from memory.
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const dist = process.env.MARTLET_DIST ?? new URL('../dist/', import.meta.url).pathname;
const load = (path) => import(join(dist, path));
const { openObjectStore } = await load('object-server/store.js');
const { objectServerConfigSchema } = await load('object-server/config.js');
const { xxh64 } = await load('common/xxh64.js');
const { systemClock } = await load('common/clock.js');
const { createLogger } = await load('common/log.js');
const { TimestampSource } = await load('common/timestamp.js');
const { Value } = await import('@sinclair/typebox/value');

const PUTS = Number(process.env.PUTS ?? 20_000);
const SIZE = Number(process.env.SIZE ?? 4096);
const NAMES = Number(process.env.NAMES ?? 5000);
const folder = mkdtempSync(join(process.env.DIR ?? tmpdir(), 'martlet-engine-'));
const devices = ['d1', 'd2', 'd3'].map((name) => ({ name, path: join(folder, name) }));
for (const { path } of devices) mkdirSync(path);
const store = openObjectStore({
  devices,
  lane: 0,
  clock: systemClock,
  logger: createLogger('warn'),
  config: Value.Create(objectServerConfigSchema),
  listingStoreAt: () => ({}),
  housekeeping: true,
});
await store.start();
const times = new TimestampSource(systemClock);
const bytes = Buffer.alloc(SIZE, 7);
const whole = { bytes, etag: createHash('md5').update(bytes).digest('hex'), checksum: xxh64(bytes) };
const target = (device, number) => ({
  device,
  partition: number % 1024,
  account: 'AUTH_test',
  container: 'c',
  object: `object-${number}`,
  policyIndex: 0,
});

async function measure(name, count, concurrency, work) {
  let next = 0;
  const before = process.cpuUsage();
  const startedMs = performance.now();
  const loop = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: concurrency }, loop));
  const { user, system } = process.cpuUsage(before);
  const seconds = (performance.now() - startedMs) / 1000;
  console.log(
    `${name}\tc=${concurrency}\t${((user + system) / count).toFixed(1)} us CPU (${(user / count).toFixed(1)} user)\t${Math.round(count / seconds)}/s`,
  );
}

const put = async (number) => {
  const version = {
    timestamp: times.next(),
    contentType: 'application/octet-stream',
    fixedMetadata: {},
    metadata: { 'x-object-meta-a': 'b' },
    onlyIfAbsent: false,
  };
  await Promise.all(devices.map(({ name }) => store.put(target(name, number % NAMES), version, whole)));
};
for (let round = 0; round < 2; round += 1) {
  await measure(`put ${SIZE} x 3`, PUTS, 32, put);
  await measure(`put ${SIZE} x 3`, PUTS / 4, 8, put);
  await measure(`put ${SIZE} x 3`, PUTS / 10, 1, put);
}
await measure('open + body, cold', NAMES, 32, async (number) => {
  const reading = await store.open(target('d1', number));
  for await (const chunk of reading.body(0, SIZE)) if (chunk.length !== SIZE) throw new Error('short');
  await reading.close();
});
for (let round = 0; round < 3; round += 1)
  await measure('openNow + bodyNow, warm', 100_000, 1, async (number) => {
    const body = store.openNow(target('d1', number % NAMES)).bodyNow();
    if (body?.length !== SIZE) throw new Error('not warm');
  });
await measure('remove x 3', NAMES, 32, (number) => {
  const timestamp = times.next();
  return Promise.all(devices.map(({ name }) => store.remove(target(name, number), { timestamp })));
});
await measure('housekeep', 1, 1, () => store.housekeep());
console.log('rss', Math.round(process.memoryUsage().rss / (1 << 20)), 'MiB');
await store.stop();
rmSync(folder, { recursive: true });
