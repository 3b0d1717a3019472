// The steps that the original system was verified with, as its people typed them: by curl, but for ports and ids.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, test } from 'node:test';

import { environment, noSandbox, Platform } from './harness.mjs';
import { outline } from './events.mjs';

const noCurl = spawnSync('curl', ['--version']).error ? 'curl is not installed' : false;
const skip = noSandbox || noCurl;

let platform;
let agentId;
before(async () => {
  if (skip) return;
  platform = await Platform.up();
  await platform.warm();
});
after(() => platform?.stopAndLeaveNothing());

const port = (role) => new URL(platform.endpoints[role]).port;

// curl's arguments after its name. Gives the body and the status.
function curl(...args) {
  const done = spawnSync('curl', ['-sS', '--max-time', '60', '-w', '\n%{http_code}', ...args], {
    encoding: 'utf8',
    env: environment(),
  });
  assert.equal(done.status, 0, done.stderr);
  const end = done.stdout.lastIndexOf('\n');
  return { status: Number(done.stdout.slice(end + 1)), body: done.stdout.slice(0, end) };
}

function curlJson(...args) {
  const { status, body } = curl(...args);
  assert.equal(status, 200, body);
  return JSON.parse(body);
}

const asTestUser = ['-H', 'user-id: test-user', '-H', 'Content-Type: application/json'];
const configs = (rest = '') => `http://localhost:${port('agent')}/api/v1/agents/configs${rest}`;
const chat = () => `http://localhost:${port('agent')}/api/v1/agents/chat`;

test('every role says that it is healthy', { skip }, () => {
  for (const role of ['agent', 'pool', 'cloud_os', 'model']) {
    const health = curlJson(`http://localhost:${port(role)}/health`);
    assert.match(health.status, /^(ok|healthy)$/, `${role}: ${JSON.stringify(health)}`);
    assert.ok(health.version, `${role} says its version`);
  }
});

test('the pool holds warm sandboxes', { skip }, () => {
  const stats = curlJson(`http://localhost:${port('pool')}/api/v1/pools/agent/stats`);
  assert.equal(stats.pool_type, 'agent');
  assert.ok(stats.warm_instances > 0, JSON.stringify(stats));
});

test('a basic agent is created', { skip }, () => {
  const agent = curlJson(
    '-X',
    'POST',
    configs(),
    ...asTestUser,
    '-d',
    '{"name":"E2E Test","model_id":"builtin/demo","system_prompt":"You are helpful. Keep answers short.","env":"cloud_pool"}',
  );

  assert.match(agent.id, /^agent_[0-9a-z]{26}$/);
  assert.equal(agent.owner_id, 'test-user');
  assert.equal(agent.source, 'basic');
  assert.equal(agent.env, 'cloud_pool');
  assert.equal(agent.mode, 'REACTIVE');
  assert.equal(agent.version, 1);
  agentId = agent.id;
});

test('it is there when asked for, alone and in the list', { skip }, () => {
  const agent = curlJson(configs(`/${agentId}`), ...asTestUser);
  assert.equal(agent.name, 'E2E Test');
  assert.equal(agent.system_prompt, 'You are helpful. Keep answers short.');

  const { agents } = curlJson(configs(), ...asTestUser);
  assert.ok(agents.some(({ id }) => id === agentId));
});

test('a chat that is not streamed answers what 2+2 is', { skip }, () => {
  const answer = curlJson(
    '-X',
    'POST',
    chat(),
    ...asTestUser,
    '-d',
    `{"agent_config_id":"${agentId}","message":"What is 2+2?","stream":false}`,
  );

  assert.equal(answer.status, 'success');
  assert.match(answer.response, /\b4\b/);
  assert.match(answer.session_id, /./);
  assert.match(answer.run_id, /./);
  assert.ok(answer.duration_ms >= 0);
});

test('the same chat, streamed, sends its events in order and ends with [DONE]', { skip }, () => {
  const { status, body } = curl(
    '-N',
    '-X',
    'POST',
    chat(),
    ...asTestUser,
    '-d',
    `{"agent_config_id":"${agentId}","message":"What is 2+2?","stream":true}`,
  );
  assert.equal(status, 200, body);

  const frames = body
    .split('\n')
    .filter((line) => line.startsWith('data: '))
    .map((line) => line.slice(6));
  assert.equal(frames.pop(), '[DONE]');
  const events = frames.map((frame) => JSON.parse(frame));
  assert.deepEqual(outline(events), ['session_start', 'system', 'text', 'result', 'session_end']);
  assert.deepEqual(
    events.map((event) => event.seq),
    events.map((_, index) => index + 1),
  );
  assert.match(events.find((event) => event.type === 'result').content, /\b4\b/);
  const ids = body
    .split('\n')
    .filter((line) => line.startsWith('id: '))
    .map((line) => line.slice(4));
  assert.deepEqual(
    ids,
    events.map((event) => event.id),
  );
});

