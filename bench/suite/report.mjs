// The results as tab-separated values (every round) and as Markdown for docs/performance.md (medians).
import { MOST_MEMORY_MB } from './phases.mjs';

const COLUMNS = [
  'phase',
  'side',
  'tag',
  'clients',
  'requests',
  'perSecond',
  'megabytesPerSecond',
  'cpuMs',
  'p50Ms',
  'p99Ms',
  'bad',
  'serverCores',
  'othersCores',
];

export function toTsv(rows) {
  const cell = (value) => (typeof value === 'number' && !Number.isInteger(value) ? value.toPrecision(5) : `${value}`);
  return [COLUMNS, ...rows.map((row) => COLUMNS.map((column) => cell(row[column])))]
    .map((cells) => `${cells.join('\t')}\n`)
    .join('');
}

/** @param ddRates megabytes per second of three parallel dd, per round. */
export function toMarkdown({ phases, rows, ddRates, memory, flushes, diskRows, machine }) {
  return [
    machine,
    '',
    mainTable(phases, rows, ddRates),
    '',
    ceilingTable(phases, rows, ddRates),
    ...(diskRows.length > 0 ? ['', diskTable(diskRows)] : []),
    '',
    memoryTable(memory),
    ...(flushes.length > 0 ? ['', flushTable(flushes)] : []),
    '',
    warnings(rows),
  ].join('\n');
}

function mainTable(phases, rows, ddRates) {
  const header =
    '| phase | clients | ours: req/s | CPU ms/req | p50 / p99 ms | Swift: req/s | CPU ms/req | p50 / p99 ms | CPU ratio (target) | rate ratio (target) | also | |';
  const lines = phases.flatMap((phase) => {
    const ours = medians(rows, phase, 'martlet');
    if (!ours) return [];
    const swift = medians(rows, phase, 'swift');
    const ratios = {
      cpu: swift && swift.cpuMs / ours.cpuMs,
      rate: swift && ours.perSecond / swift.perSecond,
      nginxCpu: ratioTo(rows, phase, ours),
      ddRate: phase.target.ddRate && ddRates.length > 0 ? ours.megabytesPerSecond / median(ddRates) : undefined,
    };
    const { target } = phase;
    const also = [
      target.nginxCpu && ratios.nginxCpu && `${digits(ratios.nginxCpu)} × nginx's CPU (≤ ${target.nginxCpu})`,
      target.ddRate && ratios.ddRate && `${digits(ratios.ddRate)} × the rate of 3 dd (≥ ${target.ddRate})`,
    ].filter(Boolean);
    return row([
      phase.title,
      phase.clients,
      ...costs(ours, phase),
      ...(swift ? costs(swift, phase) : ['', '', '']),
      ratio(ratios.cpu, target.cpu),
      ratio(ratios.rate, target.rate),
      also.join('; '),
      verdict(target, ratios),
    ]);
  });
  return [header, rule(12), ...lines].join('\n');
}

/** met or missed, naming what was missed; empty where there is no target or nothing to compare with. */
function verdict(target, ratios) {
  const wanted = Object.keys(target).filter((key) => ratios[key] !== undefined);
  if (wanted.length === 0) return '';
  const names = { cpu: 'CPU', rate: 'rate', nginxCpu: 'nginx', ddRate: 'dd' };
  const missed = wanted.filter((key) => (key === 'nginxCpu' ? ratios[key] > target[key] : ratios[key] < target[key]));
  return missed.length === 0 ? 'met' : `**missed**: ${missed.map((key) => names[key]).join(', ')}`;
}

function ceilingTable(phases, rows, ddRates) {
  const lines = phases.flatMap((phase) =>
    ['nginx', 'nginx-sendfile'].flatMap((side) => {
      const figures = medians(rows, phase, side);
      return figures ? row([`${side}, ${phase.title}`, phase.clients, ...costs(figures, phase)]) : [];
    }),
  );
  if (ddRates.length > 0)
    lines.push(row(['3 parallel dd of the big object, fdatasync', 3, `${digits(median(ddRates))} MB/s each`, '', '']));
  return ["| the machine's own", 'clients', 'req/s', 'CPU ms/req', 'p50 / p99 ms |']
    .join(' | ')
    .concat('\n', rule(5), '\n', lines.join('\n'));
}

