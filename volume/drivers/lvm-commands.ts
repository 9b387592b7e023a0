import { ApiError, InvariantError } from '../../common/errors.ts';
import { poolFull } from '../errors.ts';
import { LVM_COMMAND_TIMEOUT_MS } from '../limits.ts';
import type { CommandResult, RunCommand } from './run-command.ts';

export interface LvmCommandsOptions {
  run: RunCommand;
  volumeGroup: string;
  /** Added to every command after its name. */
  extraArguments: readonly string[];
  /** LVM_SYSTEM_DIR; undefined = the machine's own configuration. */
  systemDir?: string | undefined;
}

/** A run of a logical volume's bytes on one physical volume. */
export interface LvmSegment {
  device: string;
  offsetBytes: number;
  lengthBytes: number;
}

type Row = Readonly<Record<string, string>>;

/**
 * LVM's own tools for one volume group: argument arrays in, JSON reports out, sizes in bytes.
 *
 * Spec: lvm(8), lvmreport(7); `--driverloaded` works without device-mapper, for linear volumes.
 */
export class LvmCommands {
  private readonly options: LvmCommandsOptions;

  constructor(options: LvmCommandsOptions) {
    this.options = options;
  }

  async groupSize(): Promise<{ totalBytes: number; freeBytes: number; extentBytes: number }> {
    const { volumeGroup } = this.options;
    const [row] = await this.report('vgs', 'vg', ['-o', 'vg_size,vg_free,vg_extent_size', volumeGroup]);
    if (!row) throw new InvariantError(`vgs reports nothing of ${volumeGroup}`);
    return {
      totalBytes: numberOf(row, 'vg_size'),
      freeBytes: numberOf(row, 'vg_free'),
      extentBytes: numberOf(row, 'vg_extent_size'),
    };
  }

  /** Size of a logical volume in bytes; undefined if there is none. The size comes from LVM: stat of a device says 0. */
  async sizeOf(name: string): Promise<number | undefined> {
    const rows = await this.report('lvs', 'lv', [
      '-o',
      'lv_name,lv_size',
      '-S',
      `lv_name=${name}`,
      this.options.volumeGroup,
    ]);
    const row = rows.find((each) => each['lv_name'] === name);
    return row && numberOf(row, 'lv_size');
  }

  /** Where the bytes of a linear volume lie on its physical volumes, in order. */
  async segmentsOf(name: string): Promise<LvmSegment[]> {
    const { volumeGroup } = this.options;
    const { extentBytes } = await this.groupSize();
    const rows = await this.report('lvs', 'lv', [
      '--segments',
      '-o',
      'lv_name,segtype,seg_start_pe,seg_pe_ranges',
      `${volumeGroup}/${name}`,
    ]);
    const starts = new Map<string, number>();
    for (const row of await this.report('pvs', 'pv', ['-o', 'pv_name,pe_start', '-S', `vg_name=${volumeGroup}`]))
      starts.set(row['pv_name'] ?? '', numberOf(row, 'pe_start'));
    return rows
      .toSorted((left, right) => numberOf(left, 'seg_start_pe') - numberOf(right, 'seg_start_pe'))
      .map((row) => segmentOf(row, starts, extentBytes));
  }

  async create(name: string, sizeBytes: number, flags: readonly string[]): Promise<void> {
    const { volumeGroup } = this.options;
    await this.change('lvcreate', [...flags, '-y', '-n', name, '-L', `${sizeBytes}b`, volumeGroup]);
  }

  async extend(name: string, sizeBytes: number): Promise<void> {
    await this.change('lvextend', ['-L', `${sizeBytes}b`, `${this.options.volumeGroup}/${name}`]);
  }

  async activate(name: string): Promise<void> {
    await this.change('lvchange', ['-a', 'y', '-y', '-K', `${this.options.volumeGroup}/${name}`]);
  }

  async remove(name: string): Promise<void> {
    await this.change('lvremove', ['-f', `${this.options.volumeGroup}/${name}`]);
  }

  private async report(command: string, kind: string, commandArguments: readonly string[]): Promise<Row[]> {
    const result = await this.execute(command, [
      '--reportformat',
      'json',
      '--units',
      'b',
      '--nosuffix',
      ...commandArguments,
    ]);
    if (result.exitCode !== 0) throw this.failure(command, result);
    return rowsOf(result.stdout, kind);
  }

  private async change(command: string, commandArguments: readonly string[]): Promise<void> {
    const result = await this.execute(command, commandArguments);
    if (result.exitCode === 0) return;
    if (/insufficient (free space|suitable)/i.test(result.stderr)) throw poolFull(this.options.volumeGroup);
    throw this.failure(command, result);
  }

  private execute(command: string, commandArguments: readonly string[]): Promise<CommandResult> {
    const { run, extraArguments, systemDir } = this.options;
    return run('lvm', [command, ...extraArguments, ...commandArguments], {
      timeoutMs: LVM_COMMAND_TIMEOUT_MS,
      ...(systemDir !== undefined && { environment: { LVM_SYSTEM_DIR: systemDir } }),
    });
  }

  /** For the log: tenants are told that the volume is in error, not what LVM said. */
  private failure(command: string, result: CommandResult): ApiError {
    if (result.missing) {
      return new ApiError({ status: 503, code: 'LvmMissing', message: 'LVM is not installed: apt-get install lvm2.' });
    }
    const said = result.stderr
      .split('\n')
      .filter((line) => line.trim() !== '' && !line.includes('WARNING'))
      .join('; ');
    return new ApiError({
      status: 500,
      code: 'LvmCommandFailed',
      message: `${command} ended with ${result.exitCode ?? 'a signal'}: ${said.slice(0, 500)}`,
    });
  }
}

function rowsOf(stdout: string, kind: string): Row[] {
  const parsed = JSON.parse(stdout) as { report: Record<string, Row[]>[] };
  return parsed.report.flatMap((report) => [...(report[kind] ?? []), ...(report['seg'] ?? [])]);
}

function segmentOf(row: Row, starts: ReadonlyMap<string, number>, extentBytes: number): LvmSegment {
  const match = /^(.+):(\d+)-(\d+)$/.exec((row['seg_pe_ranges'] ?? '').trim());
  const start = starts.get(match?.[1] ?? '');
  if (row['segtype'] !== 'linear' || !match || start === undefined)
    throw new InvariantError(
      `${row['lv_name']} is no linear logical volume: ${row['segtype']} ${row['seg_pe_ranges']}`,
    );
  const [first, last] = [Number(match[2]), Number(match[3])];
  return {
    device: match[1] ?? '',
    offsetBytes: start + first * extentBytes,
    lengthBytes: (last - first + 1) * extentBytes,
  };
}

function numberOf(row: Row, field: string): number {
  const value = Number(row[field]);
  if (row[field] === undefined || row[field] === '' || !Number.isFinite(value))
    throw new InvariantError(`LVM reports no number as ${field}: ${row[field]}`);
  return value;
}
