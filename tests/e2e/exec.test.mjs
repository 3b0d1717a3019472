// Commands and files in sandboxes over the API, with a server that is killed in the middle and hostile commands; and
// the two commands that look at sandboxes from outside.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { noSandbox, Platform, run, until } from './harness.mjs';
import { EventStream, expectEnvelope } from './http.mjs';
import { processes } from './traces.mjs';

const skip = noSandbox;

let platform;
before(async () => {
  if (skip) return;
  platform = await Platform.up({
    settings: { 'pool.agent.warm': '0', 'cloud_os.orphan_grace': '1s' },
    command: ['serve', 'cloud_os'],
  });
});
after(async () => {
  if (skip) return;
  const all = (await platform.internal('cloud_os').get('/api/v1/vms')).json.vms;
  for (const { vm_id } of all) await platform.internal('cloud_os').delete(`/api/v1/vms/${vm_id}`);
  await platform.stopAndLeaveNothing();
});

const internal = () => platform.internal('cloud_os');

async function create(fields = {}, headers) {
  const answer = await internal().post('/api/v1/vms', fields, headers);
  assert.equal(answer.status, 201, answer.text);
  return answer.json;
}

const kInternal = {
  'X-Internal-Service': 'true',
  'X-Internal-Service-Secret': 'e2e-internal-secret-0123456789abcdef',
};
const base = (vm) => `/api/v1/vms/${vm.vm_id}`;
const open = (vm, target, options = {}) =>
  EventStream.open(`${platform.endpoints.cloud_os}${base(vm)}${target}`, {
    ...options,
    headers: { ...kInternal, ...options.headers },
  });

// What a reader of a command has seen so far.
class Seen {
  out = Buffer.alloc(0);
  err = Buffer.alloc(0);
  lost = 0;
  add({ id, event, data }) {
    const body = JSON.parse(data);
    if (id !== undefined) this.lastId = id;
    if (event === 'start') this.start = body;
    if (event === 'exit') this.exit = body;
    if (event === 'lost') this.lost += body.bytes;
    if (event === 'error') this.error = body;
    const bytes = body.data_base64 ? Buffer.from(body.data_base64, 'base64') : Buffer.from(body.data ?? '');
    if (event === 'stdout') this.out = Buffer.concat([this.out, bytes]);
    if (event === 'stderr') this.err = Buffer.concat([this.err, bytes]);
  }
  async read(stream, isEnough = () => false) {
    try {
      for await (const frame of stream) {
        this.add(frame);
        if (isEnough(this)) break;
      }
    } catch (error) {
      this.broken = error;
    }
    return this;
  }
}

async function exec(vm, body) {
  const stream = await open(vm, '/exec', { method: 'POST', body });
  assert.equal(stream.status, 200);
  return new Seen().read(stream);
}

describe('a command', { skip }, () => {
  let vm;
  before(async () => (vm = await create()));

  test('streams its output and its end', async () => {
    const seen = await exec(vm, { command: 'id -un; pwd; echo oops >&2; exit 7' });
    assert.equal(seen.out.toString(), 'agent\n/workspace\n');
    assert.equal(seen.err.toString(), 'oops\n');
    assert.equal(seen.exit.code, 7);
  });

  test('belongs to the sandbox: another user meets a 404', async () => {
    const answer = await platform.as('eve', 'cloud_os').post(`${base(vm)}/exec`, { command: 'id' });
    assert.equal(answer.status, 404);
    expectEnvelope(answer);
  });

  test('is refused by its field when it makes no sense', async () => {
    const answer = await internal().post(`${base(vm)}/exec`, { command: 'a', timeout: 5 });
    assert.equal(answer.status, 422);
    assert.equal(answer.json.error.param, '/timeout');
  });

  test('goes on over a kill -9 of the server, and no byte of it is lost', async () => {
    const command = 'for i in $(seq 1 400); do head -c 300 /dev/urandom | base64 -w0; echo " $i"; sleep 0.01; done | tee copy';
    const first = new Seen();
    const stream = await open(vm, '/exec', { method: 'POST', body: { command } });
    await first.read(stream, ({ out }) => out.length > 20_000);
    assert.ok(!first.exit);
    await platform.kill();
    await platform.start();

    const rest = new Seen();
    await rest.read(
      await open(vm, `/exec/${first.start.exec_id}/output`, { headers: { 'Last-Event-ID': first.lastId } }),
    );
    assert.equal(rest.lost, 0);
    assert.equal(rest.exit.code, 0);
    const copy = await internal().get(`${base(vm)}/files/copy`);
    assert.equal(Buffer.concat([first.out, rest.out]).toString(), copy.text);
  });

  test('never has an end that is made up: a sandbox that dies breaks the stream with an error', async () => {
    const other = await create();
    const stream = await open(other, '/exec', { method: 'POST', body: { command: 'echo on; sleep 1000' } });
    const seen = new Seen();
    const reading = seen.read(stream);
    await until('its first output', () => seen.out.length > 0);
    await internal().post(`${base(other)}/stop`);
    await reading;
    assert.equal(seen.exit, undefined);
    assert.equal(seen.error?.code, 'stream_broken');
    await internal().delete(base(other));
  });

  test('in a paused sandbox is a 409 that says so, and goes on after the pause', async (t) => {
    const paused = await internal().post(`${base(vm)}/pause`);
    if (paused.status === 501) return t.skip(paused.json.error.message);
    const refused = await internal().post(`${base(vm)}/exec`, { command: 'id' });
    assert.equal(refused.status, 409);
    assert.equal(refused.json.error.code, 'sandbox_paused');
    assert.equal((await internal().get(`${base(vm)}/files/copy`)).status, 409);
    assert.equal((await internal().post(`${base(vm)}/resume`)).json.status, 'running');
    assert.equal((await exec(vm, { command: 'echo on' })).out.toString(), 'on\n');
  });
});

