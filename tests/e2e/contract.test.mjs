// Every operation of every role is called once and answers well. That the answers are as api/ says is the harness's to
// see (../contract/guard.mjs); that none is forgotten, the last test's.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import fs from 'node:fs';
import { after, before, test } from 'node:test';

import { Contract, folder, roles } from '../contract/contract.mjs';
import { hasSeen } from '../contract/guard.mjs';
import { createAgent, noSandbox, Platform } from './harness.mjs';
import { EventStream, request } from './http.mjs';

const skip = noSandbox;
let platform;
before(async () => {
  if (skip) return;
  platform = await Platform.up();
  await platform.warm();
});
after(() => platform?.stopAndLeaveNothing());

async function good(answer, status = 200) {
  const { status: found, json, text } = await answer;
  assert.equal(found, status, text);
  return json;
}

async function streamed(role, path, body) {
  const stream = await EventStream.open(platform.endpoints[role] + path, {
    method: 'POST',
    headers: { 'user-id': 'ada' },
    body,
  });
  assert.equal(stream.status, 200);
  const frames = [];
  for await (const frame of stream) frames.push(frame.data);
  assert.ok(frames.length > 1, frames.join('\n'));
}

test('the routes that every role has', { skip }, async () => {
  for (const role of roles)
    for (const path of ['/health', '/ready', '/metrics']) await good(platform.as('ada', role).get(path));
});

test('every role serves its contract, and what that refers to, to everybody', { skip }, async () => {
  for (const role of roles)
    for (const [path, name] of [
      ['/openapi.yaml', `${role}.openapi.yaml`],
      ['/common.yaml', 'common.yaml'],
    ]) {
      const answer = await request(platform.endpoints[role] + path);
      assert.equal(answer.status, 200);
      assert.equal(answer.text, fs.readFileSync(`${folder}/${name}`, 'utf8'), `${role}${path}`);
    }
});

async function twoPages(user, path) {
  const first = await good(user.get(`${path}?limit=1`));
  const second = await good(user.get(`${path}?limit=1&cursor=${first.next_cursor}`));
  assert.deepEqual([...first.versions, ...second.versions].map(({ version }) => version), [2, 1]);
  assert.equal(second.next_cursor, null);
}

test('agents and their versions', { skip }, async () => {
  const ada = platform.as('ada');
  const path = '/api/v1/agents/configs';
  const full = {
    description: 'All fields',
    tools: ['read_file'],
    approvals: [{ match: 'bash_execute', timeout_s: 60, on_timeout: 'deny' }],
    limits: { max_turns: 3, max_usd: 0.5 },
    egress: ['example.com'],
    metadata: { team: 'a' },
  };
  const { id } = await createAgent(ada, full);
  await createAgent(ada, { name: 'From a template', template_id: 'researcher' });
  await good(ada.get(`${path}/${id}`));
  await good(ada.patch(`${path}/${id}`, { description: null, mode: 'PROACTIVE' }));
  await good(ada.get(`${path}?limit=1`));
  await twoPages(ada, `${path}/${id}/versions`);
  await good(ada.get(`${path}/${id}/versions/1`));
  await good(ada.post(`${path}/${id}/rollback`, { version: 1 }, { 'Idempotency-Key': 'contract' }));
  await good(ada.get(`${path}/${id}/audit?limit=1`));
  await good(ada.get(`${path}/${id}/memories?query=cat&limit=1`));
  await good(ada.get(`${path}/${id}/memories?limit=0`), 422);
  await good(ada.delete(`${path}/${id}/memories?key=a`));
  await good(ada.delete(`${path}/${id}/memories`));
  await good(ada.delete(`${path}/${id}`));
  await good(ada.get(`${path}/${id}`), 404);
});

test('templates', { skip }, async () => {
  const ada = platform.as('ada');
  const path = '/api/v1/agents/templates';
  const { id } = await good(ada.post(path, { name: 'Mine', tools: ['read_file'], env: 'cloud_shared' }));
  await good(ada.get(path));
  await good(ada.get(`${path}/${id}`));
  await good(ada.put(`${path}/${id}`, { name: 'Mine still' }));
  await good(ada.delete(`${path}/${id}`));
  await good(ada.put(`${path}/researcher`, { name: 'Not mine' }), 403);
});

