// A TCP proxy that keeps what an initiator and a target said to each other: node record.mjs LISTEN_PORT TARGET_PORT OUT.json
// How the recordings beside this file were made: see README.md.
import { writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';

const [listenPort, targetPort, out] = process.argv.slice(2);
const said = { initiator: [], target: [] };
createServer((socket) => {
  const target = connect(Number(targetPort), '127.0.0.1');
  socket.on('data', (chunk) => { said.initiator.push(chunk); target.write(chunk); });
  target.on('data', (chunk) => { said.target.push(chunk); socket.write(chunk); });
  socket.on('error', () => {});
  target.on('error', () => {});
  socket.on('close', () => target.destroy());
  target.on('close', () => {
    socket.destroy();
    const hex = (chunks) => Buffer.concat(chunks).toString('hex').replace(/(.{96})/g, '$1\n').trim().split('\n');
    writeFileSync(out, `${JSON.stringify({ initiator: hex(said.initiator), target: hex(said.target) }, null, 1)}\n`);
    process.exit(0);
  });
}).listen(Number(listenPort), '127.0.0.1');
