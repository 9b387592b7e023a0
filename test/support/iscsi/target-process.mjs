// The built-in target in a process of its own, as compiled: node target-process.mjs PORT EXPORTS_JSON. Prints its portal when ready.
import { startBuiltInTarget } from '../../../dist/volume/targets/built-in.js';

const [port, definitions] = process.argv.slice(2);
const log = (level) => (fields, message) => process.stderr.write(`${level} ${message} ${JSON.stringify(fields)}\n`);
const logger = { debug: () => {}, info: log('info'), warn: log('warn'), error: log('error') };
const targets = await startBuiltInTarget({ address: '127.0.0.1', port: Number(port), logger });
targets.failed.then((error) => {
  console.error(error);
  process.exit(1);
});
for (const definition of JSON.parse(definitions)) await targets.export(definition);
process.on('SIGTERM', async () => {
  await targets.stop();
  process.exit(0);
});
console.log(JSON.stringify(targets.portal));
