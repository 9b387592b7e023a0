// Loaded into every thread of the server (`--import`): profiles it between two SIGUSR2 of the main thread.
//
// `node --cpu-prof` would profile the start as well, and loses the threads that end with the process; here each thread
// asks V8 itself. Threads hear of start and stop over a channel, and each writes its own file.
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { join } from 'node:path';
import { isMainThread, threadId } from 'node:worker_threads';

const SAMPLE_US = 200;
const folder = process.env.BENCH_PROFILE_FOLDER;

// npm and other programs that inherit the options are not the server
if (folder && (!isMainThread || process.argv[1]?.endsWith('main.js'))) {
  mkdirSync(folder, { recursive: true });
  const session = new Session();
  session.connect();
  const post = (method, parameters) => session.post(method, parameters, (error) => error && console.error(error));
  const channel = new BroadcastChannel('martlet-profile');
  channel.unref();
  const begin = () => {
    post('Profiler.enable');
    post('Profiler.setSamplingInterval', { interval: SAMPLE_US });
    post('Profiler.start');
  };
  const end = () =>
    session.post('Profiler.stop', (error, answer) => {
      if (error) return console.error(error);
      const path = join(folder, `${isMainThread ? 'main' : `worker-${threadId}`}.cpuprofile`);
      writeFileSync(`${path}.tmp`, JSON.stringify(answer.profile));
      renameSync(`${path}.tmp`, path);
    });
  channel.onmessage = ({ data }) => (data === 'begin' ? begin() : end());
  if (isMainThread) {
    let profiling = false;
    process.on('SIGUSR2', () => {
      profiling = !profiling;
      channel.postMessage(profiling ? 'begin' : 'end');
      if (profiling) begin();
      else end();
    });
  }
}
