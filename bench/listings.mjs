// Listings without the rest of a server: what it costs to add a row, and to read a page wherever it begins.
//
//   npm run bench -- listings     ROWS=10000000 WRITES=20000 FOLDER=/somewhere
//
// Rows: one object each, in three replicas of its container on three devices, from another thread, as object servers send them,
// with so many writers at once. Pages: 10,000 rows (or all that a prefix or a delimiter leaves), rendered as a client gets them.
// CPU of all threads of this process, the compaction of the database included.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isMainThread, MessageChannel, parentPort, Worker, workerData } from 'node:worker_threads';
import { workerListings } from '../dist/cli/workers/worker-listings.js';
import { rpcClient, serveRpc } from '../dist/common/rpc/port-rpc.js';
import { rowsOfChunk } from '../dist/container-server/contract.js';
import { openListingReader } from '../dist/container-server/reader.js';
import { writeSynced } from '../dist/container-server/store/database.js';
import { openListingStore } from '../dist/container-server/store.js';
import { openTakenRows } from '../dist/container-server/taken-rows.js';
import { WrittenWatch } from '../dist/container-server/written-watch.js';
import { createBatchedUpdates } from '../dist/object-server/updates/batched-updates.js';
import { listingFormat } from '../dist/proxy/features/listing-format.js';

const ACCOUNT = 'AUTH_0123456789abcdef0123456789abcdef';
const DEVICES = ['d1', 'd2', 'd3'];
const PAGE = 10_000;
const FOLDERS = 1000;
const READ = { device: 'd1', partition: 7, account: ACCOUNT, container: 'read' };
const replicas = DEVICES.map((device) => ({ device, partition: 7 }));
let ticks = 0;
const silent = { warn: console.error, error: console.error, info() {}, debug() {} };

if (isMainThread) await main();
else await write(workerData);