describe('a hostile command', { skip }, () => {
  let vm;
  before(async () => (vm = await create({ limits: { pids: 64, memory_mb: 256 } })));

  test('that forks without end is killed with all that it made', async () => {
    const seen = await exec(vm, { command: 'f() { f | f & }; f; sleep 1000', timeout_s: 2 });
    assert.equal(seen.exit.reason, 'timeout');
    assert.equal((await exec(vm, { command: 'echo alive' })).out.toString(), 'alive\n');
  });

  test('that opens every descriptor does not take those of others', async () => {
    const script = 'import os\nn=0\ntry:\n  while True: os.dup(0); n+=1\nexcept OSError: print(n > 1000)\n';
    const seen = await exec(vm, { argv: ['python3', '-c', script] });
    assert.equal(seen.out.toString(), 'True\n');
    assert.equal((await exec(vm, { command: 'echo alive' })).out.toString(), 'alive\n');
  });

  test('that writes without end fills neither the server nor the sandbox', async () => {
    const answer = await internal().post(`${base(vm)}/exec`, { command: 'yes', background: true });
    const id = answer.json.exec_id;
    await until('a lot of output', async () =>
      (await internal().get(`${base(vm)}/exec/${id}`)).json.output_end > 50_000_000);
    const { output_begin, output_end } = (await internal().get(`${base(vm)}/exec/${id}`)).json;
    assert.ok(output_end - output_begin < 1_000_000);
    assert.equal((await internal().post(`${base(vm)}/exec/${id}/signal`, { signal: 'KILL' })).status, 200);
  });

  test('that leads a path out of the sandbox stays in it', async () => {
    await exec(vm, { command: 'ln -s / root; ln -s ../../../../../.. up; ln -s /proc/1/root/etc etc' });
    const inside = (await exec(vm, { command: 'cat /etc/passwd' })).out.toString();
    for (const target of ['/files/root/etc/passwd', '/files/up/etc/passwd', '/files/..%2F..%2F..%2Fetc%2Fpasswd', '/files//etc/passwd'])
      assert.equal((await internal().get(`${base(vm)}${target}`)).text, inside, target);
    assert.notEqual((await internal().get(`${base(vm)}/files/etc/passwd`)).status, 200);
    for (const target of ['/files//etc/new', '/files//usr/bin/new', '/files//run/isa/new'])
      assert.equal((await internal().put(`${base(vm)}${target}`, 'x')).status, 403, target);
  });
});

