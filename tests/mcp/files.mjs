// Packages of npm as one archive, small enough to be written into a sandbox.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));

// The package's folder as seen from `from`, as Node.js looks it up.
function resolve(name, from) {
  for (let at = from; at.startsWith(here); at = path.dirname(at)) {
    const folder = path.join(at, 'node_modules', name);
    if (fs.existsSync(path.join(folder, 'package.json'))) return folder;
  }
  return undefined;
}

function closure(name, from, found) {
  const folder = resolve(name, from);
  if (!folder || found.has(folder)) return found;
  found.add(folder);
  const { dependencies = {} } = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'));
  for (const dependency of Object.keys(dependencies)) closure(dependency, folder, found);
  return found;
}

export const hasPackages = fs.existsSync(path.join(here, 'node_modules'));

export function archive(...names) {
  const folders = new Set();
  for (const name of names) closure(name, here, folders);
  const relative = [...folders].map((folder) => path.relative(here, folder));
  return execFileSync('tar', ['czf', '-', '--exclude=*.map', '--exclude=*.ts', ...relative], {
    cwd: here,
    maxBuffer: 64 << 20,
  });
}
