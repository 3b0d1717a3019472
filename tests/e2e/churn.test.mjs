// Hundreds of creates, claims, commands and ends, while parts are killed at random: processes in sandboxes, their first
// process, the supervisor, and the platform itself. Afterwards nothing of it is left anywhere.
//
// CHURN_STEPS sets the length (thousands for a night), CHURN_SEED repeats a run; both stand in the output.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { backend, createAgent, noSandbox, Platform, until } from './harness.mjs';
import { groupsNamed, processes, rowsOf } from './traces.mjs';

// An engine takes a second for what bubblewrap does in a hundredth.
const kSteps = Number(process.env.CHURN_STEPS ?? (backend === 'docker' ? 150 : 1500));
const kSeed = Number(process.env.CHURN_SEED ?? 20_261_124);
const kHeldMax = 6;

// mulberry32: the same numbers for the same seed, everywhere.
function randomNumbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

class Churn {
  constructor(platform, agent) {
    this.platform = platform;
    this.agent = agent;
    this.random = randomNumbers(kSeed);
    this.sandboxes = []; // Ids of those that were created by hand.
    this.leases = []; // { instance_id, fencing_token }
    this.sessions = [];
    this.counts = {};
    this.names = 0;
    this.kills = 0; // Of the platform.
    this.isDown = false;
  }

  pick(from) {
    return from[Math.floor(this.random() * from.length)];
  }

  take(from) {
    return from.splice(Math.floor(this.random() * from.length), 1)[0];
  }

  count(what) {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }

  // While parts die every answer may be an error, but it is an answer: no connection breaks unless the platform itself
  // was killed meanwhile.
  async ask(what, call) {
    const { kills, isDown } = this;
    try {
      const answer = await call();
      this.count(`${what}: ${answer.status}`);
      return answer;
    } catch (error) {
      if (kills === this.kills && !isDown) throw error;
      this.count(`${what}: cut off`);
      return { status: 0 };
    }
  }

  cloudOs() {
    return this.platform.internal('cloud_os');
  }

  pool() {
    return this.platform.internal('pool');
  }

  async create() {
    if (this.sandboxes.length >= kHeldMax) return this.remove();
    const limits = { memory_mb: 64, cpu_count: 1, pids: 32 };
    const labels = { made: 'by hand' };
    const answer = await this.ask('create', () => this.cloudOs().post('/api/v1/vms', { limits, labels }));
    if (answer.status === 201) this.sandboxes.push(answer.json.vm_id);
  }

  async remove() {
    if (this.sandboxes.length === 0) return;
    const id = this.take(this.sandboxes);
    const answer = await this.ask('remove', () => this.cloudOs().delete(`/api/v1/vms/${id}`));
    if (answer.status !== 200) this.sandboxes.push(id);
  }

  async restart() {
    if (this.sandboxes.length === 0) return;
    const id = this.pick(this.sandboxes);
    await this.ask('stop', () => this.cloudOs().post(`/api/v1/vms/${id}/stop`));
    await this.ask('start', () => this.cloudOs().post(`/api/v1/vms/${id}/start`));
  }

  async claim() {
    if (this.leases.length >= kHeldMax) return this.release();
    const body = { session_id: `sess_churn_${(this.names += 1)}`, user_id: 'ada', timeout: 20 };
    const answer = await this.ask('claim', () => this.pool().post('/api/v1/pools/agent/acquire', body));
    if (answer.status === 200) this.leases.push(answer.json);
  }

  async release() {
    if (this.leases.length === 0) return;
    const { instance_id: id } = this.take(this.leases);
    await this.ask('release', () => this.pool().post(`/api/v1/pools/agent/${id}/release`, {}));
  }

  async command() {
    const session = this.sessions.length >= 3 ? this.pick(this.sessions) : undefined;
    const message = 'Run the command `echo $((6*7)); (sleep 300 &) ; cat /proc/1/cmdline > seen`';
    const body = { agent_config_id: this.agent.id, message, stream: false, ...(session && { session_id: session }) };
    const answer = await this.ask('command', () => this.platform.as('ada').post('/api/v1/agents/chat', body));
    if (answer.status === 200 && !session) this.sessions.push(answer.json.session_id);
  }