async function main() {
  const rows = Number(process.env.ROWS ?? 1_000_000);
  const writes = Number(process.env.WRITES ?? 20_000);
  const base = mkdtempSync(join(process.env.FOLDER ?? tmpdir(), 'martlet-bench-listings-'));
  try {
    const devices = DEVICES.map((name) => ({ name, path: join(base, name) }));
    for (const { path } of devices) mkdirSync(path);
    let flushes = 0;
    const taken = openTakenRows(DEVICES);
    const store = await openListingStore({
      devices,
      clock: { nowMs: Date.now },
      logger: silent,
      config: { reclaim_age_s: 604_800, report_interval_ms: 300, report_timeout_ms: 3000 },
      listingStoreAt: () => store,
      taken,
      writeBatch: (db, batch) => {
        flushes += 1;
        return writeSynced(db, batch);
      },
    });
    await store.start();
    for (const container of ['written', 'read'])
      for (const { device, partition } of replicas)
        await store.createContainer(
          { device, partition, account: ACCOUNT, container },
          {
            timestamp: '1700000000.00000',
            metadata: {},
            defaultPolicyIndex: 0,
            accounts: [{ ip: '127.0.0.1', port: 6202, device, partition: 3 }],
          },
        );
    console.log(`${rows.toLocaleString('en')} rows in a container, ${writes.toLocaleString('en')} more in another`);
    await fill(store, rows);
    const before = flushes;
    for (const writers of [1, 8, 32, 128])
      await measureWrites({ store, taken }, writers, writes, () => flushes - before);
    await measureReads(devices, rows);
    await store.stop();
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
}

/** In an order that is not that of the names, as objects come. */
async function fill(store, rows) {
  const step = 7_368_787; // prime, and no factor of any round number of rows
  for (let first = 0; first < rows; first += 1000) {
    const updates = [];
    for (let index = first; index < Math.min(first + 1000, rows); index += 1) {
      const number = (index * step) % rows;
      updates.push({ replicas, account: ACCOUNT, container: 'read', row: rowOf(nameOf(number, rows), 4096) });
    }
    await store.applyObjectUpdates(updates);
  }
}

async function measureWrites({ store, taken }, writers, writes, flushes) {
  const { port1, port2 } = new MessageChannel();
  let calls = 0;
  serveRpc(port1, {
    takePackedUpdates: (packed) => {
      calls += 1;
      return store.takePackedUpdates(packed);
    },
  });
  const count = writers === 1 ? Math.ceil(writes / 10) : writes;
  const worker = new Worker(new URL(import.meta.url), {
    workerData: { port: port2, writers, count, takenRows: taken.buffer },
    transferList: [port2],
  });
  const answer = () => new Promise((resolve) => worker.once('message', resolve));
  await answer();
  const flushed = flushes();
  calls = 0;
  const began = { cpu: process.cpuUsage(), at: performance.now() };
  worker.postMessage('go');
  await answer();
  const used = cpuMs(began.cpu);
  const seconds = (performance.now() - began.at) / 1000;
  console.log(
    `${String(writers).padStart(4)} writers: ${((used * 1000) / count).toFixed(1)} us CPU a row, ${Math.round(count / seconds)} rows/s, ` +
      `${(count / calls).toFixed(1)} rows a call, ${((flushes() - flushed) / count).toFixed(2)} flushes a row`,
  );
  await worker.terminate();
  port1.close();
}

/** A thread that writes as object servers do: each writer waits until its row is seen in all three replicas. */
async function write({ port, writers, count, takenRows }) {
  const { remote } = rpcClient(port);
  const taken = openTakenRows(DEVICES, takenRows);
  const store = workerListings({ reads: {}, writes: remote, taken, written: new WrittenWatch(taken, 60_000) });
  const updates = createBatchedUpdates({ listingStoreAt: () => store, logger: silent, timeoutMs: 60_000 });
  const listings = replicas.map((replica) => ({ ip: '127.0.0.1', port: 6201, ...replica }));
  const run = async (total) => {
    let left = total;
    const writer = async () => {
      while (left > 0) {
        left -= 1;
        const row = rowOf(`${Math.random()}${Math.random()}`, 4096);
        const target = {
          device: 'd1',
          partition: 3,
          account: ACCOUNT,
          container: 'written',
          object: row.name,
          policyIndex: 0,
        };
        const answers = await Promise.all(listings.map((listing) => updates.send(listing, target, { ...row })));
        if (answers.includes('late') || answers.includes('gone')) throw new Error(`not listed: ${answers}`);
      }
    };
    await Promise.all(Array.from({ length: writers }, writer));
  };
  await run(Math.min(count, 2000));
  parentPort.postMessage('warm');
  await new Promise((resolve) => parentPort.once('message', resolve));
  await run(count);
  parentPort.postMessage('done');
}

async function measureReads(devices, rows) {
  const reader = await openListingReader({ devices, logger: silent });
  const folder = (part) => nameOf(Math.floor((rows - 1) * part), rows).split('/')[0];
  const pages = {
    'first page': {},
    'page in the middle': { marker: nameOf(Math.floor(rows / 2), rows) },
    'last page': { marker: nameOf(Math.max(0, rows - PAGE - 1), rows) },
    'last page, backwards': { reverse: true },
    'prefix at the start': { prefix: `${folder(0)}/` },
    'prefix at the end': { prefix: `${folder(1)}/` },
    'delimiter, all folders': { delimiter: '/' },
    'prefix and delimiter': { prefix: `${folder(0.5)}/`, delimiter: '/' },
  };
  for (const format of ['json', 'plain', 'xml'])
    for (const [name, change] of Object.entries(pages)) {
      if (format !== 'json' && name !== 'first page') continue;
      const query = { limit: PAGE, prefix: '', delimiter: '', marker: '', endMarker: '', reverse: false, ...change };
      const page = () => readPage(reader, query, format);
      const bytes = await page();
      const { chunks } = await reader.listObjects(READ, query);
      const rowsRead = chunks.flatMap(rowsOfChunk).length;
      const times = [];
      const rounds = 20;
      for (let round = 0; round < rounds; round += 1) {
        const began = process.cpuUsage();
        await page();
        times.push(cpuMs(began));
      }
      times.sort((left, right) => left - right);
      console.log(
        `${format.padEnd(6)}${name.padEnd(24)} ${String(rowsRead).padStart(6)} rows, ${String(bytes).padStart(8)} bytes: ` +
          `${times[rounds / 2].toFixed(2)} ms CPU (${times[0].toFixed(2)} to ${times[rounds - 1].toFixed(2)})`,
      );
    }
  await reader.close();
}

/** @returns the bytes that a client gets. */
async function readPage(reader, query, format) {
  const handler = listingFormat(async () => {
    return { status: 200, headers: {}, rows: await reader.listObjects(READ, query) };
  });
  const { body } = await handler({ method: 'GET', path: READ, query: new Map([['format', format]]), headers: {} });
  let bytes = 0;
  for await (const part of body.read(0, body.sizeBytes)) bytes += part.length;
  await body.close();
  return bytes;
}

function nameOf(number, rows) {
  const folder = Math.floor((number / rows) * FOLDERS);
  return `folder-${String(folder).padStart(4, '0')}/object-${String(number).padStart(9, '0')}.dat`;
}

function rowOf(name, sizeBytes) {
  ticks += 1;
  const seconds = 1_700_000_000 + Math.floor(ticks / 100_000);
  const timestamp = `${seconds}.${String(ticks % 100_000).padStart(5, '0')}`;
  return {
    name,
    deleted: false,
    timestamp,
    contentType: 'application/octet-stream',
    contentTypeTimestamp: timestamp,
    metadataTimestamp: timestamp,
    etag: 'd41d8cd98f00b204e9800998ecf8427e',
    sizeBytes,
  };
}

function cpuMs(since) {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1000;
}
