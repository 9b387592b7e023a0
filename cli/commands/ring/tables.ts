import { countHeld } from '../../../ring/builder/assignment.ts';
import type { RingBuilder, SpreadReport } from '../../../ring/builder/builder.ts';
import type { Device } from '../../../ring/contract.ts';
import { bracketed } from '../../../ring/device-syntax.ts';

/** The devices in columns, with the partitions they hold and how far they are from their share. */
export function deviceTable(builder: RingBuilder): string[] {
  const { devices, removed } = builder.state;
  const sorted = devices
    .filter((device): device is Device => device !== undefined)
    .sort(
      (left, right) =>
        left.region - right.region ||
        left.zone - right.zone ||
        compare(left.ip, right.ip) ||
        compare(left.device, right.device),
    );
  const rows = describe(builder, sorted).map((row, at) => {
    const flags = removed.includes(sorted[at]?.id ?? -1) ? 'DEL' : '';
    return [...row.slice(0, -1), flags, row.at(-1) ?? ''];
  });
  const header = [
    'id',
    'region',
    'zone',
    'ip address:port',
    'replication ip:port',
    'name',
    'weight',
    'partitions',
    'balance',
    'flags',
    'meta',
  ];
  return align('Devices:', header, rows);
}

export function searchTable(builder: RingBuilder, found: readonly Device[]): string[] {
  const header = [
    'id',
    'region',
    'zone',
    'ip address:port',
    'replication ip:port',
    'name',
    'weight',
    'partitions',
    'balance',
    'meta',
  ];
  return align('Devices:', header, describe(builder, found));
}

/** One line a tier: partitions with 0, 1, 2, … replicas there, and how many of its replicas stand too close. */
export function dispersionTable(report: SpreadReport, filter: RegExp | undefined): string[] {
  const lines = tiersOf(report, filter).map(({ name, parts, percent, max, counts }) => [
    name,
    `${parts}`,
    percent.toFixed(2),
    `${max}`,
    ...counts.map(String),
  ]);
  const replicas = report.counts[0]?.map((_, count) => `${count}`) ?? [];
  return align('', ['Tier', 'Parts', '%', 'Max', ...replicas], lines);
}

/** The tier with the greatest part of its replicas too close; undefined when none has any. */
export function worstTier(
  report: SpreadReport,
  filter: RegExp | undefined,
): { name: string; percent: number } | undefined {
  const worst = tiersOf(report, filter).sort((left, right) => right.percent - left.percent)[0];
  return worst !== undefined && worst.percent > 0 ? worst : undefined;
}

function tiersOf({ tree, counts, allowed }: SpreadReport, filter: RegExp | undefined) {
  return tree.tiers.flatMap((tier, number) => {
    const tierCounts = counts[number] ?? [];
    const parts = tierCounts.reduce((sum, count, replicas) => sum + count * replicas, 0);
    if (tier.level === 0 || parts === 0 || (filter !== undefined && !filter.test(tier.name))) return [];
    const max = allowed[number] ?? 0;
    const close = tierCounts.reduce((sum, count, replicas) => sum + count * Math.max(0, replicas - max), 0);
    return [{ name: tier.name, parts, percent: (100 * close) / parts, max, counts: tierCounts }];
  });
}

function describe(builder: RingBuilder, devices: readonly Device[]): string[][] {
  const held = countHeld(builder.state.rows, builder.state.devices.length);
  const balances = builder.balances();
  return devices.map((device) => [
    `${device.id}`,
    `${device.region}`,
    `${device.zone}`,
    `${bracketed(device.ip)}:${device.port}`,
    `${bracketed(device.replicationIp)}:${device.replicationPort}`,
    device.device,
    device.weight.toFixed(2),
    `${held[device.id] ?? 0}`,
    (balances.get(device.id) ?? 0).toFixed(2),
    device.meta,
  ]);
}

function align(label: string, header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const last = header.length - 1;
  const line = (start: string, cells: readonly string[]) =>
    `${start.padEnd(label.length)} ${cells.map((cell, column) => (column === last && header[last] === 'meta' ? cell : cell.padStart(widths[column] ?? 0))).join(' ')}`.trimEnd();
  return [line(label, header), ...rows.map((row) => line('', row))];
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
