// What a platform leaves on the machine: processes, cgroups, mounts, sockets. Nothing of it may outlive the platform.
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const kCgroupRoot = '/sys/fs/cgroup';

function read(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return ''; // It ended meanwhile, or is not ours to read.
  }
}

// Every process: { pid, parent, start, state, words }. pid and start together name a process for ever.
export function processes() {
  const found = [];
  for (const name of fs.readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = read(`/proc/${name}/stat`);
    if (!stat) continue;
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    found.push({
      pid: Number(name),
      state: fields[0],
      parent: Number(fields[1]),
      start: fields[19],
      command: read(`/proc/${name}/cmdline`).replaceAll('\0', ' ').trim(),
    });
  }
  return found;
}

// The host's process of a command that was started in a sandbox.
export const processOf = (command) =>
  processes().find((process) => process.state !== 'Z' && process.command === command)?.pid;

// A command that nobody else runs, and that does not end by itself while a test lasts.
let sleeps = process.pid * 100;
export const uniqueSleep = () => `sleep ${(sleeps += 1)}.25`;

// The process ids of one process, from the host's view inwards: [4711, 1] is the first process of a sandbox.
export function namespacePids(pid) {
  const line = /^NSpid:\s*(.*)$/m.exec(read(`/proc/${pid}/status`));
  return line ? line[1].trim().split(/\s+/).map(Number) : [pid];
}

// The first process of the sandbox that this process is in.
export function firstProcessOfSandbox(pid) {
  const table = new Map(processes().map((process) => [process.pid, process]));
  const depth = namespacePids(pid).length;
  for (let at = pid; at > 1; at = table.get(at)?.parent ?? 0) {
    const inner = namespacePids(at);
    if (inner.length === depth && inner.at(-1) === 1) return at;
  }
  throw new Error(`process ${pid} is in no sandbox`);
}

// The first process of a sandbox that cloud_os knows by this id: below its supervisor, whose command names it.
export function firstProcessOf(vmId) {
  const table = processes();
  const supervisor = table.find(({ command }) => command.includes(`/sandboxes/${vmId}`));
  const depth = namespacePids(supervisor.pid).length;
  const members = new Set([supervisor.pid]);
  for (const { pid, parent } of table.sort((a, b) => a.start - b.start || a.pid - b.pid)) {
    if (!members.has(parent)) continue;
    members.add(pid);
    const inner = namespacePids(pid);
    if (inner.length > depth && inner.at(-1) === 1) return pid;
  }
  throw new Error(`the sandbox ${vmId} has no process`);
}

function mentions(pid, text) {
  return read(`/proc/${pid}/cmdline`).includes(text) || read(`/proc/${pid}/environ`).includes(text);
}

// Control groups of any hierarchy that bear one of these names.
export function groupsNamed(names, folder = kCgroupRoot) {
  const wanted = new Set(names);
  const found = [];
  const folders = [folder];
  for (let at = folders.pop(); at; at = folders.pop()) {
    let entries = [];
    try {
      entries = fs.readdirSync(at, { withFileTypes: true });
    } catch {
      continue; // It was removed meanwhile.
    }
    for (const entry of entries.filter((one) => one.isDirectory())) {
      const full = path.join(at, entry.name);
      if (wanted.has(entry.name)) found.push(full);
      folders.push(full);
    }
  }
  return found;
}

// { table: rows } of a database of SQLite.
export function rowsOf(dataDir, file, tables) {
  const script =
    'import json, sqlite3, sys\n' +
    'db = sqlite3.connect(sys.argv[1])\n' +
    'print(json.dumps({t: db.execute(f"select count(*) from {t}").fetchone()[0] for t in sys.argv[2:]}))';
  return JSON.parse(
    execFileSync('python3', ['-c', script, path.join(dataDir, file), ...tables], { encoding: 'utf8' }),
  );
}

// The containers that a platform has on the engine: their processes name nothing of it.
function containersOf(dataDir) {
  if (process.env.ISA_TEST_BACKEND !== 'docker') return [];
  const installation = read(path.join(dataDir, 'installation'));
  if (installation === '') return [];
  const filter = `label=isa.installation=${installation}`;
  const ids = execFileSync('docker', ['ps', '--quiet', '--no-trunc', '--filter', filter], { encoding: 'utf8' });
  return ids.split('\n').filter(Boolean);
}