describe('files', { skip }, () => {
  let vm;
  before(async () => (vm = await create()));

  test('are written, read, listed, moved and removed', async () => {
    const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, i) => i % 251));
    const made = await internal().put(`${base(vm)}/files/src/data.bin`, bytes);
    assert.equal(made.status, 201, made.text);
    assert.equal(made.json.path, '/workspace/src/data.bin');
    const sum = (await exec(vm, { command: 'cksum < src/data.bin' })).out.toString();
    const list = (await internal().get(`${base(vm)}/files/src?op=list`)).json;
    assert.deepEqual(list.entries.map(({ name, size, type }) => [name, size, type]), [['data.bin', 100_000, 'file']]);
    await internal().post(`${base(vm)}/files/src/data.bin?op=move&to=moved.bin`);
    assert.equal((await exec(vm, { command: 'cksum < moved.bin' })).out.toString(), sum);
    const part = await internal().get(`${base(vm)}/files/moved.bin`, { Range: 'bytes=10-13' });
    assert.equal(part.status, 206);
    assert.equal(part.text, '\x0a\x0b\x0c\x0d');
    assert.equal((await internal().delete(`${base(vm)}/files/moved.bin`)).status, 200);
    assert.equal((await internal().get(`${base(vm)}/files/moved.bin`)).status, 404);
  });

  test('that change are told of', async () => {
    const stream = await open(vm, '/files/?op=watch&recursive=true');
    const events = stream[Symbol.asyncIterator]();
    assert.equal((await events.next()).value.event, 'ready');
    await exec(vm, { command: 'mkdir -p a/b; echo x > a/b/c' });
    for (let path; path !== 'a/b/c'; ) ({ path } = JSON.parse((await events.next()).value.data));
    stream.leave();
  });
});

describe('a sandbox', { skip }, () => {
  test('is created once for an Idempotency-Key, also over a restart', async () => {
    const key = { 'Idempotency-Key': 'once' };
    const [one, two] = await Promise.all([create({}, key), create({}, key)]);
    assert.equal(one.vm_id, two.vm_id);
    const other = await internal().post('/api/v1/vms', { limits: { pids: 99 } }, key);
    assert.equal(other.status, 422);
    await platform.kill();
    await platform.start();
    assert.equal((await create({}, key)).vm_id, one.vm_id);
  });

  test('is found by several labels', async () => {
    const vm = await create({ labels: { zone: 'a', team: 'b&c' } });
    await create({ labels: { zone: 'a', team: 'other' } });
    const found = await internal().get('/api/v1/vms?label=zone%3Da&label=team%3Db%26c');
    assert.deepEqual(found.json.vms.map(({ vm_id }) => vm_id), [vm.vm_id]);
  });

  test('says what it uses, in the API and in `isa ps`', async () => {
    const vm = await create({ user_id: 'ada' });
    const stats = (await platform.as('ada', 'cloud_os').get(`${base(vm)}/stats`)).json;
    assert.ok(stats.disk_bytes >= 0);
    const table = await run(['ps', '--data-dir', platform.dataDir]);
    assert.equal(table.status, 0, table.stderr);
    assert.match(table.stdout, new RegExp(`^${vm.vm_id} +running +\\w+ .* ada `, 'm'));
    const rows = JSON.parse((await run(['ps', '--json', '--data-dir', platform.dataDir])).stdout);
    assert.equal(rows.find((row) => row.vm.vm_id === vm.vm_id).vm.status, 'running');
  });
});

describe('isa gc', { skip }, () => {
  test('shows what no record stands for, removes it, and touches nothing else', async () => {
    const kept = await create();
    const lost = await create();
    await platform.kill();
    const folder = path.join(platform.dataDir, 'sandboxes', lost.vm_id);
    fs.rmSync(path.join(folder, 'record.json'));
    const alive = () => processes().some(({ command }) => command.includes(lost.vm_id));
    assert.ok(alive());
    const gc = (...args) =>
      run(['gc', ...args, '--set', 'cloud_os.orphan_grace=0s', '--data-dir', platform.dataDir]);
    const shown = await gc('--dry-run');
    assert.match(shown.stdout, new RegExp(`${lost.vm_id} .*would be removed`));
    assert.doesNotMatch(shown.stdout, new RegExp(kept.vm_id));
    assert.ok(alive(), 'a dry run removes nothing');
    const removed = await gc();
    assert.equal(removed.status, 0, removed.stderr);
    assert.ok(!fs.existsSync(folder));
    await until('its processes to be gone', () => !alive());
    assert.match((await gc()).stdout, /Nothing is left over/);
    await platform.start();
    assert.equal((await exec(kept, { command: 'echo here' })).out.toString(), 'here\n');
  });

  test('is not needed while the server runs: it removes them itself after the grace', async () => {
    const lost = await create();
    await platform.kill();
    fs.rmSync(path.join(platform.dataDir, 'sandboxes', lost.vm_id), { recursive: true, force: true });
    await platform.start();
    await until('the orphan to be removed', () => !processes().some(({ command }) => command.includes(lost.vm_id)));
    const page = (await internal().get('/metrics')).text;
    assert.match(page, /isa_sandbox_orphans_removed_total\{[^}]*\} [1-9]/);
    assert.match(page, /isa_sandboxes\{[^}]*state="running"[^}]*\} [1-9]/);
  });
});
