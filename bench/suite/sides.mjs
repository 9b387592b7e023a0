// What is measured: ours, Debian's Swift, and nginx giving static files, each started and ended here by process id.
//
// A side is { name, origin, path, token, roots, stop }: path is the account's, roots are the process ids to charge.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';

const ROOT = dirname(dirname(import.meta.dirname));
const SAIO = join(ROOT, 'bench/peers/swift-saio.sh');
const START_MS = 60_000;
const POLL_MS = 50;
const BASE_PORTS = [5000, 8080, 9292, 8776, 8774, 3260, 6200, 6201, 6202];
const LOWEST_OFFSET = 10_000;
const OFFSETS = 13_000;

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** @param environment more of it for the process: the profiler's hook. @param config a file; none unless told. */
export async function startMartlet({ folder, workers, config, environment = {} }) {
  mkdirSync(folder, { recursive: true });
  const data = join(folder, 'data');
  const log = join(folder, 'martlet.log');
  const offset = await freeOffset();
  const output = openSync(log, 'w');
  const args = ['start', '--data', data, '--port-offset', `${offset}`];
  if (workers !== undefined) args.push('--workers', `${workers}`);
  if (config !== undefined) args.push('--config', config);
  const child = spawn(join(ROOT, 'bin/martlet'), args, {
    stdio: ['ignore', output, output],
    env: { ...process.env, ...environment },
  });
  closeSync(output);
  const ended = once(child, 'exit');
  await until(() => {
    if (child.exitCode !== null) throw new Error(`martlet ended:\n${readFileSync(log, 'utf8')}`);
    return readFileSync(log, 'utf8').includes('martlet is ready');
  });
  const password = /^export OS_PASSWORD='(.*)'/m.exec(readFileSync(join(data, 'openrc'), 'utf8'))[1];
  return {
    name: 'martlet',
    ...(await signIn(`http://127.0.0.1:${8080 + offset}`, 'demo:demo', password)),
    roots: [child.pid],
    signal: (name) => child.kill(name),
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** Needs root: the script installs what is missing and makes a folder per device that the user swift owns. */
export async function startSwift({ folder, workers }) {
  const ports = await freePorts(5);
  const environment = {
    ...process.env,
    SAIO_ROOT: folder,
    SWIFT_ETC: join(folder, 'etc'),
    PROXY_PORT: `${ports[0]}`,
    OBJECT_PORT: `${ports[1]}`,
    CONTAINER_PORT: `${ports[2]}`,
    ACCOUNT_PORT: `${ports[3]}`,
    MEMCACHE_PORT: `${ports[4]}`,
    PROXY_WORKERS: `${workers}`,
    OBJECT_WORKERS: `${workers}`,
  };
  const saio = (verb) =>
    execFileSync('bash', [SAIO, verb], { env: environment, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  saio('setup');
  try {
    saio('start');
    const roots = saio('pids').trim().split(/\s+/).map(Number);
    const account = await signIn(`http://127.0.0.1:${ports[0]}`, 'test:tester', 'testing');
    return { name: 'swift', ...account, roots, stop: async () => void saio('stop') };
  } catch (error) {
    saio('stop');
    throw error;
  }
}

/** Static files of the benchmarks' sizes, under the names that the phases ask for. */
export async function startNginx({ folder, sendfile, www, workers }) {
  mkdirSync(folder, { recursive: true });
  const [port] = await freePorts(1);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path ${folder}/${kind};`)
    .join(' ');
  writeFileSync(
    join(folder, 'nginx.conf'),
    `user root; worker_processes ${workers}; daemon off; pid ${folder}/nginx.pid; error_log ${folder}/error.log;
events { worker_connections 1024; }
http {
  access_log off; sendfile ${sendfile ? 'on' : 'off'}; tcp_nopush on; keepalive_requests 100000000; keepalive_timeout 600;
  default_type application/octet-stream; ${temporary}
  server { listen 127.0.0.1:${port} reuseport; root ${www}; }
}
`,
  );
  const child = spawn('nginx', ['-c', join(folder, 'nginx.conf'), '-p', folder], { stdio: 'inherit' });
  const ended = once(child, 'exit');
  const origin = `http://127.0.0.1:${port}`;
  await until(() =>
    fetch(origin).then(
      () => true,
      () => false,
    ),
  );
  const stop = async () => {
    child.kill('SIGQUIT');
    await ended;
  };
  return { name: sendfile ? 'nginx-sendfile' : 'nginx', origin, path: '', token: 'none', roots: [child.pid], stop };
}

async function signIn(origin, user, key) {
  const response = await fetch(`${origin}/auth/v1.0`, { headers: { 'X-Auth-User': user, 'X-Auth-Key': key } });
  const storage = response.headers.get('x-storage-url');
  const token = response.headers.get('x-auth-token');
  if (!storage || !token) throw new Error(`no token from ${origin}: ${response.status}`);
  return { origin, path: new URL(storage).pathname, token };
}

async function until(condition) {
  for (const end = Date.now() + START_MS; Date.now() < end; await pause(POLL_MS)) if (await condition()) return;
  throw new Error(`not up after ${START_MS} ms`);
}

async function freeOffset() {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const offset = LOWEST_OFFSET + Math.floor(Math.random() * OFFSETS);
    const taken = await Promise.all(BASE_PORTS.map((port) => listen(port + offset).catch(() => undefined)));
    if (!taken.includes(undefined)) return offset;
  }
  throw new Error('no port offset is free');
}

function freePorts(count) {
  return Promise.all(Array.from({ length: count }, () => listen(0)));
}

/** Resolves with the port once it was free and is free again. */
function listen(port) {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      const given = server.address().port;
      server.close(() => resolve(given));
    });
  });
}