  async endSession() {
    if (this.sessions.length === 0) return;
    const id = this.take(this.sessions);
    await this.ask('end', () => this.platform.as('ada').delete(`/api/v1/agents/sessions/${id}`));
  }

  // Of a sandbox: a tool, the runtime, bubblewrap or the supervisor.
  async killPart() {
    const parts = this.platform.traces.family().filter(({ pid }) => pid !== this.platform.child.pid);
    if (parts.length === 0) return;
    const { pid, start } = this.pick(parts);
    if (!processes().some((process) => process.pid === pid && process.start === start)) return;
    process.kill(pid, 'SIGKILL');
    this.count('killed: a part of a sandbox');
  }

  async killPlatform() {
    this.kills += 1;
    this.isDown = true;
    await this.platform.kill();
    await this.platform.start();
    this.isDown = false;
    this.count('killed: the platform');
  }

  async burst() {
    const calls = [this.create(), this.claim(), this.command(), this.create(), this.claim()];
    if (this.random() < 0.3) calls.push(this.killPlatform());
    else if (this.random() < 0.5) calls.push(this.killPart());
    await Promise.all(calls);
  }

  async step() {
    const steps = [
      [4, this.create],
      [3, this.remove],
      [1, this.restart],
      [4, this.claim],
      [3, this.release],
      [3, this.command],
      [1, this.endSession],
      [4, this.killPart],
      [1.5, this.burst],
      [1, this.killPlatform],
    ];
    const whole = steps.reduce((sum, [weight]) => sum + weight, 0);
    let at = this.random() * whole;
    const [, run] = steps.find(([weight]) => (at -= weight) < 0);
    await run.call(this);
  }
}

describe('parts are killed at random while the platform works', { skip: noSandbox }, () => {
  let platform;
  let churn;
  before(async () => {
    platform = await Platform.up({
      settings: { 'pool.reconcile_every': '500ms', 'pool.orphan_grace': '2s', 'pool.agent.max': '20' },
    });
    const agent = await createAgent(platform.as('ada'), { tools: ['bash_execute'] });
    churn = new Churn(platform, agent);
  });
  after(() => platform?.sweep());

  test(`${kSteps} steps with the seed ${kSeed}: each is answered, and most succeed`, async (t) => {
    for (let step = 0; step < kSteps; step += 1) {
      await churn.step();
      platform.traces.observe();
    }
    t.diagnostic(JSON.stringify(churn.counts));
    for (const what of ['create: 201', 'remove: 200', 'claim: 200', 'command: 200'])
      assert.ok(churn.counts[what] > kSteps / 30, `${what} ${churn.counts[what]} times`);
    assert.ok(churn.counts['killed: a part of a sandbox'] > 0);
    assert.ok(churn.counts['killed: the platform'] > 0);
  });

  test('it is whole again: pool and cloud_os agree, and what is wanted is there', async () => {
    await platform.warm();
    const running = async () =>
      (await churn.cloudOs().get('/api/v1/vms')).json.vms
        .filter(({ labels, status }) => status === 'running' && labels.made !== 'by hand')
        .map(({ vm_id: id }) => id)
        .sort();
    const known = async () =>
      (await churn.pool().get('/api/v1/pools/agent/instances')).json.instances
        .map(({ sandbox_id: id }) => id)
        .sort();
    await until('the two to agree', async () => String(await running()) === String(await known())).catch(
      async () => assert.deepEqual(await running(), await known()),
    );
  });

  test('after its end nothing is left: processes, groups, mounts, sockets, folders, rows', async () => {
    await platform.stopAndLeaveNothing();
    const ids = [...new Set(platform.log().match(/\bvm_[0-9a-z]{26}\b/g))];
    assert.ok(ids.length > kSteps / 10, `${ids.length} sandboxes were made`);
    assert.deepEqual(groupsNamed(ids), []);
    assert.deepEqual(
      processes().filter(({ command }) => ids.some((id) => command.includes(id))),
      [],
    );
    assert.deepEqual(rowsOf(platform.dataDir, 'pool.db', ['pool_instances', 'leases']), {
      pool_instances: 0,
      leases: 0,
    });
  });
});
