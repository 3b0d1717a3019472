// Real processes of the platform under test: start, kill -9, start again, stop, and look at what is left.
// ISA_BIN is the binary; everything lives in a short folder of its own under /tmp (Unix socket paths are short).
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { ContractViolation, watch } from '../contract/guard.mjs';
import { as, request } from './http.mjs';
import { Traces } from './traces.mjs';

export const repository = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const binary = process.env.ISA_BIN ?? path.join(repository, 'build/release/isa');
export const isRoot = process.getuid() === 0;

// A sanitizer build on a busy machine is slow; nothing here waits longer than it must.
const kPatienceMs = Number(process.env.E2E_PATIENCE_MS ?? 45_000);

// Of the platforms under test. For docker, tests/with_docker around the tests brings an engine and an image.
export const backend = process.env.ISA_TEST_BACKEND ?? 'bubblewrap';
const testImage = process.env.ISA_TEST_IMAGE;

// False, or why the machine cannot run a sandbox: for `{ skip: noSandbox }`.
export const noSandbox = (() => {
  if (backend === 'docker') return testImage ? false : 'there is no engine; run this beside tests/with_docker';
  const probe = spawnSync('bwrap', ['--ro-bind', '/', '/', '--unshare-all', 'true'], { encoding: 'utf8' });
  if (probe.status === 0) return false;
  return `bubblewrap does not work here: ${probe.error?.message ?? probe.stderr.trim()}`;
})();

// The environment without any setting of the person who runs the tests.
export function environment(extra = {}) {
  const kept = Object.entries(process.env).filter(([name]) => !/^ISA_|_API_KEY$|^NODE_/.test(name));
  return { ...Object.fromEntries(kept), ...extra };
}

// Thrown by a probe: waiting longer is of no use.
class Hopeless extends Error {}

// Polls until `probe` gives something truthy and returns that. `what` completes "gave up waiting for ...".
export async function until(what, probe, patienceMs = kPatienceMs) {
  const end = Date.now() + patienceMs;
  let last;
  while (Date.now() < end) {
    try {
      const found = await probe();
      if (found) return found;
      last = undefined;
    } catch (error) {
      if (error instanceof Hopeless || error instanceof ContractViolation) throw error;
      last = error;
    }
    await new Promise((resume) => setTimeout(resume, 25));
  }
  throw new Error(`gave up waiting for ${what} after ${patienceMs} ms${last ? `: ${last.message}` : ''}`);
}

const folders = [];
const platforms = [];
// A test that failed may have left something running: it is ended here, whatever happened.
process.on('exit', () => {
  platforms.forEach((platform) => platform.sweep());
  folders.forEach((folder) => fs.rmSync(folder, { recursive: true, force: true }));
});
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

export function temporaryFolder() {
  const folder = fs.mkdtempSync('/tmp/isa-');
  folders.push(folder);
  return folder;
}

// A program of ours that runs to its end. { status, stdout, stderr }
export function run(args, { env = {}, cwd = '/tmp', input, timeoutMs = kPatienceMs, ...options } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(binary, args, { env: environment(env), cwd, stdio: 'pipe', ...options });
    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'])
      child[name].setEncoding('utf8').on('data', (text) => (output[name] += text));
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    child.on('error', reject);
    child.on('close', (status, signal) => {
      clearTimeout(timer);
      resolve({ status, signal, ...output });
    });
    child.stdin.on('error', () => {}).end(input);
  });
}

export const internalSecret = 'e2e-internal-secret-0123456789abcdef';

export const defaults = {
  'agent.listen': '127.0.0.1:0',
  'pool.listen': '127.0.0.1:0',
  'cloud_os.listen': '127.0.0.1:0',
  'model.listen': '127.0.0.1:0',
  'auth.internal_secret': internalSecret,
  'pool.agent.warm': '2',
  'cloud_os.backend': backend,
  ...(testImage && { 'cloud_os.docker_image': testImage }),
};

export const setFlags = (settings) =>
  Object.entries(settings).flatMap(([name, value]) => ['--set', `${name}=${value}`]);

// One `isa up` (or `isa serve ROLE`) on a data directory that survives its restarts.
export class Platform {
  constructor({ settings = {}, env = {}, command = ['up'], dataDir, program = binary, user = {} } = {}) {
    this.folder = temporaryFolder();
    this.dataDir = dataDir ?? path.join(this.folder, 'd');
    this.settings = { ...defaults, ...settings };
    this.env = env;
    this.command = command;
    this.program = program;
    this.user = user; // { uid, gid } of somebody else than who runs the tests.
    this.logFile = path.join(this.folder, 'log');
    this.traces = new Traces(this.dataDir);
    platforms.push(this);
  }

  // Started and ready. With the context of one test it is ended with that test, however that ends.
  static async up(options, test) {
    const platform = new Platform(options);
    test?.after(() => platform.sweep());
    await platform.start();
    return platform;
  }

  sweep() {
    if (this.child && !this.ended) this.child.kill('SIGKILL');
    if (this.traces.remaining().length > 0) this.traces.sweep();
  }

