import { dirname } from 'node:path';
import type { SeededRandom } from '../simulation/seeded-random.ts';
import type { FakeInode, Luck } from './fake-inode.ts';

/** What happened to names since their folder was last synced. */
type NameChange =
  | { change: 'link'; path: string; inode: FakeInode }
  | { change: 'rename'; from: string; path: string; inode: FakeInode }
  | { change: 'unlink'; path: string; inode: FakeInode };

type Names = Map<string, FakeInode>;

/**
 * The folder entries of a disk: as programs see them, and as they are on stable storage. A power cut leaves either the first few of
 * the changes between the two (a journal), or any of them; each one whole.
 */
export class FakeNames {
  readonly seen: Names = new Map();
  private stable: Names = new Map();
  private changes: NameChange[] = [];

  link(path: string, inode: FakeInode): void {
    this.make({ change: 'link', path, inode });
  }

  rename(from: string, path: string, inode: FakeInode): void {
    this.make({ change: 'rename', from, path, inode });
  }

  unlink(path: string, inode: FakeInode): void {
    this.make({ change: 'unlink', path, inode });
  }

  /** Entries of a folder are on stable storage from here on. */
  sync(folder: string): void {
    const rest: NameChange[] = [];
    for (const change of this.changes) {
      if (dirname(change.path) === folder) {
        apply(change, this.stable);
        forgetOrigin(rest, change);
      } else rest.push(change);
    }
    this.changes = rest;
  }

  /** What a power cut leaves. */
  afterCrash(random: SeededRandom, luck: Luck): Names {
    const found = new Map(this.stable);
    const inOrder = random.chance(0.5);
    let cut = false;
    for (const change of this.changes) {
      const survives = random.chance(luck);
      if (!survives && inOrder) cut = true;
      if (survives && !cut) apply(change, found);
    }
    return found;
  }

  private make(change: NameChange): void {
    const replaced = this.seen.get(change.path);
    apply(change, this.seen);
    if (change.change === 'link') change.inode.links += 1;
    if (change.change === 'unlink') change.inode.links -= 1;
    if (change.change === 'rename' && replaced && replaced !== change.inode) replaced.links -= 1;
    this.changes.push(change);
  }
}

function apply(change: NameChange, names: Names): void {
  const { path, inode } = change;
  if (change.change === 'rename' && names.get(change.from) === inode) names.delete(change.from);
  if (change.change === 'unlink') {
    if (names.get(path) === inode) names.delete(path);
  } else names.set(path, inode);
}

/** How a name that is durably gone came to be no longer matters: it must not come back. */
function forgetOrigin(changes: NameChange[], done: NameChange): void {
  const gone = done.change === 'rename' ? done.from : done.path;
  for (let index = changes.length - 1; index >= 0; index -= 1) {
    const change = changes[index];
    if (change && change.inode === done.inode && change.path === gone) changes.splice(index, 1);
  }
}
