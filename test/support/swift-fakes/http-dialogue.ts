import { RawHttp } from './raw-http.ts';

/** One request, byte for byte. */
export interface RawRequest {
  method: string;
  /** Request line and headers, latin1, with the empty line at the end. */
  head: string;
  /** The body as it goes over the wire; after `100 Continue` where the head asks for that. */
  body: string;
}

export interface RawAnswer {
  status: number;
  /** Status line and headers as they came. */
  lines: readonly string[];
  body: string;
}

/**
 * Says requests on one connection and hears their answers.
 *
 * @param pipelined all at once, else each after the answer to the one before.
 * @returns the answers in their order, interim ones included; fewer than asked for where the server closed.
 */
export async function dialogue(
  port: number,
  requests: readonly RawRequest[],
  pipelined: boolean,
  /** Called before each request is waited for. */
  onTurn: (index: number) => void = () => {},
): Promise<{ answers: RawAnswer[]; closed: boolean }> {
  const raw = new RawHttp(port);
  const answers: RawAnswer[] = [];
  const heard = { upTo: 0 };
  onTurn(0);
  if (pipelined) raw.send(requests.map(({ head, body }) => head + body).join(''));
  try {
    for (const [index, { method, head, body }] of requests.entries()) {
      onTurn(index);
      const waits = !pipelined && /^expect:/im.test(head);
      if (!pipelined) raw.send(waits ? head : head + body);
      for (;;) {
        const answer = await nextAnswer(raw, heard, method);
        if (!answer) return { answers, closed: true };
        answers.push(answer);
        if (answer.status !== 100) break;
        if (waits) raw.send(body);
      }
      if (answers.at(-1)?.lines.some((line) => /^connection: close$/i.test(line))) {
        await raw.untilClosed();
        return { answers, closed: true };
      }
    }
    return { answers, closed: raw.closed };
  } finally {
    raw.destroy();
  }
}

async function nextAnswer(raw: RawHttp, heard: { upTo: number }, method: string): Promise<RawAnswer | undefined> {
  const rest = () => raw.received.slice(heard.upTo);
  const until = (isThere: () => boolean) => raw.untilThere(isThere);
  if (!(await until(() => rest().includes('\r\n\r\n')))) return undefined;
  const headEnd = rest().indexOf('\r\n\r\n');
  const lines = rest().slice(0, headEnd).split('\r\n');
  const status = Number(lines[0]?.split(' ')[1]);
  heard.upTo += headEnd + 4;
  const isBodiless = method === 'HEAD' || status === 204 || status === 304 || status < 200;
  const length = lines.find((line) => /^content-length:/i.test(line))?.split(':')[1];
  const sizeBytes = isBodiless ? 0 : Number(length ?? Number.POSITIVE_INFINITY);
  await until(() => rest().length >= sizeBytes);
  const body = rest().slice(0, sizeBytes);
  heard.upTo += body.length;
  return { status, lines, body };
}
