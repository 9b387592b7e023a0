import { Agent, request } from 'node:http';
import type { Martlet } from '../martlet.ts';
import { signIn } from '../sign-in.ts';
import type { RecordedDisk } from './recorded-disk.ts';
import { bodyOf, CONTAINER, type Plan, type Step, stepsOf } from './workload.ts';

/** Does the plan's steps on a server whose data is on the disk, marking each acknowledgement. The server is killed once, between the writer that works alone and the others. */
export async function writeWorkload(plan: Plan, martlet: Martlet, disk: RecordedDisk): Promise<void> {
  const agent = new Agent({ keepAlive: true });
  try {
    const { url, token } = await signIn(martlet);
    const headers = { 'X-Auth-Token': token };
    const write = async (writer: number) => {
      for (const [index, step] of stepsOf(plan, writer).entries()) {
        const status = await perform(step, `${url}/${CONTAINER}/${step.name}`, headers, agent);
        if (status < 200 || status > 299) throw new Error(`${step.kind} ${step.name} answered ${status}`);
        await disk.mark({ writer, step: index });
      }
    };
    const made = await send('PUT', `${url}/${CONTAINER}`, headers, agent);
    if (made !== 201) throw new Error(`PUT of the container answered ${made}`);
    await disk.mark({ writer: -1, step: 0 });
    await write(0);
    await martlet.kill();
    agent.destroy();
    await martlet.up();
    await Promise.all(plan.steps.slice(1).map((_, index) => write(index + 1)));
  } finally {
    agent.destroy();
  }
}

function perform(step: Step, url: string, headers: Record<string, string>, agent: Agent): Promise<number> {
  if (step.kind === 'delete') return send('DELETE', url, headers, agent);
  const marked = { ...headers, 'X-Object-Meta-Mark': step.mark };
  return step.kind === 'post' ? send('POST', url, marked, agent) : send('PUT', url, marked, agent, bodyOf(step));
}

/** Resolves with the status. */
function send(
  method: string,
  url: string,
  headers: Record<string, string>,
  agent: Agent,
  body?: Buffer,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const length = { 'Content-Length': String(body?.length ?? 0) };
    const outgoing = request(url, { method, agent, headers: { ...headers, ...length } }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
      response.on('error', reject);
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