  async start() {
    const log = fs.openSync(this.logFile, 'a');
    const args = [...this.command, '--data-dir', this.dataDir, ...setFlags(this.settings)];
    this.child = spawn(this.program, args, {
      ...this.user,
      env: environment(this.env),
      cwd: this.folder,
      stdio: ['ignore', log, log],
    });
    fs.closeSync(log);
    this.exited = new Promise((resolve) => {
      this.child.on('exit', (code, signal) => resolve({ code, signal }));
      this.child.on('error', (error) => resolve({ code: -1, error }));
    });
    this.ended = undefined;
    this.exited.then((end) => (this.ended = end));
    try {
      await until('endpoints.json and /ready', () => this.isReady());
    } catch (error) {
      const tail = this.log().split('\n').slice(-30).join('\n');
      await this.kill();
      throw new Error(`${error.message}\n${tail}`);
    }
    return this;
  }

  async isReady() {
    if (this.ended) throw new Hopeless(`it exited with ${JSON.stringify(this.ended)}`);
    const endpoints = JSON.parse(fs.readFileSync(path.join(this.dataDir, 'endpoints.json'), 'utf8'));
    if (endpoints.pid !== this.child.pid) return false; // Of the process before this one.
    this.endpoints = endpoints;
    for (const [role, address] of Object.entries(endpoints)) if (role !== 'pid') watch(role, address);
    const role = endpoints.agent ? 'agent' : Object.keys(endpoints).find((name) => name !== 'pid');
    return (await request(`${endpoints[role]}/ready`)).status === 200;
  }

  log() {
    return fs.existsSync(this.logFile) ? fs.readFileSync(this.logFile, 'utf8') : '';
  }

  // Until the pool holds as many warm sandboxes as it was told to.
  async warm(count = Number(this.settings['pool.agent.warm'])) {
    await until(`${count} warm sandboxes`, async () => (await this.poolStats()).warm_instances >= count);
  }

  async poolStats() {
    return (await request(`${this.endpoints.pool}/api/v1/pools/agent/stats`)).json;
  }

  // The agent service as this user sees it.
  as(user, role = 'agent') {
    return as(this.endpoints[role], { 'user-id': user });
  }

  // Any role as another role of the platform.
  internal(role = 'agent') {
    return as(this.endpoints[role], {
      'X-Internal-Service': 'true',
      'X-Internal-Service-Secret': internalSecret,
    });
  }

  // kill -9: what was only in memory is gone. Sandboxes live on.
  async kill() {
    this.traces.observe();
    this.child.kill('SIGKILL');
    return this.exited;
  }

  // SIGTERM, and everything must be gone. Returns how it ended.
  async stop() {
    if (this.ended) return this.ended;
    this.traces.observe();
    this.child.kill('SIGTERM');
    const end = await Promise.race([this.exited, until('the end after SIGTERM', () => this.ended)]).catch(
      (error) => error,
    );
    if (end instanceof Error) {
      await this.kill();
      throw end;
    }
    return end;
  }

  // Stops, and fails when anything of the platform is left.
  async stopAndLeaveNothing() {
    if (this.ended?.code === 0) return this.expectNothingLeft();
    const end = await this.stop();
    assert.deepEqual(
      end,
      { code: 0, signal: null },
      `isa did not end well:\n${this.log().split('\n').slice(-20).join('\n')}`,
    );
    await this.expectNothingLeft();
  }

  async expectNothingLeft() {
    // A process that was killed is still seen until its parent has collected it.
    await until(
      'the last processes to be collected',
      () => this.traces.remaining().length === 0,
      5_000,
    ).catch(() => {});
    assert.deepEqual(this.traces.remaining(), [], 'left behind after the platform ended');
  }
}

const nobody = { uid: 65534, gid: 65534 };

// A platform, not yet started, of somebody who is not root: of whoever runs the tests, or else of nobody, with the
// programs where that user may read them.
export function ordinaryPlatform({ settings = {}, ...options } = {}) {
  if (!isRoot) return new Platform({ settings, ...options });
  const folder = temporaryFolder();
  fs.chmodSync(folder, 0o755);
  for (const name of ['isa', 'isa-runtime', 'isa-shim'])
    fs.copyFileSync(path.join(path.dirname(binary), name), path.join(folder, name));
  for (const name of ['templates', 'skills'])
    fs.cpSync(path.join(repository, name), path.join(folder, name), { recursive: true });
  const dataDir = path.join(folder, 'd');
  fs.mkdirSync(dataDir, { mode: 0o700 });
  fs.chownSync(dataDir, nobody.uid, nobody.gid);
  return new Platform({
    dataDir,
    program: path.join(folder, 'isa'),
    user: nobody,
    env: { HOME: dataDir },
    settings: {
      'agent.templates_dir': path.join(folder, 'templates'),
      'agent.skills_dir': path.join(folder, 'skills'),
      ...settings,
    },
    ...options,
  });
}

// Creates an agent of the demo model and returns its config.
export async function createAgent(client, fields = {}) {
  const body = { name: 'E2E', model_id: 'builtin/demo', env: 'cloud_pool', ...fields };
  const answer = await client.post('/api/v1/agents/configs', body);
  assert.equal(answer.status, 200, answer.text);
  return answer.json;
}
