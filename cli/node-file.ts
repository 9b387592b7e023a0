import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { publishFile } from '../common/files/durable-file.ts';

/**
 * How the rings name this node (`node.json`). Fixed when the folder is made: a later start on other ports still finds its own devices.
 */
export interface NodeFile {
  /** Address of this node in the rings. */
  address: string;
  objectPort: number;
  containerPort: number;
  accountPort: number;
  /** Devices below `devices/`, one folder each. */
  devices: string[];
  /** Identity API of the cloud that this node joined; undefined on the node that has it. */
  authUrl?: string;
}

export async function saveNodeFile(dataPath: string, node: NodeFile): Promise<void> {
  await publishFile(join(dataPath, 'node.json'), `${JSON.stringify(node, null, 2)}\n`);
}

export async function loadNodeFile(dataPath: string): Promise<NodeFile> {
  return JSON.parse(await readFile(join(dataPath, 'node.json'), 'utf8')) as NodeFile;
}