test('templates are listed without saying who asks', { skip }, () => {
  const { templates } = curlJson(`http://localhost:${port('agent')}/api/v1/agents/templates`);
  const names = templates.map(({ id }) => id);
  for (const id of [
    'basic-assistant',
    'researcher',
    'data-analyst',
    'report-writer',
    'code-reviewer',
    'debugger',
    'content-creator',
    'customer-support',
  ])
    assert.ok(names.includes(id), `${id} is missing from ${names}`);
  const one = curlJson(`http://localhost:${port('agent')}/api/v1/agents/templates/researcher`);
  assert.deepEqual(
    one,
    templates.find(({ id }) => id === 'researcher'),
  );
});

test(
  'an agent from the template researcher inherits prompt, tools, skills and COLLABORATIVE',
  { skip },
  () => {
    const template = curlJson(`http://localhost:${port('agent')}/api/v1/agents/templates/researcher`);

    const agent = curlJson(
      '-X',
      'POST',
      configs(),
      ...asTestUser,
      '-d',
      '{"name":"My Researcher","model_id":"builtin/demo","template_id":"researcher","source":"template"}',
    );

    assert.equal(agent.source, 'template');
    assert.equal(agent.template_id, 'researcher');
    assert.equal(agent.mode, 'COLLABORATIVE');
    assert.deepEqual(agent.tools, ['web_search', 'web_crawl', 'read_file', 'write_file']);
    assert.deepEqual(agent.skills, ['web']);
    assert.equal(agent.system_prompt, template.system_prompt);
    assert.match(agent.system_prompt, /research/i);
    assert.equal(agent.name, 'My Researcher');
  },
);

test('what the body names wins over the template, and nothing else changes', { skip }, () => {
  const template = curlJson(`http://localhost:${port('agent')}/api/v1/agents/templates/researcher`);

  const agent = curlJson(
    '-X',
    'POST',
    configs(),
    ...asTestUser,
    '-d',
    '{"name":"Mine","model_id":"builtin/demo","template_id":"researcher","source":"template","mode":"REACTIVE","tools":["read_file"]}',
  );

  assert.equal(agent.mode, 'REACTIVE');
  assert.deepEqual(agent.tools, ['read_file']);
  assert.equal(agent.system_prompt, template.system_prompt);
  assert.deepEqual(agent.skills, template.skills);
});

test('an agent from a template chats', { skip }, () => {
  const agent = curlJson(
    '-X',
    'POST',
    configs(),
    ...asTestUser,
    '-d',
    '{"name":"R","model_id":"builtin/demo","template_id":"researcher"}',
  );
  const answer = curlJson(
    '-X',
    'POST',
    chat(),
    ...asTestUser,
    '-d',
    `{"agent_config_id":"${agent.id}","message":"What is 6*7?","stream":false}`,
  );
  assert.match(answer.response, /\b42\b/);
});

test('a PATCH changes what it names and keeps the rest', { skip }, () => {
  const changed = curlJson(
    '-X',
    'PATCH',
    configs(`/${agentId}`),
    ...asTestUser,
    '-d',
    '{"description":"changed"}',
  );
  assert.equal(changed.description, 'changed');
  assert.equal(changed.name, 'E2E Test');
  assert.equal(changed.system_prompt, 'You are helpful. Keep answers short.');
  assert.equal(changed.version, 2);
});

test('a PATCH with an old If-Match is refused with 409', { skip }, () => {
  const lost = curl(
    '-X',
    'PATCH',
    configs(`/${agentId}`),
    ...asTestUser,
    '-H',
    'If-Match: 1',
    '-d',
    '{"description":"late"}',
  );
  assert.equal(lost.status, 409, lost.body);
  assert.equal(curlJson(configs(`/${agentId}`), ...asTestUser).description, 'changed');
});

test('a deleted agent is gone at once', { skip }, () => {
  assert.equal(curl('-X', 'DELETE', configs(`/${agentId}`), ...asTestUser).status, 200);

  const gone = curl(configs(`/${agentId}`), ...asTestUser);
  assert.equal(gone.status, 404);
  assert.equal(JSON.parse(gone.body).error.code, 'not_found');
  assert.ok(!curlJson(configs(), ...asTestUser).agents.some(({ id }) => id === agentId));
});

test('a chat with a deleted agent is a 404', { skip }, () => {
  const gone = curl(
    '-X',
    'POST',
    chat(),
    ...asTestUser,
    '-d',
    `{"agent_config_id":"${agentId}","message":"hello","stream":false}`,
  );
  assert.equal(gone.status, 404, gone.body);
});
