// The life of a sandbox over the API: asked for twice, paused, renewed, waited for, run out of its time; also over a
// server that is killed. And the two commands that look at sandboxes from outside.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { noSandbox, run, setFlags, until } from './harness.mjs';
import { expectEnvelope } from './http.mjs';
import { processOf, uniqueSleep } from './traces.mjs';
import { base, CloudOs, noPause } from './vms.mjs';

const skip = noSandbox;

let os;
before(async () => {
  if (!skip) os = await CloudOs.up({ 'cloud_os.orphan_grace': '1s' });
});
after(async () => {
  if (!skip) await os.end();
});

// A command in a sandbox, as a sign of its life: () => whether it runs.
async function signOfLife(vm) {
  const command = uniqueSleep();
  await os.start(vm, { command: `exec ${command}` });
  await until('the command to run', () => processOf(command));
  return () => processOf(command) !== undefined;
}

const isGone = async (vm) => (await os.internal.get(base(vm))).status === 404;

describe('a sandbox', { skip }, () => {
  test('is created once for an Idempotency-Key, also over a restart', async () => {
    const key = { 'Idempotency-Key': 'once' };
    const [one, two] = await Promise.all([os.create({}, key), os.create({}, key)]);
    assert.equal(one.vm_id, two.vm_id);
    const other = await os.internal.post('/api/v1/vms', { limits: { pids: 99 } }, key);
    assert.equal(other.status, 422);
    assert.equal(other.json.error.code, 'idempotency_key_reused');
    expectEnvelope(other);
    await os.killAndStart();
    assert.equal((await os.create({}, key)).vm_id, one.vm_id);
  });

  test('is created once for a client that left in the middle and comes back', async () => {
    const labels = { who: 'left' };
    const key = { 'Idempotency-Key': 'left' };
    const found = async () => (await os.internal.get('/api/v1/vms?label=who%3Dleft')).json.vms;
    const early = new AbortController();
    const leaving = fetch(`${os.platform.endpoints.cloud_os}/api/v1/vms`, {
      method: 'POST',
      body: JSON.stringify({ labels }),
      headers: { 'X-User-Id': 'ada', ...key },
      signal: early.signal,
    }).catch(() => {});
    await until('the creation to begin', async () => (await found()).length === 1);
    early.abort();
    await leaving;
    const vm = await os.platform.as('ada', 'cloud_os').post('/api/v1/vms', { labels }, key);
    assert.equal(vm.status, 201, vm.text);
    assert.deepEqual(
      (await found()).map(({ vm_id }) => vm_id),
      [vm.json.vm_id],
    );
    const ofAnother = await os.platform.as('eve', 'cloud_os').post('/api/v1/vms', { labels }, key);
    assert.notEqual(ofAnother.json.vm_id, vm.json.vm_id, 'a key belongs to its user');
  });

  test('is created once over a kill -9 in the middle of its creation', async () => {
    const key = { 'Idempotency-Key': 'cut' };
    const labels = { who: 'cut' };
    const first = os.internal.post('/api/v1/vms', { labels }, key).catch((error) => error);
    const folder = path.join(os.platform.dataDir, 'sandboxes');
    const before = fs.readdirSync(folder).length;
    await until('its folder', () => fs.readdirSync(folder).length > before);
    await os.killAndStart();
    await first;
    // What the first attempt left is removed first: until then it is asked to come again.
    let again;
    await until('the sandbox', async () => {
      const answer = await os.internal.post('/api/v1/vms', { labels }, key);
      if (answer.status === 503) return false;
      assert.equal(answer.status, 201, answer.text);
      again = answer.json;
      return true;
    });
    const all = (await os.internal.get('/api/v1/vms?label=who%3Dcut')).json.vms;
    assert.deepEqual(
      all.map(({ vm_id, status }) => [vm_id, status]),
      [[again.vm_id, 'running']],
    );
    assert.equal((await os.exec(again, { command: 'echo on' })).out.toString(), 'on\n');
  });

  test('is waited for', async () => {
    const vm = await os.create();
    const waiting = os.internal.get(`${base(vm)}/status?wait=stopped&timeout_s=30`);
    await os.internal.post(`${base(vm)}/stop`);
    assert.equal((await waiting).json.status, 'stopped');
    const hopeless = await os.internal.get(`${base(vm)}/status?wait=running&timeout_s=60`);
    assert.equal(hopeless.json.status, 'stopped', 'at once: nobody starts it');
    const nothing = await os.internal.get(`${base(vm)}/status?wait=paused&timeout_s=0`);
    assert.equal(nothing.json.status, 'stopped');
    assert.equal((await os.internal.get(`${base(vm)}/status?wait=nonsense`)).status, 422);
    assert.equal((await os.internal.get(`${base(vm)}/status?wait=running&timeout_s=x`)).status, 422);
  });

  test('stands still while it is paused, over a kill -9 too, and so does its clock', { skip: noPause }, async () => {
    const vm = await os.create({ timeout_s: 2 });
    const paused = await os.internal.post(`${base(vm)}/pause`);
    assert.equal(paused.status, 200, paused.text);
    await os.killAndStart();
    const end = Date.parse(vm.expires_at);
    await until('the time when it would have ended', () => Date.now() > end + 1_500);
    assert.equal((await os.internal.get(`${base(vm)}/status`)).json.status, 'paused');
    const resumed = (await os.internal.post(`${base(vm)}/resume`)).json;
    assert.equal(resumed.status, 'running');
    assert.ok(Date.parse(resumed.expires_at) > end);
    assert.equal((await os.exec(vm, { command: 'echo on' })).out.toString(), 'on\n');
    await until('its end, when its own time is over', () => isGone(vm));
  });

  test('ends at its deadline although the server was killed and away then', async () => {
    const vm = await os.create({ timeout_s: 1 });
    await os.platform.kill();
    await until('its deadline', () => Date.now() > Date.parse(vm.expires_at));
    await os.platform.start();
    await until('its end', () => isGone(vm));
  });

  test('lives on when it is renewed, and ends when nobody uses it', async () => {
    const vm = await os.create({ timeout_s: 1, idle_timeout_s: 3600 });
    const renewed = (await os.internal.post(`${base(vm)}/renew`, { timeout_s: 600 })).json;
    assert.ok(Date.parse(renewed.expires_at) - Date.parse(vm.expires_at) > 500_000);
    assert.equal(renewed.idle_timeout_s, 3600);
    await until('its first deadline, and a sweep', () => Date.now() > Date.parse(vm.expires_at) + 2_000);
    await os.killAndStart();
    const found = (await os.internal.get(base(vm))).json;
    assert.equal(found.expires_at, renewed.expires_at, 'the renewal holds after a kill');
    const nonsense = await os.internal.post(`${base(vm)}/renew`, { timeout_s: 0 });
    assert.equal(nonsense.status, 422);
    await os.internal.post(`${base(vm)}/renew`, { idle_timeout_s: 1 });
    await until('the end of what nobody uses', () => isGone(vm));
    assert.equal((await os.internal.post(`${base(vm)}/renew`, { timeout_s: 60 })).status, 404);
  });

  test('is in use for as long as a command of it is read', async () => {
    const vm = await os.create({ idle_timeout_s: 1 });
    const seen = await os.exec(vm, { command: 'sleep 4; echo through' });
    assert.equal(seen.out.toString(), 'through\n');
    await until('the end of what nobody uses', () => isGone(vm));
  });

  test('is found by several labels', async () => {
    const vm = await os.create({ labels: { zone: 'a', team: 'b&c' } });
    await os.create({ labels: { zone: 'a', team: 'other' } });
    const found = await os.internal.get('/api/v1/vms?label=zone%3Da&label=team%3Db%26c');
    assert.deepEqual(
      found.json.vms.map(({ vm_id }) => vm_id),
      [vm.vm_id],
    );
  });

  test('says what it uses, in the API and in `isa ps`', async () => {
    const vm = await os.create({ user_id: 'ada' });
    const stats = (await os.platform.as('ada', 'cloud_os').get(`${base(vm)}/stats`)).json;
    assert.ok(stats.disk_bytes >= 0);
    const table = await run(['ps', '--data-dir', os.platform.dataDir]);
    assert.equal(table.status, 0, table.stderr);
    assert.match(table.stdout, new RegExp(`^${vm.vm_id} +running +\\w+ .* ada `, 'm'));
    const rows = JSON.parse((await run(['ps', '--json', '--data-dir', os.platform.dataDir])).stdout);
    assert.equal(rows.find((row) => row.vm.vm_id === vm.vm_id).vm.status, 'running');
  });
});

