export interface Question {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: string | undefined;
}

export interface Heard {
  status: number;
  headers: Record<string, unknown>;
  text: string;
}

/** An answer without what differs from one cloud to the next. */
export interface GoldenAnswer {
  status: number;
  headers: Record<string, string>;
  body?: unknown;
}

export function exchange(
  ask: (question: Question) => Promise<Heard>,
  base: string,
  waitSecond?: () => Promise<unknown>,
): Promise<Record<string, GoldenAnswer>>;
