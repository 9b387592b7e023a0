import { execa } from 'execa';
import type { Device } from '../../../ring/contract.ts';
import { recordOfDevice } from '../../../ring/device-record.ts';
import type { Scenario } from './scenarios.ts';

const SCRIPT = new URL('./swift-ring.py', import.meta.url).pathname;

export interface SwiftBuild {
  readonly moved: number[];
  /** CPU seconds of each rebalance. */
  readonly seconds: number[];
  readonly balance: number;
  readonly dispersion: number;
}

export async function buildWithSwift(scenario: Scenario, seed: number, ring?: string): Promise<SwiftBuild> {
  const steps = scenario.steps.map((step) => ({ ...step, ...(step.add ? { add: step.add.map(record) } : {}) }));
  const { partPower, replicas, overload } = scenario;
  return ask({ verb: 'build', part_power: partPower, replicas, overload, seed, steps, ...(ring ? { ring } : {}) });
}

export async function measureWithSwift(
  ring: string,
  replicas: number,
): Promise<{ balance: number; dispersion: number }> {
  return ask({ verb: 'measure', ring, replicas });
}

export interface LookupRequest {
  readonly ring: string;
  readonly prefix: string;
  readonly suffix: string;
  /** File with one JSON list a line: account, container, object. */
  readonly names: string;
  /** Handoffs asked for; all of them for the first `full` names. */
  readonly handoffs: number;
  readonly full: number;
  /** Written: one line a name, `partition|primaries|handoffs`. */
  readonly out: string;
}

export async function lookUpWithSwift(request: LookupRequest): Promise<{ replica_count: number; part_power: number }> {
  return ask({ verb: 'lookup', ...request });
}

export async function rewriteWithSwift(ring: string, out: string): Promise<{ same: boolean }> {
  return ask({ verb: 'rewrite', ring, out });
}

function record(device: Device) {
  return recordOfDevice(device);
}

async function ask<T>(request: object): Promise<T> {
  const { stdout } = await execa('/usr/bin/python3', [SCRIPT], { input: JSON.stringify(request), cwd: '/' });
  return JSON.parse(stdout) as T;
}