test('teams', { skip }, async () => {
  const ada = platform.as('ada');
  const path = '/api/v1/agents/multi-specs';
  const agents = [{ name: 'a', model_id: 'builtin/demo', limits: { max_turns: 3 } }, { name: 'b', description: 'B' }];
  const tasks = [{ id: 't', agent: 'a', title: 'What is 2+2?', timeout_s: 60, retries: 1 }];
  const { id } = await good(ada.post(path, { name: 'Mine', routing_spec: { agents, tasks, max_parallel: 2 } }));
  await good(ada.get(`${path}?limit=1`));
  await good(ada.get(`${path}/${id}`));
  await good(ada.patch(`${path}/${id}`, { description: null, entry_agent_id: 'b' }));
  await twoPages(ada, `${path}/${id}/versions`);
  await good(ada.get(`${path}/${id}/versions/1`));
  await good(ada.post(`${path}/${id}/rollback`, { version: 1 }, { 'Idempotency-Key': 'contract-team' }));
  await good(ada.post('/api/v1/agents/swarm', { prompt: 'What is 1+1?', agents }));
  await good(ada.post('/api/v1/agents/swarm/dag', { prompt: 'Sum.', multi_agent_id: id }));
  const asks = { ...agents[0], tools: ['ask_human'], mode: 'COLLABORATIVE', approvals: [{ match: 'bash_execute', timeout_s: 60 }] };
  const prompt = 'Call the tool ask_human with {"question":"Which?"}';
  const { run_id: waiting } = await good(ada.post('/api/v1/agents/swarm', { prompt, agents: [asks] }), 202);
  await good(ada.get(`/api/v1/agents/runs/${waiting}/approvals`));
  await good(ada.post(`/api/v1/agents/runs/${waiting}/cancel`));
  await streamed('agent', '/api/v1/agents/swarm/stream', { message: 'Sum.', agents, tasks, parallel: false });
  await good(ada.delete(`${path}/${id}`));
  await good(ada.get(`${path}/${id}`), 404);
});

test('skills', { skip }, async () => {
  const ada = platform.as('ada');
  const path = '/api/v1/agents/skills';
  const files = { 'SKILL.md': '---\nname: mine\ndescription: What it does.\n---\nHow.\n' };
  await good(ada.post(path, { files }));
  await good(ada.post(path, { files }), 409);
  await good(ada.get(path));
  await good(ada.get(`${path}/mine`));
  await good(ada.get(`${path}/mine?file=SKILL.md`));
  await good(ada.put(`${path}/mine`, { files }));
  await good(ada.delete(`${path}/mine`));
  await good(ada.delete(`${path}/code`), 403);
});

test('questions, decisions and the rules that come of them', { skip }, async () => {
  const ada = platform.as('ada');
  const agent = await createAgent(ada, {
    env: 'cloud_shared',
    mode: 'COLLABORATIVE',
    tools: ['get_current_time'],
    approvals: [{ match: 'get_current_time' }],
  });
  const message = 'Call the tool get_current_time with {}';
  const { run_id: run } = await good(
    ada.post('/api/v1/agents/chat', { agent_config_id: agent.id, message, stream: false }),
    202,
  );
  const [question] = (await good(ada.get('/api/v1/agents/approvals?state=pending&limit=1'))).approvals;
  await good(ada.get(`/api/v1/agents/runs/${run}/approvals`));
  const decision = { decision: 'approve', always: 'get_current_time' };
  await good(ada.post(`/api/v1/agents/runs/${run}/approvals/${question.request_id}`, decision));
  await (await ada.events(run)).all();
  const { allowances } = await good(ada.get('/api/v1/agents/approvals/allowances'));
  await good(ada.delete(`/api/v1/agents/approvals/allowances/${allowances[0].id}`));
  const asked = { message: 'Call the tool ask_human with {"question":"Why?"}', tools: ['ask_human'], stream: false };
  await good(ada.post('/api/v1/agents/chat', { ...asked, output_format: 'text' }));
});

test('the queue of a session', { skip }, async () => {
  const ada = platform.as('ada');
  const agent = await createAgent(ada, { tools: ['bash_execute'] });
  const first = await ada.chat({ agent_config_id: agent.id, message: 'Run the command `sleep 3`' });
  const [{ run_id: run, session_id: session }] = await first.takeUntil(({ type }) => type === 'tool_use');
  const wait = async (message) => {
    const stream = await ada.chat({ agent_config_id: agent.id, session_id: session, message });
    return (await stream.takeUntil(({ metadata }) => metadata.event === 'queued'))[0].run_id;
  };
  const [one, two] = [await wait('say "one"'), await wait('say "two"')];
  await good(ada.get(`/api/v1/agents/sessions/${session}/queue`));
  await good(ada.patch(`/api/v1/agents/runs/${two}`, { before: one, message: 'say "2"' }));
  await good(ada.post(`/api/v1/agents/runs/${one}/steer`));
  await good(ada.post(`/api/v1/agents/runs/${run}/steer`, { message: 'say "more"' }));
  await good(ada.post(`/api/v1/agents/runs/${run}/cancel`));
});

