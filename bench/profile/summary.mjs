// What a .cpuprofile says: self time by function and by folder. Times in milliseconds.

/** @returns { totalMs, idleMs, functions: [{ name, where, ms }], folders: [{ folder, ms }] }, most first; idle left out. */
export function summarize(profile) {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const callers = new Map(profile.nodes.flatMap(({ id, children }) => (children ?? []).map((child) => [child, id])));
  const functions = new Map();
  const folders = new Map();
  let idleMs = 0;
  let totalMs = 0;
  profile.samples.forEach((id, index) => {
    // a delta is the time before its sample: it belongs to what the sample before it saw
    const ms = (profile.timeDeltas[index + 1] ?? 0) / 1000;
    const { functionName, url, lineNumber } = nodes.get(id).callFrame;
    const caller = url === '' && !functionName.startsWith('(') ? nodes.get(callers.get(id))?.callFrame : undefined;
    totalMs += ms;
    if (functionName === '(idle)') {
      idleMs += ms;
      return;
    }
    const folder = caller?.url ? `${folderOf(functionName, caller.url)} (native calls)` : folderOf(functionName, url);
    const where =
      url !== ''
        ? place(url, lineNumber)
        : caller
          ? `called by ${caller.functionName} ${place(caller.url, caller.lineNumber)}`
          : '';
    const key = `${functionName || '(anonymous)'} ${where}`;
    const known = functions.get(key) ?? { name: functionName || '(anonymous)', where, ms: 0 };
    known.ms += ms;
    functions.set(key, known);
    folders.set(folder, (folders.get(folder) ?? 0) + ms);
  });
  return {
    totalMs,
    idleMs,
    functions: [...functions.values()].sort((left, right) => right.ms - left.ms),
    folders: [...folders].map(([folder, ms]) => ({ folder, ms })).sort((left, right) => right.ms - left.ms),
  };
}

/** Our folders, packages by name, node's own modules, and what V8 names in brackets: (program) is native code, system calls included. */
function folderOf(functionName, url) {
  if (functionName === '(garbage collector)') return 'gc';
  if (functionName === '(program)') return 'native code (program)';
  if (url === '') return 'native functions';
  if (url.startsWith('node:')) return 'node internals';
  const inPackage = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1];
  if (inPackage) return `package ${inPackage}`;
  return `${/\/dist\/([^/]+)\//.exec(url)?.[1] ?? 'other'}/`;
}

function place(url, lineNumber) {
  const path = url.replace(/^file:\/\/.*\/(dist|node_modules)\//, (_, folder) =>
    folder === 'dist' ? '' : `${folder}/`,
  );
  return `${path}:${lineNumber + 1}`;
}
