// One large body in, to three replicas on one disk, and out again, without the rest of a server: an HTTP socket, the gathering of pieces,
// MD5 in its thread, checksums, files, flushes. Server CPU per GiB, beside three dd at once that write and flush the same.
// Options: --folder DIR (the disk to measure; the current folder's unless told), --mib N of each body, --rounds N.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { nodeDisk } from '../dist/object-server/disk/node-disk.js';
import { openLargeFiles } from '../dist/object-server/large/large-files.js';
import { transferBody } from '../dist/proxy/actions/transfer-body.js';
import { clientBody } from '../dist/proxy/http/client-body.js';

const REPLICAS = 3;
const { values: options } = parseArgs({
  options: {
    folder: { type: 'string', default: '.' },
    mib: { type: 'string', default: '1024' },
    rounds: { type: 'string', default: '3' },
  },
});
const sizeBytes = Number(options.mib) * 2 ** 20;
const gib = sizeBytes / 2 ** 30;
const root = mkdtempSync(join(options.folder, 'large-bench-'));
const devices = Array.from({ length: REPLICAS }, (_, index) => {
  const folder = join(root, String(index));
  mkdirSync(folder);
  return openLargeFiles({ disk: nodeDisk, folder });
});
const stored = [];
let mostRssBytes = 0;
setInterval(() => {
  mostRssBytes = Math.max(mostRssBytes, process.memoryUsage.rss());
}, 20).unref();

const server = createServer((request, response) => {
  const done = request.method === 'PUT' ? put(request, response) : get(request, response);
  done.catch((error) => {
    console.error(error);
    process.exit(1);
  });
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address();
const url = `http://127.0.0.1:${port}/`;

try {
  const rows = [];
  await measured('warm-up', () => upload()); // its blocks are those that the next round writes
  for (let round = 0; round < Number(options.rounds); round += 1) {
    await removeAll();
    rows.push(await measured('3 dd, 1 MiB, fdatasync', dd));
    rows.push(await measured('PUT', () => upload()));
    rows.push(await measured('GET, past the page cache', () => download()));
    rows.push(await measured('GET, into the page cache', () => download()));
    rows.push(await measured('GET, from the page cache', () => download()));
  }
  await removeAll();
  rows.push(await measured('PUT, 4 at once', () => Promise.all([1, 2, 3, 4].map(upload)), 4));
  console.table(rows);
} finally {
  server.close();
  rmSync(root, { recursive: true });
}

async function put(request, response) {
  const seed = 1n;
  const uploads = devices.map((files) => files.begin({ seed, sizeBytes }));
  const { etag } = await transferBody({
    body: clientBody({ request, timeoutMs: 60_000, onFirstRead() {} }),
    mostBytes: sizeBytes,
    seed,
    send: async (piece, checksums) => {
      await Promise.all(uploads.map((each) => each.write(piece, checksums)));
    },
  });
  stored.push((await Promise.all(uploads.map((each) => each.finish()))).map(({ name }) => name));
  response.end(etag);
}

async function get(_request, response) {
  const reading = await devices[0].open(stored[0][0], 1n, sizeBytes);
  response.writeHead(200, { 'content-length': sizeBytes });
  for await (const chunk of reading.read(0, sizeBytes))
    await new Promise((resolve, reject) => response.write(chunk, (error) => (error ? reject(error) : resolve())));
  await reading.close();
  response.end();
}

async function upload() {
  const sent = `head -c ${sizeBytes} /dev/zero | curl -sf -T - -H 'Transfer-Encoding:' -H 'Expect:' -H 'Content-Length: ${sizeBytes}' ${url}`;
  await ended(spawn('sh', ['-c', sent], { stdio: ['ignore', 'ignore', 'inherit'] }));
}

async function download() {
  await ended(spawn('curl', ['-sf', '-o', '/dev/null', url], { stdio: 'ignore' }));
}

async function dd() {
  const writers = devices.map((_, index) =>
    spawn('dd', ['if=/dev/zero', `of=${join(root, `dd${index}`)}`, 'bs=1M', `count=${options.mib}`, 'conv=fdatasync'], {
      stdio: 'ignore',
    }),
  );
  await Promise.all(writers.map(ended));
  for (const [index] of devices.entries()) rmSync(join(root, `dd${index}`));
}

async function ended(child) {
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`${child.spawnfile} ended with ${code}`);
}

async function removeAll() {
  for (const names of stored.splice(0)) await Promise.all(names.map((name, index) => devices[index].remove(name)));
}

async function measured(what, work, bodies = 1) {
  const rssBefore = process.memoryUsage.rss();
  mostRssBytes = rssBefore;
  const busyBefore = busySeconds();
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  await work();
  const seconds = (performance.now() - startedAt) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  const isOurs = !what.includes('dd');
  return {
    what,
    'CPU s/GiB': isOurs ? Number(((user + system) / 1e6 / gib / bodies).toFixed(2)) : '-',
    user: isOurs ? Number((user / 1e6 / gib / bodies).toFixed(2)) : '-',
    system: isOurs ? Number((system / 1e6 / gib / bodies).toFixed(2)) : '-',
    'MB/s': Math.round((sizeBytes * bodies) / 1e6 / seconds),
    'RSS + MB': Math.round((mostRssBytes - rssBefore) / 1e6),
    'machine, cores busy': Number(((busySeconds() - busyBefore) / seconds).toFixed(2)),
  };
}

function busySeconds() {
  const [, user, nice, system, , , irq, softirq] = readFileSync('/proc/stat', 'utf8').split(/\s+/, 9).map(Number);
  return (
    (user + nice + system + irq + softirq) / Number(spawnSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }).stdout)
  );
}
