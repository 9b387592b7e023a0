// Appends to three slab writers, as a PUT with three replicas does, with an index that answers at once: what needles, group commit
// and the disk cost by themselves. 4 KiB and 64 KiB, 1, 8 and 32 at a time; on recycled segments unless --fresh.
// Options: --folder DIR (the disk to measure; the current folder's unless told), --seconds N for each row.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { xxh64 } from '../dist/common/xxh64.js';
import { nodeDisk } from '../dist/object-server/disk/node-disk.js';
import { openDeviceShare, SegmentState } from '../dist/object-server/engine/shared-state.js';
import { openSlabReader } from '../dist/object-server/slab/slab-reader.js';
import { openSlabWriter } from '../dist/object-server/slab/slab-writer.js';

const DEVICES = 3;
/** Filled beforehand on each device; a row that writes more goes on in fresh ones. */
const SEGMENTS = 8;
const { values: options } = parseArgs({
  options: {
    folder: { type: 'string', default: '.' },
    seconds: { type: 'string', default: '3' },
    fresh: { type: 'boolean', default: false },
  },
});
const LISTINGS = ['a', 'b', 'c'].map((device) => ({
  ip: '127.0.0.1',
  port: 6201,
  device,
  partition: 17,
  others: ['x', 'y'].map((other) => ({ ip: '127.0.0.1', port: 6201, device: other, partition: 17 })),
}));

let recycled;
let ticks = 170_000_000_000_000;
const silent = { error: console.error, warn: console.warn };
const root = mkdtempSync(join(options.folder, 'slab-bench-'));
const rows = [];
try {
  for (const sizeBytes of [4096, 65_536])
    for (const concurrency of [1, 8, 32]) rows.push(await measure(sizeBytes, concurrency));
  console.table(rows);
  console.table([await readBack(4096), await readBack(65_536)]);
} finally {
  rmSync(root, { recursive: true, force: true });
}

/** Closed loop of `concurrency` puts, each waiting for its three replicas. */
async function measure(sizeBytes, concurrency) {
  const devices = await devicesFor(`${sizeBytes}-${concurrency}`);
  const bodies = Array.from({ length: 16 }, (_, index) => Buffer.alloc(sizeBytes, index + 1));
  const checksums = bodies.map((body) => xxh64(body));
  const run = async (ms) => {
    const until = performance.now() + ms;
    const latencies = [];
    await Promise.all(
      Array.from({ length: concurrency }, async (_, client) => {
        for (let turn = 0; performance.now() < until; turn += 1) {
          const started = performance.now();
          const version = versionOf(`o-${client}-${turn}`, bodies[turn % 16], checksums[turn % 16]);
          await Promise.all(devices.map((device, index) => put(device, { ...version, listing: LISTINGS[index] })));
          latencies.push(performance.now() - started);
        }
      }),
    );
    return latencies;
  };
  await run(500);
  const before = { cpu: process.cpuUsage(), ms: performance.now(), ...totals(devices) };
  const latencies = await run(1000 * Number(options.seconds));
  const { user, system } = process.cpuUsage(before.cpu);
  const ms = performance.now() - before.ms;
  const after = totals(devices);
  const puts = latencies.length;
  latencies.sort((a, b) => a - b);
  for (const { writer } of devices) await writer.close();
  return {
    'body KiB': sizeBytes >> 10,
    clients: concurrency,
    'puts/s': Math.round((1000 * puts) / ms),
    'CPU µs/put': round((user + system) / puts),
    user: round(user / puts),
    'needles/batch': round((DEVICES * puts) / (after.batches - before.batches)),
    'writes/put': round((after.writes - before.writes) / puts),
    'KiB written/put': round((after.bytes - before.bytes) / 1024 / puts),
    'p50 ms': round(latencies[Math.floor(puts / 2)]),
    'p99 ms': round(latencies[Math.floor(puts * 0.99)]),
  };
}