export class Traces {
  constructor(dataDir) {
    this.dataDir = dataDir;
    this.seen = new Map(); // "pid:start" -> command
    this.cgroups = new Set();
  }

  // Those that name the data directory or are in its containers, and all that descend from them.
  family() {
    const table = processes().filter((process) => process.state !== 'Z');
    const containers = containersOf(this.dataDir);
    const isInside = (pid) => containers.length > 0 && containers.some((id) => read(`/proc/${pid}/cgroup`).includes(id));
    const isMember = ({ pid }) => pid !== process.pid && (mentions(pid, this.dataDir) || isInside(pid));
    const members = new Set(table.filter(isMember).map(({ pid }) => pid));
    for (let grown = true; grown;) {
      const before = members.size;
      for (const { pid, parent } of table) if (members.has(parent)) members.add(pid);
      grown = members.size > before;
    }
    return table.filter(({ pid }) => members.has(pid));
  }

  // Remembers what there is now, to look for it afterwards.
  observe() {
    for (const { pid, start, command } of this.family()) {
      this.seen.set(`${pid}:${start}`, command);
      for (const line of read(`/proc/${pid}/cgroup`).trim().split('\n')) {
        const [, controllers, group] = line.split(':');
        if (!group || !/\bisa\b/.test(group)) continue;
        // "" is version 2: the root, or `unified` beside the controllers of version 1.
        const places = controllers ? [controllers.replace(/^name=/, '')] : ['', 'unified'];
        for (const place of places) {
          const folder = path.join(kCgroupRoot, place, group);
          this.cgroups.add(folder).add(path.dirname(folder)); // Of the sandbox, and of its data directory.
        }
      }
    }
  }

  // One line for everything that is still there.
  remaining() {
    const left = this.family().map(({ pid, command }) => `process ${pid}: ${command.slice(0, 200)}`);
    for (const { pid, start, state, command } of processes()) {
      if (state !== 'Z' && this.seen.has(`${pid}:${start}`))
        left.push(`process ${pid}: ${command.slice(0, 200)}`);
    }
    // The shared parent of all sandboxes, or of an engine's containers, may stay; what bears a sandbox's name may not.
    for (const group of this.cgroups) {
      if (!/^isa(-docker-\w+)?$/.test(path.basename(group)) && fs.existsSync(group)) left.push(`cgroup ${group}`);
    }
    for (const file of ['/proc/self/mountinfo', '/proc/net/unix']) {
      for (const line of read(file).split('\n'))
        if (line.includes(this.dataDir)) left.push(`${file}: ${line}`);
    }
    left.push(...this.files());
    return [...new Set(left)];
  }

  // Sockets, pid files and the folders of sandboxes in the data directory.
  files(folder = this.dataDir) {
    const left = [];
    if (!fs.existsSync(folder)) return left;
    for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
      const full = path.join(folder, entry.name);
      if (entry.isSocket() || entry.name === 'endpoints.json') left.push(`file ${full}`);
      else if (entry.isDirectory() && path.basename(folder) === 'sandboxes')
        left.push(`sandbox folder ${full}`);
      else if (entry.isDirectory()) left.push(...this.files(full));
    }
    return left;
  }

  // Ends what is still there, without looking at how: for tests that failed, so that they leave nothing either.
  sweep() {
    this.observe();
    for (const key of this.seen.keys()) {
      const [pid, start] = key.split(':');
      if (processes().some((process) => process.pid === Number(pid) && process.start === start))
        process.kill(Number(pid), 'SIGKILL');
    }
    const mounts = [...read('/proc/self/mounts').matchAll(/^\S+ (\S+)/gm)].map(([, where]) => where);
    for (const where of mounts.reverse())
      if (where.startsWith(`${this.dataDir}/`)) spawnSync('umount', ['-l', where]);
    for (const group of [...this.cgroups].sort().reverse()) {
      if (path.basename(group) !== 'isa') spawnSync('rmdir', [group]);
    }
  }
}