test('triggers', { skip }, async () => {
  const ada = platform.as('ada');
  const path = '/api/v1/agents/triggers';
  const { id: agent } = await createAgent(ada, { mode: 'PROACTIVE', env: 'cloud_shared' });
  const body = { name: 'watch', prompt: 'What is 2+2?', agent_config_id: agent };
  const rule = { event: 'log', all: [{ field: 'level', op: 'equals', value: 'error' }] };
  const pattern = await good(ada.post(path, { ...body, type: 'pattern', rule }));
  await good(ada.get(path));
  await good(ada.get(`${path}/${pattern.id}`));
  await good(ada.post('/api/v1/agents/events', { type: 'log', data: { level: 'info' } }));
  await good(ada.post(`${path}/${pattern.id}/fire`, {}));
  await good(ada.get(`${path}/${pattern.id}/firings?limit=1`));
  await good(ada.patch(`${path}/${pattern.id}`, { name: 'see' }));
  const hook = await good(ada.post(path, { ...body, type: 'webhook' }));
  const call = '{"build":7}';
  const at = Math.floor(Date.now() / 1000);
  const mac = createHmac('sha256', hook.secret).update(`${at}.${call}`).digest('hex');
  await good(
    platform.as('nobody').post(`/api/v1/agents/hooks/${hook.id}`, call, { 'X-ISA-Signature': `t=${at},v1=${mac}` }),
  );
  await good(ada.delete(`${path}/${hook.id}`));
});

test('chats, sessions and runs', { skip }, async () => {
  const ada = platform.as('ada');
  const { id } = await createAgent(ada, { tools: ['bash_execute'] });
  const begun = await good(ada.post('/api/v1/agents/sessions', { agent_config_id: id, title: 'A talk' }));
  await ada.chatAll({ agent_config_id: id, message: 'What is 2+2?', session_id: begun.id });
  const chat = { agent_config_id: id, message: 'And 3+4?', session_id: begun.id, stream: false };
  const { run_id: run } = await good(ada.post('/api/v1/agents/chat', chat));
  await good(ada.post('/query', { prompt: 'What is 1+1?', model: 'builtin/demo' }));

  const session = `/api/v1/agents/sessions/${begun.id}`;
  await good(ada.get('/api/v1/agents/sessions?limit=1'));
  await good(ada.get(session));
  await good(ada.get(`${session}/messages`));
  await good(ada.get(`${session}/runs`));
  await good(ada.get(`/api/v1/agents/runs/${run}`));
  await good(ada.get(`/api/v1/agents/runs/${run}/events`, { Accept: 'application/json' }));
  await (await ada.events(run)).all();
  await good(ada.post(`/api/v1/agents/runs/${run}/cancel`));
  await good(ada.post(`${session}/fork`, { run_id: run }));
  await good(ada.get(`${session}/export`));
  await good(ada.delete(session));
});

test('models in both dialects', { skip }, async () => {
  const ada = platform.as('ada', 'model');
  const messages = [{ role: 'user', content: 'What is 2+2?' }];
  const openai = { model: 'builtin/demo', messages };
  const anthropic = { ...openai, max_tokens: 50 };
  await good(ada.post('/v1/chat/completions', openai));
  await streamed('model', '/v1/chat/completions', {
    ...openai,
    stream: true,
    stream_options: { include_usage: true },
  });
  await good(ada.post('/v1/messages', anthropic));
  await streamed('model', '/v1/messages', { ...anthropic, stream: true });
  for (const more of [{}, { 'anthropic-version': '2023-06-01' }]) {
    await good(ada.get('/v1/models', more));
    await good(ada.get('/v1/models/builtin/demo', more));
    await good(ada.get('/v1/models/builtin/nobody', more), 404);
  }
  await good(ada.get('/api/v1/models/resolve?model=builtin/demo'));
  await good(ada.get('/api/v1/models/resolve?model=openai/gpt'), 424);
  await good(ada.get('/api/v1/models/resolve?priced=true&model=builtin/demo'));
  await good(ada.post('/api/v1/invoke', openai));
  await good(ada.post('/api/v1/invoke', { messages }));
  await good(ada.post('/api/v1/invoke', { input_data: 'What is 2+2?', task: 'chat', service_type: 'text' }));
  await good(ada.post('/v1/chat/completions', { model: 'builtin/demo', messages: [] }), 400);
  await good(ada.post('/v1/messages', { model: 'builtin/demo', max_tokens: 1, messages: 7 }), 400);
});