function versionOf(object, bytes, checksum) {
  ticks += 1;
  return {
    kind: 'data',
    account: 'AUTH_0123456789abcdef0123456789abcdef',
    container: 'container',
    object,
    partition: 77,
    policyIndex: 0,
    timestamp: `${Math.floor(ticks / 100_000)}.${String(ticks % 100_000).padStart(5, '0')}`,
    tie: '0123456789abcdef0123456789abcdef',
    etag: 'd41d8cd98f00b204e9800998ecf8427e',
    sizeBytes: bytes.length,
    contentType: 'application/octet-stream',
    fixedMetadata: {},
    metadata: { 'x-object-meta-mtime': '1700000000.123456' },
    listing: undefined,
    body: { where: 'inline', bytes, checksum },
  };
}

/** Fresh ones for each row, or always the same ones, whose segments are recycled. */
async function devicesFor(row) {
  if (options.fresh) return Array.from({ length: DEVICES }, (_, index) => openDevice(`${row}-${index}`));
  recycled ??= Array.from({ length: DEVICES }, (_, index) => openDevice(`recycled-${index}`));
  for (const device of recycled) await recycle(device);
  return recycled;
}

function openDevice(name) {
  const folder = join(root, name);
  mkdirSync(folder);
  const share = openDeviceShare();
  share.nextGeneration[0] = 1n;
  const device = { folder, share, batches: 0, writes: 0, bytes: 0 };
  const disk = countingDisk(device);
  device.disk = disk;
  device.writer = openWriter(device);
  return device;
}

function openWriter(device) {
  return openSlabWriter({
    disk: device.disk,
    folder: device.folder,
    share: device.share,
    lane: 0,
    device: 'bench',
    logger: silent,
    indexed: async () => {
      device.batches += 1;
    },
  });
}

async function put(device, needle) {
  const location = await device.writer.append(needle);
  device.writer.settle(location);
  return location;
}

/** Calls what is sealed free; at first, writes some segments full. */
async function recycle(device) {
  if (device.share.nextGeneration[0] === 1n) {
    const body = Buffer.alloc(65_536, 1);
    const needle = versionOf('fill', body, xxh64(body));
    for (let bytes = 0; bytes < SEGMENTS * (64 << 20); bytes += 64 * 65_536)
      await Promise.all(Array.from({ length: 64 }, () => put(device, needle)));
    await device.writer.close();
  }
  for (const [segment, state] of device.share.segments.entries())
    if (state === SegmentState.sealed) device.share.segments[segment] = SegmentState.free;
  device.writer = openWriter(device);
}

function countingDisk(device) {
  return {
    ...nodeDisk,
    open: async (path, how) => {
      const file = await nodeDisk.open(path, how);
      const write = file.write.bind(file);
      file.write = (parts, position) => {
        device.writes += 1;
        for (const part of parts) device.bytes += part.length;
        return write(parts, position);
      };
      return file;
    },
  };
}

function totals(devices) {
  const sum = (key) => devices.reduce((total, device) => total + device[key], 0);
  return { batches: sum('batches'), writes: sum('writes'), bytes: sum('bytes') };
}

/** Blocking reads of what is in the page cache. */
async function readBack(sizeBytes) {
  const device = openDevice(`read-${sizeBytes}`);
  const body = Buffer.alloc(sizeBytes, 7);
  const checksum = xxh64(body);
  const locations = await Promise.all(
    Array.from({ length: 500 }, (_, index) =>
      put(device, { ...versionOf(`r${index}`, body, checksum), listing: LISTINGS[0] }),
    ),
  );
  const reader = openSlabReader({ disk: nodeDisk, folder: device.folder });
  await reader.read(locations[0]);
  const once = () => {
    for (const location of locations) if (!reader.readNow(location)) throw new Error('not read');
  };
  for (let round = 0; round < 5; round += 1) once();
  const before = process.cpuUsage();
  const rounds = 40;
  for (let round = 0; round < rounds; round += 1) once();
  const { user, system } = process.cpuUsage(before);
  await reader.close();
  await device.writer.close();
  return { 'body KiB': sizeBytes >> 10, 'readNow: CPU µs': round2((user + system) / rounds / locations.length) };
}

function round(value) {
  return Math.round(value * 10) / 10;
}

function round2(value) {
  return Math.round(value * 100) / 100;
}
