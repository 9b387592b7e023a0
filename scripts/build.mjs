// Makes dist/ in a folder of its own and swaps it in: who starts Martlet meanwhile finds the old one or the new. With --if-stale, does so only when a source file is newer than the last build: `npm start` costs nothing.
//
//   dist/bundle/   what bin/martlet runs: each thread's code and its libraries in a few files, which start in half the time (ADR 11)
//   dist/…         the modules one by one, as they lie in the source: for benchmarks and tests of a single one
//
// Types are not looked at here: `npm run check` does that.
import { existsSync, readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stamp = join(root, 'dist', '.built');
const skipped = new Set(['node_modules', 'dist', 'test', 'bench', 'docs', 'martlet-data']);

/** Where each thread begins. In the bundle they lie as their source does to the file that names them by `import.meta.url`. */
const threads = {
  'cli/main': 'cli/main.ts',
  'cli/data-worker-entry': 'cli/workers/data-worker-entry.ts',
  'iscsi/thread-entry': 'volume/iscsi/thread-entry.ts',
};
/** Native code, and what is large and seldom needed, stays where npm put it. */
const outside = [/^classic-level$/, /^@aws-sdk\//, /^@smithy\//];

function newestSource(folder) {
  let newest = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.name.startsWith('.') || skipped.has(entry.name) || entry.name.startsWith('dist.')) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) newest = Math.max(newest, newestSource(path));
    else if (/\.ts$|^tsconfig.*\.json$|^package\.json$|^build\.mjs$/.test(entry.name))
      newest = Math.max(newest, statSync(path).mtimeMs);
  }
  return newest;
}

/** What a bundler warns of (a package that is not installed, an import of nothing) would fail when it is used. */
function refuse({ message }) {
  throw new Error(message);
}

async function bundle(into) {
  const build = await rolldown({ cwd: root, input: threads, platform: 'node', external: outside, onwarn: refuse });
  await build.write({ dir: into, format: 'esm', entryFileNames: '[name].js', chunkFileNames: 'cli/[name]-[hash].js' });
  await build.close();
}

async function modules(into) {
  const build = await rolldown({
    cwd: root,
    input: Object.values(threads),
    platform: 'node',
    external: (id) => !id.startsWith('.') && !id.startsWith('/'),
    treeshake: false,
    onwarn: refuse,
  });
  await build.write({ dir: into, format: 'esm', preserveModules: true, preserveModulesRoot: root });
  await build.close();
}

if (process.argv.includes('--if-stale') && existsSync(stamp) && statSync(stamp).mtimeMs >= newestSource(root))
  process.exit(0);

const { rolldown } = await import('rolldown'); // not before: most starts have nothing to build
const startedAt = new Date();
const fresh = join(root, `dist.${process.pid}.tmp`);
const old = join(root, `dist.${process.pid}.old`);
try {
  await modules(fresh);
  await bundle(join(fresh, 'bundle'));
} catch (error) {
  rmSync(fresh, { recursive: true, force: true });
  throw error;
}
writeFileSync(join(fresh, '.built'), startedAt.toISOString());
utimesSync(join(fresh, '.built'), startedAt, startedAt);
if (existsSync(join(root, 'dist'))) renameSync(join(root, 'dist'), old);
renameSync(fresh, join(root, 'dist'));
rmSync(old, { recursive: true, force: true });
