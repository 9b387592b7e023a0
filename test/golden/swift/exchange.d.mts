/** One request. `path` is below the account's URL, percent-encoded; see README.md. */
export interface Step {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | { readonly repeat: unknown; readonly times: number };
  readonly chunks?: readonly string[];
  readonly anonymous?: boolean;
  readonly root?: boolean;
  readonly sign?: Readonly<Record<string, string | number>>;
  readonly form?: {
    readonly key: string;
    readonly fields: Readonly<Record<string, string>>;
    readonly files: readonly { readonly filename: string; readonly text: string; readonly type?: string }[];
  };
  readonly capture?: Readonly<Record<string, string>>;
}

export interface Answer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

export function exchange(
  target: { storageUrl: string; token: string },
  step: Step,
  captured: Map<string, string>,
): Promise<Answer>;
