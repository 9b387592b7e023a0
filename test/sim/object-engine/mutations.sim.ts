import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compileEntry } from '../../support/compiled.ts';
import { MUTATIONS, type Mutation } from './mutations.ts';

const TIMEOUT_MS = 240_000;
const ENTRY = 'test/sim/seeds-entry.ts';
const PROJECT = join(import.meta.dirname, '../../..');

/** Each fault is put into a compiled copy of the engine, whose simulation must then fail. */
describe('the simulation of the object engine finds out when', () => {
  let program: ReturnType<typeof compileEntry>;

  beforeAll(() => {
    program = compileEntry(ENTRY);
  });
  afterAll(() => program?.remove());

  it.each(MUTATIONS)(
    '$name',
    ({ file, edits, seeds }) => {
      const compiled = join(program.path.slice(0, -ENTRY.length), file.replace(/ts$/, 'js'));
      const sound = readFileSync(compiled);
      writeFileSync(compiled, mutated(file, edits));
      try {
        const args = [program.path, 'objectEngine', '0', String(seeds)];
        const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
        expect(stdout).toMatch(/^seed \d+$/m);
        expect(status).toBe(1);
      } finally {
        writeFileSync(compiled, sound);
      }
    },
    TIMEOUT_MS,
  );
});

function mutated(file: string, edits: Mutation['edits']): string {
  let source = readFileSync(join(PROJECT, file), 'utf8');
  for (const [find, replace] of edits) {
    expect(source.split(find), `'${find}' is in ${file} once`).toHaveLength(2);
    source = source.replace(find, () => replace);
  }
  const compilerOptions = {
    module: ts.ModuleKind.ESNext,
    target: ts.ScriptTarget.ES2023,
    rewriteRelativeImportExtensions: true,
    verbatimModuleSyntax: true,
  };
  return ts.transpileModule(source, { compilerOptions }).outputText;
}
