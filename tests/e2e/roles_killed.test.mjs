// A conversation outlives kill -9 of every role: it goes on in the same sandbox, with its files, after each of them was
// killed and started again, one by one and all at once.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { expectWhole, results, systemEvent } from './events.mjs';
import { createAgent, noSandbox, Platform, until } from './harness.mjs';

const skip = noSandbox;
const order = ['model', 'cloud_os', 'pool', 'agent'];
const roles = {};
let agent;
let session;
let instance;

async function serve(role, settings = {}) {
  roles[role] = await Platform.up({ command: ['serve', role], settings });
  // Started again it is found where it was.
  const address = roles[role].endpoints[role];
  roles[role].settings[`${role}.listen`] = new URL(address).host;
  return address;
}

const user = () => roles.agent.as('ada');
const say = (message) => user().chatAll({ agent_config_id: agent.id, session_id: session, message });

before(async () => {
  if (skip) return;
  const model = await serve('model');
  const cloudOs = await serve('cloud_os', { 'cloud_os.model_url': model });
  const pool = await serve('pool', { 'pool.cloud_os_url': cloudOs });
  await serve('agent', { 'agent.pool_url': pool, 'agent.model_url': model, 'auth.trust_user_header': 'true' });
  agent = await createAgent(user(), { tools: ['bash_execute', 'write_file'] });
  const first = await say('Write "from the beginning" to diary.txt');
  expectWhole(first);
  session = first[0].session_id;
  instance = systemEvent(first, 'sandbox.acquired').metadata.instance_id;
});

after(async () => {
  if (skip) return;
  await roles.agent.stopAndLeaveNothing();
  await roles.pool.stopAndLeaveNothing();
  const cloudOs = roles.cloud_os.internal('cloud_os');
  for (const { vm_id: id } of (await cloudOs.get('/api/v1/vms')).json.vms)
    assert.equal((await cloudOs.delete(`/api/v1/vms/${id}`)).status, 200);
  await roles.cloud_os.stopAndLeaveNothing();
  await roles.model.stopAndLeaveNothing();
});

async function expectSameSandbox(line) {
  const events = await until('the conversation to go on', async () => {
    const answer = await say(`Run the command \`echo ${line} >> diary.txt; cat diary.txt\``);
    return results(answer).length > 0 && answer;
  });
  expectWhole(events);
  assert.equal(systemEvent(events, 'sandbox.acquired').metadata.instance_id, instance);
  assert.match(results(events)[0].content, new RegExp(`from the beginning.*${line}`, 's'));
}

for (const role of order) {
  test(`${role} is killed and started again: the conversation goes on in its sandbox`, { skip }, async () => {
    await roles[role].kill();
    await roles[role].start();
    await expectSameSandbox(`after-${role}`);
  });
}

test('all four are killed at once and started again: the conversation goes on in its sandbox', { skip }, async () => {
  await Promise.all(order.map((role) => roles[role].kill()));
  for (const role of order) await roles[role].start();
  await expectSameSandbox('after-all');
});