describe('isa ps', { skip }, () => {
  test('needs no server, and says what it cannot read', async () => {
    const vm = await os.create();
    const spoilt = await os.create();
    await os.platform.kill();
    const record = path.join(os.platform.dataDir, 'sandboxes', spoilt.vm_id, 'record.json');
    const before = fs.readFileSync(record);
    fs.writeFileSync(record, '{');
    const table = await run(['ps', '--data-dir', os.platform.dataDir]);
    assert.equal(table.status, 1, 'not everything was shown');
    assert.match(table.stdout, new RegExp(`^${vm.vm_id} +running`, 'm'));
    assert.match(table.stderr, new RegExp(spoilt.vm_id));
    fs.writeFileSync(record, before);
    await os.platform.start();
  });

  test('says where it looked when there is nothing', async () => {
    const empty = await run(['ps', '--data-dir', path.join(os.platform.folder, 'none')]);
    assert.equal(empty.status, 0);
    assert.match(empty.stdout, /No sandboxes in .*none/);
  });
});

describe('isa gc', { skip }, () => {
  test('shows what no record stands for, removes it, and touches nothing else', async () => {
    const kept = await os.create();
    const lost = await os.create();
    const alive = await signOfLife(lost);
    await os.platform.kill();
    const folder = path.join(os.platform.dataDir, 'sandboxes', lost.vm_id);
    fs.rmSync(path.join(folder, 'record.json'));
    assert.ok(alive());
    const settings = { ...os.platform.settings, 'cloud_os.orphan_grace': '0s' };
    const gc = (...args) =>
      run(['gc', ...args, ...setFlags(settings), '--data-dir', os.platform.dataDir]);
    const shown = await gc('--dry-run');
    assert.match(shown.stdout, new RegExp(`${lost.vm_id} .*would be removed`));
    assert.doesNotMatch(shown.stdout, new RegExp(kept.vm_id));
    assert.ok(alive(), 'a dry run removes nothing');
    const removed = await gc();
    assert.equal(removed.status, 0, removed.stderr);
    assert.ok(!fs.existsSync(folder));
    await until('its processes to be gone', () => !alive());
    assert.match((await gc()).stdout, /Nothing is left over/);
    await os.platform.start();
    assert.equal((await os.exec(kept, { command: 'echo here' })).out.toString(), 'here\n');
  });

  test('is not needed while the server runs: it removes them itself after the grace', async () => {
    const lost = await os.create();
    const alive = await signOfLife(lost);
    await os.platform.kill();
    fs.rmSync(path.join(os.platform.dataDir, 'sandboxes', lost.vm_id), { recursive: true, force: true });
    await os.platform.start();
    await until('the orphan to be removed', () => !alive());
    const shows = (line) => async () => line.test((await os.internal.get('/metrics')).text);
    await until('the orphan to be counted', shows(/isa_sandbox_orphans_removed_total\{[^}]*\} [1-9]/));
    await until('the states to be counted', shows(/isa_sandboxes\{[^}]*state="running"[^}]*\} [1-9]/));
  });
});
