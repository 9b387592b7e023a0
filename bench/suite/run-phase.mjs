// One phase on one side: what it needs is made first, then it is timed, and what it cost the server is counted.

import { headBench, oneStream, wrk } from './load.mjs';
import { cpuSeconds, machineBusySeconds, ownSeconds } from './process-tree.mjs';

/** Counted too: what a server puts off until the clients are gone. */
const AFTERMATH_MS = 1000;
const LOAD_CLIENTS = 16;
/** Martlet reads a large body past the page cache the first time, and fills the cache the second. */
const WARM_READS = 3;
/** Part of the body's bytes that a mean GET answer must at least bring. */
const LEAST_BODY = 0.98;

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/**
 * @param context { tag, seconds, bigFile, workFolder, putNames }: tag sets apart the names of a round; putNames maps
 * `${side} ${tag}` to the names that put4k made, for delete4k.
 * @returns one row of the result.
 */
export async function runPhase(side, phase, context) {
  await prepare(side, phase, context);
  const before = { server: cpuSeconds(side.roots), machine: machineBusySeconds(), own: ownSeconds(), at: Date.now() };
  const result = await load(side, phase, context);
  const wall = (Date.now() - before.at) / 1000;
  const machine = machineBusySeconds() - before.machine;
  const duringLoad = cpuSeconds(side.roots) - before.server;
  const others = (machine - duringLoad - (ownSeconds() - before.own)) / wall;
  await pause(AFTERMATH_MS);
  const server = cpuSeconds(side.roots) - before.server;
  if (phase.name === 'put4k') context.putNames.set(`${side.name} ${context.tag}`, result.counts);
  const { requests, seconds, p50Ms, p99Ms } = result;
  return {
    phase: phase.name,
    side: side.name,
    tag: context.tag,
    clients: phase.clients,
    requests,
    perSecond: requests / seconds,
    megabytesPerSecond: (requests * phase.sizeBytes) / seconds / 1e6,
    cpuMs: (server * 1000) / requests,
    p50Ms,
    p99Ms,
    bad: result.bad + (tooShort(phase, result) ? 1 : 0),
    serverCores: duringLoad / wall,
    othersCores: Math.max(0, others),
  };
}

/** What the phase uses; and what is one stream has been read before, so that it comes from the page cache where the side wants that. */
async function prepare(side, phase, context) {
  if (!side.name.startsWith('nginx')) await make(side, phase, context);
  if (!phase.stream || phase.op !== 'get') return;
  for (let reads = 0; reads < WARM_READS; reads += 1)
    await oneStream(side, { op: 'get', path: `/${container(phase, context.tag)}/o1`, sizeBytes: phase.sizeBytes });
}

/** Containers and objects that the phase uses. */
async function make(side, phase, { tag, seconds, bigFile }) {
  await request(side, 'PUT', `/${container(phase, tag)}`, 201, 202);
  if (phase.stream && phase.op === 'get' && !(await exists(side, `/${container(phase, tag)}/o1`)))
    await oneStream(side, { op: 'put', path: `/${container(phase, tag)}/o1`, file: bigFile });
  if (phase.count === undefined || (await exists(side, `/${container(phase, tag)}/o${phase.count}`))) return;
  const sizeBytes = phase.op === 'list' ? 0 : phase.sizeBytes;
  const path = `/${container(phase, tag)}/o`;
  await wrk(side, { op: 'load', path, clients: LOAD_CLIENTS, seconds, sizeBytes, count: phase.count });
}

function load(side, phase, { tag, seconds, bigFile, workFolder, putNames }) {
  const { op, clients, count, sizeBytes } = phase;
  const path = `/${container(phase, tag)}/o`;
  if (phase.stream) return oneStream(side, { op, path: `${path}1`, file: bigFile, sizeBytes });
  if (op === 'head') return headBench(side, { path, clients, seconds, count, workFolder });
  if (op === 'list') {
    const listing = `/${container(phase, tag)}?format=json&limit=${count}`;
    return wrk(side, { op, path: listing, clients, seconds });
  }
  if (op !== 'delete') return wrk(side, { op, path, clients, seconds, sizeBytes, count });
  const counts = putNames.get(`${side.name} ${tag}`);
  if (counts === undefined) throw new Error('delete4k deletes what put4k made: run both');
  return wrk(side, { op, path: `/put4k-${tag}/o`, clients, seconds, counts });
}

/** What is written is of its round; what is only read is made once. */
export function container(phase, tag) {
  if (phase.op === 'put') return `${phase.name}-${tag}`;
  return phase.op === 'head' ? 'get4k' : phase.name;
}

/** A GET answered 200 with too few bytes would look fast. */
function tooShort(phase, { requests, bytes, bad }) {
  return phase.op === 'get' && bad === 0 && bytes / requests < phase.sizeBytes * LEAST_BODY;
}

/** Before anything is timed: right statuses, right bytes. */
export async function probe(side) {
  const body = Buffer.from(Array.from({ length: 65_536 }, (_, index) => index % 251));
  await request(side, 'PUT', '/probe', 201, 202);
  await request(side, 'PUT', '/probe/o', 201, body);
  const got = await request(side, 'GET', '/probe/o', 200);
  if (!Buffer.from(await got.arrayBuffer()).equals(body))
    throw new Error(`${side.name}: GET gives other bytes than PUT`);
  const head = await request(side, 'HEAD', '/probe/o', 200);
  if (head.headers.get('content-length') !== `${body.length}`)
    throw new Error(`${side.name}: HEAD gives another length`);
  await request(side, 'DELETE', '/probe/o', 204);
  await request(side, 'GET', '/probe/o', 404);
}

/** Deletes every object of a container, pages of listings at a time. */
export async function empty(side, name) {
  for (;;) {
    const listing = await request(side, 'GET', `/${name}?format=json`, 200, 204);
    const rows = listing.status === 200 ? await listing.json() : [];
    if (rows.length === 0) return;
    const names = rows.map((row) => row.name);
    const workers = Array.from({ length: LOAD_CLIENTS }, async () => {
      for (let next = names.pop(); next !== undefined; next = names.pop())
        await request(side, 'DELETE', `/${name}/${next}`, 204, 404);
    });
    await Promise.all(workers);
  }
}

async function exists(side, path) {
  return (await request(side, 'HEAD', path, 200, 404)).status === 200;
}

/** @param expected statuses, and at most one body. */
async function request(side, method, path, ...expected) {
  const body = expected.find((each) => Buffer.isBuffer(each));
  const headers = { 'X-Auth-Token': side.token };
  const response = await fetch(`${side.origin}${side.path}${path}`, { method, headers, body });
  if (!expected.includes(response.status))
    throw new Error(`${side.name}: ${method} ${path} answered ${response.status}`);
  if (method !== 'GET') await response.arrayBuffer();
  return response;
}
