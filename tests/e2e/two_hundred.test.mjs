// Two hundred sandboxes at once on one machine: each answers, and all of them go.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';

import { noSandbox, Platform } from './harness.mjs';
import { groupsNamed, processes } from './traces.mjs';

const kCount = 200;
const kParallel = 8;
const kMemoryNeededMb = 3000;

const meminfo = (name) =>
  Number(new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(fs.readFileSync('/proc/meminfo', 'utf8'))[1]) / 1024;
const tooSmall =
  meminfo('MemAvailable') < kMemoryNeededMb && `needs ${kMemoryNeededMb} MB of free memory for ${kCount} sandboxes`;

// At most so many at a time; the results in order.
async function inParallel(items, run) {
  const results = [];
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const at = next;
      next += 1;
      results[at] = await run(items[at]);
    }
  };
  await Promise.all(Array.from({ length: kParallel }, worker));
  return results;
}

const health = (socketPath) =>
  new Promise((resolve, reject) => {
    http
      .get({ socketPath, path: '/health', agent: false, timeout: 20_000 }, (answer) => {
        answer.resume();
        answer.on('end', () => resolve(answer.statusCode));
      })
      .on('timeout', function giveUp() {
        this.destroy(new Error(`no answer from ${socketPath}`));
      })
      .on('error', reject);
  });

const pssKb = (pid) => {
  try {
    return Number(/^Pss:\s*(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))[1]);
  } catch {
    return 0; // It ended, or is not ours to read.
  }
};

describe('two hundred sandboxes at once', { skip: noSandbox || tooSmall }, () => {
  let platform;
  let vms;
  before(async () => {
    platform = await Platform.up({ settings: { 'pool.agent.warm': '0', 'pool.orphan_grace': '1h' } });
  });
  after(() => platform?.sweep());
  const cloudOs = () => platform.internal('cloud_os');

  test('all of them come up', async (t) => {
    const begin = Date.now();
    const body = { limits: { memory_mb: 64, cpu_count: 1, pids: 32 } };
    const answers = await inParallel(Array(kCount).fill(body), (spec) => cloudOs().post('/api/v1/vms', spec));
    assert.deepEqual(
      answers.filter(({ status }) => status !== 201).map(({ text }) => text),
      [],
    );
    vms = answers.map(({ json }) => json);
    t.diagnostic(`${kCount} sandboxes in ${Date.now() - begin} ms`);
  });

  test('each of them answers, while all are there', async (t) => {
    assert.equal(new Set(vms.map(({ vm_id: id }) => id)).size, kCount);
    const statuses = await inParallel(vms, ({ endpoint }) => health(endpoint.unix));
    assert.ok(statuses.every((status) => status === 200));
    const family = platform.traces.family().filter(({ pid }) => pid !== platform.child.pid);
    const kb = family.reduce((sum, { pid }) => sum + pssKb(pid), 0);
    t.diagnostic(
      `memory of one sandbox (PSS of its ${(family.length / kCount).toFixed(1)} processes): ${Math.round(kb / kCount)} kB; ` +
        `of the platform: ${pssKb(platform.child.pid)} kB`,
    );
    assert.ok(kb / kCount < 16_000, 'a waiting sandbox takes less than 16 MB');
  });

  test('all of them go, and leave nothing', async (t) => {
    platform.traces.observe();
    const begin = Date.now();
    const answers = await inParallel(vms, ({ vm_id: id }) => cloudOs().delete(`/api/v1/vms/${id}`));
    assert.ok(answers.every(({ status }) => status === 200));
    t.diagnostic(`removed in ${Date.now() - begin} ms`);
    const ids = vms.map(({ vm_id: id }) => id);
    assert.deepEqual(groupsNamed(ids), []);
    assert.deepEqual(
      processes().filter(({ command, state }) => state !== 'Z' && ids.some((id) => command.includes(id))),
      [],
    );
    await platform.stopAndLeaveNothing();
  });
});
