// Two pool managers, each a process, on one Redis and one cloud_os: whoever is killed when, no instance is leased
// twice, no session has two, and in the end everybody agrees on what there is.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { internalSecret, noSandbox, Platform, run, setFlags, until } from './harness.mjs';
import { as } from './http.mjs';
import { noRedis, RedisServer } from './redis.mjs';

const skip = noSandbox || noRedis;
const managers = [];
let redis;
let cloudOs;

before(async () => {
  if (skip) return;
  redis = await new RedisServer().start();
  cloudOs = await Platform.up({ command: ['serve', 'cloud_os'] });
  for (let i = 0; i < 2; i += 1) {
    managers.push(
      await Platform.up({
        command: ['serve', 'pool'],
        settings: {
          'pool.store': 'redis',
          'redis.url': redis.url,
          'redis.timeout': '500ms',
          'pool.cloud_os_url': cloudOs.endpoints.cloud_os,
          'pool.agent.warm': '4',
          'pool.agent.max': '24',
          'pool.manager_ttl': '2s',
          'pool.reconcile_every': '500ms',
          'pool.orphan_grace': '2s',
        },
      }),
    );
  }
});

after(async () => {
  if (skip) return;
  for (const manager of managers) await manager.stopAndLeaveNothing();
  const vms = as(cloudOs.endpoints.cloud_os, secret);
  for (const { vm_id: id } of (await vms.get('/api/v1/vms')).json.vms)
    assert.equal((await vms.delete(`/api/v1/vms/${id}`)).status, 200);
  await cloudOs.stopAndLeaveNothing();
  await redis.kill();
});

const secret = { 'X-Internal-Service': 'true', 'X-Internal-Service-Secret': internalSecret };
const pool = (i) => as(managers[i].endpoints.pool, secret);
const acquire = (i, session, timeout = 20) =>
  pool(i).post('/api/v1/pools/agent/acquire', { session_id: session, user_id: 'ada', timeout });
const release = (i, { instance_id: id, lease }) =>
  pool(i).post(`/api/v1/pools/agent/${id}/release`, { fencing_token: lease.fencing_token });

const recorded = async (i) => (await pool(i).get('/api/v1/pools/agent/instances')).json.instances;
const alive = async () =>
  (await as(cloudOs.endpoints.cloud_os, secret).get('/api/v1/vms')).json.vms
    .filter(({ status }) => status === 'running')
    .map(({ vm_id: id }) => id)
    .sort();

// Both managers and cloud_os know the same sandboxes, the pool is full again, and as many are leased as should be.
async function expectAgreement(leased) {
  let last;
  await until(
    'both managers and cloud_os to agree',
    async () => {
      const known = await Promise.all([recorded(0), recorded(1)]);
      const ids = known.map((instances) => instances.map(({ sandbox_id: id }) => id).sort());
      const states = known[0].map(({ status }) => status);
      last = JSON.stringify({ states, ids, alive: await alive() });
      const count = (state) => states.filter((one) => one === state).length;
      return (
        String(ids[0]) === String(ids[1]) &&
        String(ids[0]) === String(await alive()) &&
        count('leased') === leased &&
        count('warm') === 4 &&
        states.length === leased + 4
      );
    },
    30_000,
  ).catch((error) => assert.fail(`${error.message}: ${last}`));
}

test('both fill the pool together, once', { skip }, () => expectAgreement(0));

test('a session asked for at both has one instance, and no instance two sessions', { skip }, async () => {
  const sessions = Array.from({ length: 8 }, (_, i) => `both-${i}`);
  const asked = sessions.map((session) => Promise.all([acquire(0, session), acquire(1, session)]));
  const answers = await Promise.all(asked);
  for (const pair of answers) {
    for (const { status, text } of pair) assert.equal(status, 200, text);
    assert.equal(pair[0].json.instance_id, pair[1].json.instance_id);
    assert.equal(pair[0].json.lease.fencing_token, pair[1].json.lease.fencing_token);
  }
  assert.equal(new Set(answers.map(([{ json }]) => json.instance_id)).size, sessions.length);
  assert.equal(new Set(answers.map(([{ json }]) => json.lease.fencing_token)).size, sessions.length);
  await expectAgreement(8);
  // Whoever gave it, the other may take it back.
  for (const [one] of answers) assert.equal((await release(1, one.json)).status, 200);
  await expectAgreement(0);
});

test('kill -9 of a manager and of Redis under load: nothing is leased twice, nothing is left', { skip }, async () => {
  const owners = new Map(); // instance -> session, of everything that was ever handed out.
  const tokens = new Map(); // fencing token -> lease
  const held = new Map(); // session -> the last answer
  const take = ({ status, json }, session) => {
    if (status !== 200) return assert.equal(status, 503, JSON.stringify(json));
    assert.equal(owners.get(json.instance_id) ?? session, session, 'an instance serves one session in its life');
    owners.set(json.instance_id, session);
    assert.equal(tokens.get(json.lease.fencing_token) ?? json.lease.id, json.lease.id);
    tokens.set(json.lease.fencing_token, json.lease.id);
    held.set(session, json);
    return undefined;
  };
  let calm = false;
  const worker = async (n) => {
    for (let round = 0; !calm; round += 1) {
      const session = `load-${n}`;
      const by = (n + round) % 2;
      const back = Math.floor(round / 6) % 2; // Either may be asked for it, also while the other is dead.
      try {
        take(await acquire(by, session, 3), session);
        if (round % 3 === 2 && held.has(session)) {
          const { status } = await release(back, held.get(session));
          if (status === 200) held.delete(session);
        }
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error; // Else the manager is dead just now.
      }
    }
  };
  const workers = Promise.all(Array.from({ length: 6 }, (_, n) => worker(n)));
  const moreAcquired = (count) =>
    Promise.race([workers, until('more to be handed out', () => tokens.size >= count, 30_000)]);

  managers[0].settings['pool.listen'] = new URL(managers[0].endpoints.pool).host;
  try {
    await moreAcquired(8);
    await managers[0].kill();
    await moreAcquired(tokens.size + 4);
    await managers[0].start();
    await moreAcquired(tokens.size + 4);
    await redis.kill();
    await redis.start();
    await moreAcquired(tokens.size + 4);
  } finally {
    calm = true;
    await workers;
  }

  // Every session has one instance by both, and it can be given back.
  for (let n = 0; n < 6; n += 1) {
    const answers = await Promise.all([acquire(0, `load-${n}`), acquire(1, `load-${n}`)]);
    answers.forEach((answer) => {
      assert.equal(answer.status, 200, answer.text);
      take(answer, `load-${n}`);
    });
    assert.equal(answers[0].json.instance_id, answers[1].json.instance_id);
  }
  await expectAgreement(6);
  for (let n = 0; n < 6; n += 1) assert.equal((await release(n % 2, held.get(`load-${n}`))).status, 200);
  await expectAgreement(0);
});

