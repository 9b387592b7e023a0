import type { RingBuilder } from '../../../ring/builder/builder.ts';

/** What the verbs of `martlet ring` need from the outside. */
export interface RingTerminal {
  print(line: string): void;
  warn(line: string): void;
  /** Asks a question and waits for the answer; the empty text when there is nobody to answer. */
  ask(question: string): Promise<string>;
  nowSeconds(): number;
  newId(): string;
}

/** The files a command works on. */
export interface RingPaths {
  readonly builder: string;
  readonly ring: string;
}

export interface VerbContext {
  readonly terminal: RingTerminal;
  readonly paths: RingPaths;
  readonly builder: RingBuilder;
}

/** @returns the exit code. */
export type Verb = (context: VerbContext, args: readonly string[]) => Promise<number>;

/** Exit codes. Spec: swift-ring-builder(1). */
export const SUCCESS = 0;
export const WARNING = 1;
export const FAILURE = 2;

/** `object.builder` (or `object.builder.json`) belongs to `object.ring.gz`; either names both. */
export function ringPaths(file: string): RingPaths {
  const stem = file.replace(/\.ring\.gz$|\.builder(\.json)?$/, '');
  return { builder: file.endsWith('.ring.gz') ? `${stem}.builder` : file, ring: `${stem}.ring.gz` };
}