test('leases', { skip }, async () => {
  const ada = platform.as('ada', 'pool');
  const path = '/api/v1/pools/agent';
  await good(ada.get(`${path}/stats`));
  const held = await good(ada.post(`${path}/acquire`, { session_id: 'contract-1', pool_type: 'agent' }));
  const instance = `${path}/${held.instance_id}`;
  const { fencing_token } = held.lease;
  await good(ada.get(`${path}/instances`));
  await good(ada.get(instance));
  await good(ada.post(`${instance}/renew`, { fencing_token }));
  const params = { prompt: 'What is 2+2?', context: { agent: { model: 'builtin/demo' }, channel: 'cli' } };
  await good(ada.post(`${instance}/execute`, { action: 'query', params, fencing_token }));
  await good(ada.post(`${instance}/execute`, { action: 'reset' }));
  await streamed('pool', `${instance}/stream`, { prompt: 'And 3+4?', fencing_token });
  const allowance = { run_id: 'run_contract', max_tokens: 1000, before: { input_tokens: 1 } };
  await good(ada.post(`${path}/acquire`, { session_id: 'contract-1', allowance }), 403);
  const roles = platform.internal('pool');
  await good(roles.post(`${path}/acquire`, { session_id: 'contract-1', user_id: 'ada', allowance }));
  await good(roles.post(`${instance}/settle`, { run_id: 'run_contract', fencing_token }));
  await good(roles.post(`${instance}/settle`, { run_id: 'run_other' }), 409);
  await good(ada.post(`${instance}/settle`, { run_id: 'run_contract' }), 403);
  await good(ada.post(`${instance}/release`, { fencing_token: fencing_token + 1 }), 409);
  await good(ada.post(`${instance}/release`, { fencing_token }));
  const again = await good(ada.post(`${path}/acquire`, { session_id: 'contract-2' }));
  await good(ada.delete(`${path}/${again.instance_id}?fencing_token=${again.lease.fencing_token}`));
  await good(ada.get(`${path}/queue`));
  await good(ada.get('/api/v1/pools/desktop/stats'), 404);

  const platformItself = platform.internal('pool');
  await good(ada.post(`${path}/drain`), 403);
  await good(platformItself.post(`${path}/drain`));
  await good(platformItself.delete(`${path}/drain`));
  const custom = '/api/v1/pools/custom_agent';
  await good(platformItself.put(`${custom}/deployments/greeter`, { min_warm: 0, max_instances: 1 }));
  await good(platformItself.get(`${custom}/deployments`));
  await good(ada.get(`${custom}/stats?deployment_id=greeter`));
  await good(ada.post(`${custom}/acquire`, { session_id: 'contract-2' }), 422);
  await good(platformItself.delete(`${custom}/deployments/greeter`));
  await good(ada.get(`${custom}/stats`));
});

