// A client of an identity API, ours or Keystone's: logins, questions about tokens, and what each costs the server.
import { Agent, request } from 'undici';
import { cpuSeconds } from '../suite/process-tree.mjs';

const CONCURRENCY = 8;

/** @param url base URL with /v3. @param pids of the server, to read its CPU time. */
export function createClient({ url, pids }) {
  const agent = new Agent({ connections: CONCURRENCY });

  async function get(path, headers) {
    const answer = await request(`${url}${path}`, { headers, dispatcher: agent });
    let bytes = 0;
    for await (const chunk of answer.body) bytes += chunk.length;
    if (answer.statusCode !== 200) throw new Error(`${path} answered ${answer.statusCode}`);
    return bytes;
  }

  async function issue(identity, scope) {
    const answer = await request(`${url}/auth/tokens`, {
      method: 'POST',
      dispatcher: agent,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ auth: { identity, scope } }),
    });
    await answer.body.dump();
    if (answer.statusCode !== 201) throw new Error(`login answered ${answer.statusCode}`);
    return answer.headers['x-subject-token'];
  }

  /** What one request costs when eight clients ask: CPU of the whole server, and how many are answered a second. */
  async function perRequest(count, ask) {
    for (let index = 0; index < Math.ceil(count / 2); index += 1) await ask();
    const before = cpuSeconds(pids);
    const started = performance.now();
    let left = count;
    const client = async () => {
      while (left > 0) {
        left -= 1;
        await ask();
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, client));
    const seconds = (performance.now() - started) / 1000;
    return { cpuUs: ((cpuSeconds(pids) - before) / count) * 1e6, perSecond: count / seconds };
  }

  return {
    get,
    issue,
    perRequest,
    logIn: (name, password, project) =>
      issue(
        { methods: ['password'], password: { user: { name, domain: { id: 'default' }, password } } },
        projectScope(project),
      ),
    issueFromToken: (token, project) => issue({ methods: ['token'], token: { id: token } }, projectScope(project)),
    cpuSeconds: () => cpuSeconds(pids),
    close: () => agent.close(),
  };
}

function projectScope(name) {
  return { project: { name, domain: { id: 'default' } } };
}
