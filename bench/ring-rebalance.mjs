// Rebalance of 2^18 partitions x 3 replicas over 1,000 devices (2 regions x 5 zones x 10 servers x 10 disks, weights
// 4000/8000/12000, seed 1), here and in Debian's Swift, in turn on the same machine; then one device more.
// Promise: at least 10 times less CPU than Swift for the first rebalance, and no more moves for the second.
// Needs dist/ (node scripts/build.mjs) and python3-swift.
import { spawnSync } from 'node:child_process';

const LEAST_RATIO = 10;
const RUNS = Number(process.argv[2] ?? 1);
const PART_POWER = 18;
const REPLICAS = 3;

const devices = [];
for (let region = 1; region <= 2; region += 1)
  for (let zone = 1; zone <= 5; zone += 1)
    for (let server = 1; server <= 10; server += 1)
      for (let disk = 0; disk < 10; disk += 1)
        devices.push(
          device(`10.${region}.${zone}.${server}`, region, zone, `sd${disk}`, [4000, 8000, 12_000][devices.length % 3]),
        );
const added = device('10.1.1.1', 1, 1, 'new', 8000);

let failed = false;
for (let round = 0; round < RUNS; round += 1) {
  const swift = rebalanceWithSwift();
  // A process of its own, as Swift has: nothing is warm.
  const ours = run(process.execPath, ['--input-type=module', '-e', ownProcess()]);
  const ratio = swift.seconds[0] / ours.seconds[0];
  console.log('                     first: CPU s  balance %  dispersion   one device more: CPU s   moved  balance %');
  console.log(row('Swift', swift));
  console.log(row('martlet', ours));
  console.log(`ratio of CPU time, first rebalance: ${ratio.toFixed(1)} (promised: ${LEAST_RATIO})`);
  console.log(`ratio of CPU time, second rebalance: ${(swift.seconds[1] / ours.seconds[1]).toFixed(1)}`);
  failed ||= ratio < LEAST_RATIO || ours.moved[1] > swift.moved[1];
}
if (failed) console.log('PROMISE BROKEN');
process.exit(failed ? 1 : 0);

function device(ip, region, zone, name, weight) {
  return { region, zone, ip, port: 6200, replicationIp: ip, replicationPort: 6200, device: name, weight, meta: '' };
}

function row(name, { seconds, balance, dispersion, moved }) {
  const cells = [
    seconds[0].toFixed(3),
    balance[0].toFixed(3),
    dispersion[0].toFixed(3),
    seconds[1].toFixed(3),
    moved[1],
    balance[1].toFixed(3),
  ];
  const widths = [14, 11, 12, 25, 8, 11];
  return name.padEnd(20) + cells.map((cell, at) => String(cell).padStart(widths[at])).join('');
}

/** The same work in a fresh node: CPU time of the whole process (user and system, all threads) while it rebalances. */
function ownProcess() {
  const builder = new URL('../dist/ring/builder/builder.js', import.meta.url).href;
  return `
    import { readFileSync } from 'node:fs';
    import { RingBuilder } from ${JSON.stringify(builder)};
    const builder = RingBuilder.create({ id: 'bench', partPower: ${PART_POWER}, replicas: ${REPLICAS}, minPartHours: 1 });
    const result = { seconds: [], balance: [], dispersion: [], moved: [] };
    for (const devices of JSON.parse(readFileSync(0, 'utf8'))) {
      for (const device of devices) builder.addDevice(device);
      builder.pretendMinPartHoursPassed();
      const before = process.cpuUsage();
      const { balance, dispersion, movedReplicas } = builder.rebalance({ seed: '1', nowSeconds: 1_700_000_000 });
      const { user, system } = process.cpuUsage(before);
      result.seconds.push((user + system) / 1e6);
      result.balance.push(balance);
      result.dispersion.push(dispersion);
      result.moved.push(movedReplicas);
    }
    builder.validate();
    console.log(JSON.stringify(result));`;
}

function rebalanceWithSwift() {
  const script = `
import json, sys, time
from swift.common.ring import RingBuilder
builder = RingBuilder(${PART_POWER}, ${REPLICAS}, 1)
result = {'seconds': [], 'balance': [], 'dispersion': [], 'moved': []}
for devices in json.load(sys.stdin):
    for device in devices:
        builder.add_dev({'region': device['region'], 'zone': device['zone'], 'ip': device['ip'], 'port': 6200,
            'replication_ip': device['ip'], 'replication_port': 6200, 'device': device['device'], 'weight': device['weight']})
    builder.pretend_min_part_hours_passed()
    start = time.process_time()
    moved, balance, _ = builder.rebalance(seed=1)
    result['seconds'].append(time.process_time() - start)
    result['balance'].append(balance)
    result['dispersion'].append(builder.dispersion)
    result['moved'].append(moved)
json.dump(result, sys.stdout)
`;
  return run('/usr/bin/python3', ['-c', script]);
}

/** Runs a program that reads the devices as JSON, added in two steps, and answers in JSON. */
function run(program, args) {
  const input = JSON.stringify([devices, [added]]);
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8', input });
  if (status !== 0)
    throw new Error(`${program} failed (Swift's part needs python3-swift): ${error?.message ?? stderr}`);
  return JSON.parse(stdout);
}