test('sandboxes', { skip }, async () => {
  const ada = platform.as('ada', 'cloud_os');
  const path = '/api/v1/vms';
  const labels = { team: 'a' };
  const limits = { memory_mb: 128, pids: 64 };
  const internal = platform.internal('cloud_os');
  const own = await good(ada.post(path, {}), 201);
  const made = await good(internal.post(path, { labels, limits, env: { A: 'b' }, timeout_s: 600 }), 201);
  const vm = `${path}/${made.vm_id}`;
  const binding = { lease_id: 'lease_contract', user_id: 'ada', session_id: 'contract-3' };
  await good(internal.put(`${vm}/binding`, binding));
  await good(ada.put(`${vm}/binding`, binding), 403);
  await good(internal.put(`${path}/${own.vm_id}/binding`, binding), 409);
  const allowance = { run_id: 'run_contract', max_usd: 0.5, until: '2100-01-01T00:00:00Z' };
  await good(internal.put(`${vm}/allowance`, allowance));
  await good(internal.put(`${vm}/allowance`, { max_tokens: 1 }), 422);
  await good(ada.put(`${vm}/allowance`, allowance), 403);
  await good(internal.delete(`${vm}/allowance?run_id=run_contract`));
  await good(internal.delete(`${vm}/allowance?run_id=run_other`), 409);
  await good(ada.delete(`${vm}/allowance?run_id=run_contract`), 403);
  await good(ada.delete(`${path}/${own.vm_id}`));
  await good(ada.get(`${path}?label=team=a`));
  await good(ada.get(vm));
  await good(internal.put(`${vm}/binding`, { ...binding, egress: ['api.example.com'] }));
  assert.deepEqual((await good(ada.get(`${vm}/egress`))).egress, ['api.example.com']);
  await good(ada.get(`${vm}/logs?tail=5`));
  await good(ada.get(`${vm}/stats`));
  await good(ada.post(`${vm}/renew`, { timeout_s: 900, idle_timeout_s: 900 }));
  await streamed('cloud_os', `${vm}/exec`, { command: 'echo hello' });
  const exec = `${vm}/exec/${(await good(ada.post(`${vm}/exec`, { command: 'cat', pty: {}, background: true }), 201)).exec_id}`;
  await good(ada.get(`${vm}/exec`));
  await good(ada.get(exec));
  await good(ada.post(`${exec}/resize`, { cols: 90, rows: 20 }));
  await good(ada.post(`${exec}/stdin`, { data: 'hello' }));
  await good(ada.post(`${exec}/signal`, { signal: 'KILL' }));
  assert.equal((await ada.get(`${exec}/output`)).status, 200);
  await good(ada.put(`${vm}/files/a/file?mode=0600`, 'content'), 201);
  await good(ada.get(`${vm}/files/a/file`));
  await good(ada.get(`${vm}/files/a?op=list`));
  await good(ada.get(`${vm}/files/a/file?op=stat`));
  await good(ada.post(`${vm}/files/b?op=mkdir`));
  await good(ada.post(`${vm}/files/a/file?op=move&to=b/file`));
  await good(ada.delete(`${vm}/files/b?recursive=true`));
  const paused = await ada.post(`${vm}/pause`);
  assert.ok(paused.status === 200 || paused.status === 501, paused.text);
  if (paused.status === 200) await good(ada.post(`${vm}/resume`));
  await good(ada.post(`${vm}/stop`));
  await good(ada.get(`${vm}/status`));
  await good(ada.post(`${vm}/start`));
  await good(ada.delete(vm));
  await good(ada.delete(vm));
});

test('secrets and the audit trail', { skip }, async () => {
  const ada = platform.as('ada', 'cloud_os');
  const secret = { value: 'a-long-random-text', hosts: ['api.example.com'] };
  await good(ada.put('/api/v1/secrets/a', { ...secret, header: 'Authorization: Bearer {}', methods: ['GET'] }));
  await good(ada.put('/api/v1/secrets/b', { ...secret, env: 'A_TOKEN', path_prefix: '/v1/' }));
  await good(ada.put('/api/v1/secrets/c', { ...secret, env: 'PATH' }), 422);
  const oauth = { token_url: 'https://auth.example.com/token', client_id: 'isa', refresh_token: 'a-refresh-token' };
  const token = { hosts: ['mcp.example.com'], header: 'Authorization: Bearer {}' };
  await good(ada.put('/api/v1/secrets/d', { ...token, oauth: { ...oauth, scope: 'read', resource: 'https://mcp.example.com/mcp' } }));
  await good(ada.put('/api/v1/secrets/d', { ...token, oauth: { ...oauth, token_url: 'http://127.0.0.1/token' } }), 422);
  await good(ada.put('/api/v1/secrets/d', token), 422);
  assert.equal((await good(ada.get('/api/v1/secrets'))).secrets.length, 3);
  await good(ada.get('/api/v1/secrets?org_id=none'), 404);
  for (const name of ['a', 'b', 'd']) await good(ada.delete(`/api/v1/secrets/${name}`), 204);
  await good(ada.delete('/api/v1/secrets/a'), 404);
  await good(ada.get('/api/v1/audit?limit=2'));
  await good(ada.get('/api/v1/audit?limit=0'), 422);
});

test('no operation of any role was left out', { skip }, () => {
  const answersWell = ({ value }) => Object.keys(value.responses).some((status) => status.startsWith('2'));
  const forgotten = roles.flatMap((role) =>
    new Contract(role).operations
      .filter((operation) => answersWell(operation) && !hasSeen(role, operation.id))
      .map(({ id, title }) => `${role}: ${id} (${title})`),
  );
  assert.deepEqual(forgotten, [], 'call them in this file');
});
