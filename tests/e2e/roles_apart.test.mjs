// The same roles as four processes that find each other by their addresses and share an internal secret.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';

import { expectWhole, find, results, systemEvent } from './events.mjs';
import { createAgent, internalSecret, noSandbox, Platform, until } from './harness.mjs';
import { request } from './http.mjs';
import { zipOf } from './zips.mjs';

const skip = noSandbox;
const roles = {};

async function serve(role, settings = {}) {
  roles[role] = await Platform.up({ command: ['serve', role], settings });
  return roles[role].endpoints[role];
}

before(async () => {
  if (skip) return;
  const model = await serve('model');
  const cloudOs = await serve('cloud_os', { 'cloud_os.model_url': model });
  const pool = await serve('pool', { 'pool.cloud_os_url': cloudOs });
  await serve('agent', {
    'agent.pool_url': pool,
    'agent.model_url': model,
    'auth.trust_user_header': 'true',
  });
});
// Sandboxes in use outlive the services that made them; whoever stops for good removes them first.
async function removeSandboxes() {
  const cloudOs = roles.cloud_os.internal('cloud_os');
  for (const { vm_id: id } of (await cloudOs.get('/api/v1/vms')).json.vms) {
    assert.equal((await cloudOs.delete(`/api/v1/vms/${id}`)).status, 200);
  }
}

after(async () => {
  if (skip) return;
  await roles.agent.stopAndLeaveNothing();
  if (roles.pool.ended) await roles.pool.start();
  await roles.pool.stopAndLeaveNothing();
  await removeSandboxes();
  await roles.cloud_os.stopAndLeaveNothing();
  await roles.model.stopAndLeaveNothing();
});

const user = () => roles.agent.as('ada');

test('each process serves its role alone', { skip }, async () => {
  for (const [role, platform] of Object.entries(roles)) {
    assert.deepEqual(Object.keys(platform.endpoints).sort(), ['pid', role].sort());
    assert.equal((await request(`${platform.endpoints[role]}/health`)).status, 200);
  }
});

test('skills get into a sandbox of another process, also those that it has to ask for', { skip }, async () => {
  const body = zipOf([
    { path: 'large/SKILL.md', content: '---\nname: large\ndescription: d\n---\nThe body.\n' },
    { path: 'large/assets/data.bin', content: randomBytes(1 << 20) },
  ]);
  const made = await user().post('/api/v1/agents/skills', body, { 'Content-Type': 'application/zip' });
  assert.equal(made.status, 200, made.text);
  for (const name of ['large', 'code']) {
    const agent = await createAgent(user(), { skills: [name] });
    const events = await user().chatAll({
      agent_config_id: agent.id,
      message: `Call the tool use_skill with {"name":"${name}"}`,
    });
    assert.equal(results(events)[0].metadata.is_error, false);
    assert.match(results(events)[0].content, /\.isa\/skills-cache\//);
  }
});

test('a basic chat goes through all four', { skip }, async () => {
  const agent = await createAgent(user(), { tools: ['bash_execute'] });
  const answer = await user().post('/api/v1/agents/chat', {
    agent_config_id: agent.id,
    message: 'What is 2+2?',
    stream: false,
  });
  assert.equal(answer.status, 200, answer.text);
  assert.match(answer.json.response, /\b4\b/);

  const events = await user().chatAll({
    agent_config_id: agent.id,
    message: 'Run the command `echo $((6*7))`',
  });
  expectWhole(events);
  assert.match(find(events, 'tool_result').content, /42/);
  assert.ok(systemEvent(events, 'sandbox.acquired'));
});

test('a session keeps its sandbox over HTTP too', { skip }, async () => {
  const agent = await createAgent(user(), { tools: ['bash_execute', 'write_file'] });
  const first = await user().chatAll({ agent_config_id: agent.id, message: 'Write "apart" to a.txt' });
  const next = await user().chatAll({
    agent_config_id: agent.id,
    session_id: first[0].session_id,
    message: 'Run the command `cat a.txt`',
  });
  assert.match(find(next, 'tool_result').content, /apart/);
});

test('an error of a role far behind reaches the client as it is', { skip }, async () => {
  const agent = await createAgent(user(), { model_id: 'gpt-4o-mini' });
  const answer = await user().post('/api/v1/agents/chat', {
    agent_config_id: agent.id,
    message: 'hello',
    stream: false,
  });
  assert.equal(answer.status, 424, answer.text);
  assert.equal(answer.json.error.code, 'model_not_configured');
  assert.match(answer.json.error.message, /model\.openai\.api_key|OPENAI_API_KEY/);
});

test('a role with another secret is refused by the others', { skip }, async () => {
  const wrong = await request(`${roles.pool.endpoints.pool}/api/v1/pools/agent/acquire`, {
    method: 'POST',
    headers: { 'X-Internal-Service': 'true', 'X-Internal-Service-Secret': `${internalSecret}x` },
    body: { session_id: 's', user_id: 'u' },
  });
  assert.equal(wrong.status, 401, wrong.text);
});

test('the pool manager that is killed and started again keeps the conversation', { skip }, async () => {
  const agent = await createAgent(user(), { tools: ['bash_execute', 'write_file'] });
  const first = await user().chatAll({ agent_config_id: agent.id, message: 'Write "before" to b.txt' });
  roles.pool.settings['pool.listen'] = new URL(roles.pool.endpoints.pool).host;
  await roles.pool.kill();
  await roles.pool.start();

  const next = await user().chatAll({
    agent_config_id: agent.id,
    session_id: first[0].session_id,
    message: 'Run the command `cat b.txt`',
  });
  assert.match(find(next, 'tool_result').content, /before/);
});

test(
  'without its pool the agent service says so, at once and in words, and comes back with it',
  { skip },
  async () => {
    const agent = await createAgent(user());
    roles.pool.settings['pool.listen'] = new URL(roles.pool.endpoints.pool).host;
    await roles.pool.kill();

    const answer = await user().post('/api/v1/agents/chat', {
      agent_config_id: agent.id,
      message: 'What is 2+2?',
      stream: false,
    });
    assert.ok([502, 503].includes(answer.status), answer.text);
    assert.match(answer.json.error.message, /pool|reach/i);
    assert.equal(answer.json.error.retryable, true);

    await roles.pool.start();
    await until(
      'chats to work again',
      async () =>
        (
          await user().post('/api/v1/agents/chat', {
            agent_config_id: agent.id,
            message: 'What is 2+2?',
            stream: false,
          })
        ).status === 200,
    );
  },
);