test('a lease of a manager that is gone lives on with the other', { skip }, async () => {
  const { json: lease } = await acquire(0, 'heir');
  managers[0].settings['pool.listen'] = new URL(managers[0].endpoints.pool).host;
  await managers[0].kill();
  const again = await acquire(1, 'heir');
  assert.equal(again.json.instance_id, lease.instance_id);
  assert.equal(again.json.resumed, true);
  await managers[0].start();
  assert.equal((await release(0, lease)).status, 200);
  await expectAgreement(0);
});

for (const [what, away, back] of [
  ['is killed', () => redis.kill(), () => redis.start()],
  ['hangs', () => redis.pause(), () => redis.goOn()],
]) {
  test(`Redis ${what}: 503 with the reason at once, recovery by itself, no ghost`, { skip }, async () => {
    await away();
    const gone = await until('the manager to notice', async () => {
      const answer = await acquire(0, 'away', 1);
      return answer.json?.error?.code === 'store_unavailable' && answer;
    });
    assert.equal(gone.status, 503);
    assert.match(gone.json.error.message, /Redis/);
    assert.ok(Number(gone.headers['retry-after']) >= 1);
    const start = Date.now();
    assert.equal((await acquire(0, 'away', 10)).status, 503);
    assert.ok(Date.now() - start < 900, 'it did not wait');
    const ready = await pool(0).get('/ready');
    assert.equal(ready.status, 503);
    assert.match(ready.text, /Redis|store/);

    await back();
    const { json: lease } = await until('acquires to work again', async () => {
      const answer = await acquire(0, 'away');
      return answer.status === 200 && answer;
    });
    assert.equal((await release(1, lease)).status, 200);
    await expectAgreement(0);
  });
}

test('Redis loses its data: no orphan and no ghost is left, and tokens still grow', { skip }, async () => {
  const { json: before } = await acquire(0, 'lost');
  await redis.killAndLoseData();
  await redis.start();
  const after = await until('acquires to work again', async () => {
    const { status, json } = await acquire(1, 'lost');
    return status === 200 && json;
  });
  assert.notEqual(after.instance_id, before.instance_id);
  assert.ok(after.lease.fencing_token > before.lease.fencing_token);
  await expectAgreement(1);
  assert.equal((await release(0, after)).status, 200);
  await expectAgreement(0);
});

test('what every manager must know is told to one: drain, and a deployment', { skip }, async () => {
  const drained = await pool(0).post('/api/v1/pools/agent/drain');
  assert.equal(drained.status, 200, drained.text);
  await until('the other to drain', async () => (await pool(1).get('/api/v1/pools/agent/stats')).json.is_draining);
  const refused = await acquire(1, 'late', 1);
  assert.equal(refused.status, 503);
  assert.equal(refused.json.error.code, 'pool_draining');
  assert.equal((await pool(1).delete('/api/v1/pools/agent/drain')).status, 200);
  await expectAgreement(0);

  const put = await pool(0).put('/api/v1/pools/custom_agent/deployments/greeter', {
    min_warm: 0,
    max_instances: 2,
  });
  assert.equal(put.status, 200, put.text);
  const body = { session_id: 'custom', user_id: 'ada', deployment_id: 'greeter' };
  const cold = await pool(1).post('/api/v1/pools/custom_agent/acquire', body);
  assert.equal(cold.status, 200, cold.text);
  assert.equal(cold.json.warm, false);
  const { instance_id: id, lease } = cold.json;
  const given = await pool(0).post(`/api/v1/pools/custom_agent/${id}/release`, {
    fencing_token: lease.fencing_token,
  });
  assert.equal(given.status, 200, given.text);
  assert.equal((await pool(1).delete('/api/v1/pools/custom_agent/deployments/greeter')).status, 200);
});

test('a Redis that cannot be reached at the start is no reason to fall back to another store', { skip }, async () => {
  const settings = { 'pool.store': 'redis', 'redis.url': 'unix:/nowhere/redis.sock', 'pool.listen': '127.0.0.1:0' };
  const ended = await run(['serve', 'pool', '--data-dir', `${redis.folder}/d`, ...setFlags(settings)], {
    env: { ISA_AUTH_INTERNAL_SECRET: internalSecret },
  });
  assert.equal(ended.status, 1);
  assert.match(ended.stderr, /redis\.url/);
  const shown = await run(['config', ...setFlags({ 'redis.password': 'secret' })]);
  assert.equal(shown.status, 1);
  assert.match(shown.stderr, /ISA_REDIS_PASSWORD/);
});
