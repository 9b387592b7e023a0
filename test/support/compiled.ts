import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/**
 * Compiles one entry file and all it imports, so that a test can run it as a program of its own.
 *
 * @param entry relative to the project.
 */
export function compileEntry(entry: string): { path: string; remove(): void } {
  const folder = mkdtempSync(join(root, 'node_modules', '.martlet-probe-'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  const config = join(folder, 'tsconfig.json');
  const compilerOptions = { noEmit: false, rootDir: root, outDir: folder, incremental: false };
  writeFileSync(
    config,
    JSON.stringify({ extends: join(root, 'tsconfig.json'), compilerOptions, include: [], files: [join(root, entry)] }),
  );
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', config], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${entry} does not compile:\n${stdout}`);
  return { path: join(folder, entry.replace(/\.ts$/, '.js')), remove: () => rmSync(folder, { recursive: true }) };
}