/** MiB a second over three files, as PUTs of 64 KiB with three replicas: what the disk alone would allow. */
function putsOf64KiB(megabytesPerSecond) {
  return digits((megabytesPerSecond * 1e6) / 3 / 65_536);
}

function diskTable(diskRows) {
  const lines = diskRows.map(({ title, jobs, perSecond, megabytesPerSecond, p50Ms, p99Ms }) =>
    row([
      title,
      jobs,
      digits(perSecond),
      digits(megabytesPerSecond),
      `${digits(p50Ms)} / ${digits(p99Ms)}`,
      jobs === 3 ? putsOf64KiB(megabytesPerSecond) : '',
    ]),
  );
  return [
    '| the disk (fio) | jobs | writes/s | MB/s | p50 / p99 ms | as PUTs of 64 KiB × 3 a second |',
    rule(6),
    ...lines,
  ].join('\n');
}

function memoryTable(memory) {
  const lines = memory.map(({ side, when, processes, rssMB, pssMB }) => {
    const most = side === 'martlet' ? MOST_MEMORY_MB[when] : undefined;
    const kept = most === undefined ? '' : `≤ ${most}: ${rssMB <= most ? 'met' : '**missed**'}`;
    return row([side, when, processes, rssMB.toFixed(0), pssMB.toFixed(0), kept]);
  });
  return ['| memory | | processes | RSS MB | PSS MB | |', rule(6), ...lines].join('\n');
}

function flushTable(flushes) {
  const lines = flushes.map(({ side, clients, puts, flushes: sum, perPut }) => {
    const kinds = Object.entries(perPut)
      .filter(([, times]) => times >= 0.005)
      .sort(([, left], [, right]) => right - left)
      .map(([kind, times]) => `${kind} ${times.toFixed(2)}`);
    return row([side, clients, puts, sum.toFixed(2), kinds.join(', ')]);
  });
  return ['| flushes per PUT of 4 KiB | clients | PUTs | flushes | of these, and names |', rule(5), ...lines].join(
    '\n',
  );
}

/** What makes a figure doubtful. */
function warnings(rows) {
  const bad = rows.filter((each) => each.bad > 0).map((each) => `${each.side} ${each.phase}: ${each.bad} bad answers`);
  const noisy = rows
    .filter((each) => each.othersCores > 0.3)
    .map((each) => `${each.side} ${each.phase}: others used ${each.othersCores.toFixed(1)} cores`);
  return [...bad, ...noisy].map((line) => `- ${line}`).join('\n');
}

function medians(rows, phase, side) {
  const found = rows.filter((each) => each.phase === phase.name && each.side === side);
  if (found.length === 0) return undefined;
  const of = (column) => median(found.map((each) => each[column]));
  return Object.fromEntries(
    ['perSecond', 'megabytesPerSecond', 'cpuMs', 'p50Ms', 'p99Ms'].map((column) => [column, of(column)]),
  );
}

function ratioTo(rows, phase, ours) {
  const nginx = medians(rows, phase, 'nginx');
  return nginx && nginx.cpuMs > 0 ? ours.cpuMs / nginx.cpuMs : undefined;
}

function costs({ perSecond, megabytesPerSecond, cpuMs, p50Ms, p99Ms }, phase) {
  const rate = phase.stream ? `${digits(megabytesPerSecond)} MB/s` : digits(perSecond);
  const latency = phase.stream ? `${digits(p50Ms)}` : `${digits(p50Ms)} / ${digits(p99Ms)}`;
  return [rate, digits(cpuMs), latency];
}

function ratio(value, target) {
  if (value === undefined) return '';
  return target === undefined ? digits(value) : `${digits(value)} (${target})`;
}

function median(values) {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function digits(value) {
  if (value >= 1000) return Math.round(value).toLocaleString('en');
  return value >= 100
    ? value.toFixed(0)
    : value >= 10
      ? value.toFixed(1)
      : value >= 1
        ? value.toFixed(2)
        : value.toFixed(3);
}

function row(cells) {
  return `| ${cells.join(' | ')} |`;
}

function rule(columns) {
  return row(Array.from({ length: columns }, () => '---'));
}
