// The phases of the object benchmarks and what is promised of each.
//
// target: cpu = how many times less server CPU per request than Swift, rate = how many times its requests per second,
// nginxCpu = at most so many times nginx's CPU (without sendfile) for the same bytes, ddRate = at least so many times the
// rate of three parallel dd, flushed.
const KIB = 1 << 10;
const MIB = 1 << 20;

/** @param options see options.mjs. */
export function phasesFor({ bigMiB, rows }) {
  const big = bigMiB * MIB;
  const size = bigMiB === 1024 ? '1 GiB' : `${bigMiB} MiB`;
  return [
    { name: 'put4k', title: 'PUT 4 KiB', op: 'put', clients: 32, sizeBytes: 4 * KIB, target: { cpu: 60, rate: 30 } },
    { name: 'put4k-c1', title: 'PUT 4 KiB', op: 'put', clients: 1, sizeBytes: 4 * KIB, target: { cpu: 15, rate: 8 } },
    {
      name: 'get4k',
      title: 'GET 4 KiB',
      op: 'get',
      clients: 32,
      sizeBytes: 4 * KIB,
      count: 2000,
      nginx: true,
      target: { cpu: 80, rate: 50, nginxCpu: 5 },
    },
    {
      name: 'head4k',
      title: 'HEAD',
      op: 'head',
      clients: 32,
      sizeBytes: 4 * KIB,
      count: 2000,
      nginx: true,
      target: { cpu: 80, rate: 50 },
    },
    { name: 'put64k', title: 'PUT 64 KiB', op: 'put', clients: 16, sizeBytes: 64 * KIB, target: { cpu: 25, rate: 6 } },
    {
      name: 'get64k',
      title: 'GET 64 KiB',
      op: 'get',
      clients: 16,
      sizeBytes: 64 * KIB,
      count: 500,
      nginx: true,
      target: { cpu: 40, rate: 20 },
    },
    { name: 'put1m', title: 'PUT 1 MiB', op: 'put', clients: 8, sizeBytes: MIB, target: {} },
    { name: 'get1m', title: 'GET 1 MiB', op: 'get', clients: 8, sizeBytes: MIB, count: 100, nginx: true, target: {} },
    {
      name: 'put1g',
      title: `PUT ${size}`,
      op: 'put',
      stream: true,
      clients: 1,
      sizeBytes: big,
      target: { cpu: 4, ddRate: 1 },
    },
    {
      name: 'get1g',
      title: `GET ${size}`,
      op: 'get',
      stream: true,
      clients: 1,
      sizeBytes: big,
      nginx: true,
      target: { cpu: 10, nginxCpu: 1.3 },
    },
    {
      name: 'list',
      title: `listing of ${rows.toLocaleString('en')} rows`,
      op: 'list',
      clients: 4,
      sizeBytes: 0,
      count: rows,
      target: { cpu: 15, rate: 20 },
    },
    { name: 'delete4k', title: 'DELETE', op: 'delete', clients: 32, sizeBytes: 0, target: { cpu: 50, rate: 40 } },
  ];
}

/** Memory of ours, megabytes: all services. */
export const MOST_MEMORY_MB = { idle: 200, after: 400 };
