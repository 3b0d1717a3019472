// Mistakes of the original system that no other test would notice here (docs/original_mistakes.md has them all): options
// that are taken and do nothing, identities in the arguments of tools, times of no zone, results that come twice.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { createAgent, noSandbox, Platform } from './harness.mjs';
import { expectEnvelope, request } from './http.mjs';
import { expectPaired, expectWhole, find, results, systemEvent, types } from './events.mjs';

const kConfigs = '/api/v1/agents/configs';

let platform;
let ada;
before(async () => {
  platform = await Platform.up({
    settings: {
      'pool.agent.warm': noSandbox ? '0' : '1',
      'model.demo.delay': '30ms',
      'model.prices': 'builtin/demo input=1000 output=1000',
    },
  });
  ada = platform.as('ada');
});
after(() => platform?.stopAndLeaveNothing());

describe('options of the original that did nothing', () => {
  const values = {
    permission_mode: 'acceptEdits',
    hooks: {},
    agents: {},
    tool_discovery: 'hybrid',
    setting_sources: ['project'],
    session_ttl: 1800,
    pool_config: { ttl: 3600 },
    desktop_agent_url: 'http://localhost:9000',
    proactive_suggestions: true,
    checkpoint_frequency: 3,
    max_task_retries: 2,
    graph_type: 'smart_agent',
    execution_mode: 'proactive',
    proactive_enabled: true,
    collaborative_enabled: true,
    guardrails_enabled: true,
    guardrail_mode: 'strict',
    failsafe_enabled: true,
    max_parallel_tasks: 3,
    max_iterations: 50,
    task_timeout: 300,
    allowed_tools: ['bash_execute'],
  };
  for (const [name, value] of Object.entries(values))
    test(`${name} is refused by its name, in a config and in a chat`, async () => {
      for (const [route, body] of [
        [kConfigs, { name: 'x' }],
        ['/api/v1/agents/chat', { message: 'What is 2+2?' }],
        ['/query', { prompt: 'What is 2+2?' }],
      ]) {
        const answer = await ada.post(route, { ...body, [name]: value });
        assert.equal(answer.status, 422, `${route} took ${name}: ${answer.text}`);
        assert.match(answer.text, new RegExp(name));
        expectEnvelope(answer);
      }
    });
});

describe('options that do something', () => {
  const chat = (message, more) => ada.chatAll({ message, ...more });
  const subtype = (events) => find(events, 'result')?.metadata.subtype;

  test('each limit of an agent ends a run, and the run says which', async () => {
    const limited = async (limits, message = 'What time is it?') => {
      const agent = await createAgent(ada, { env: 'cloud_shared', tools: ['get_current_time'], limits });
      const events = await chat(message, { agent_config_id: agent.id });
      expectWhole(events);
      expectPaired(events);
      return events;
    };
    assert.equal(subtype(await limited({ max_turns: 1 })), 'error_max_turns');
    assert.equal(subtype(await limited({ max_tokens: 1 })), 'error_budget');
    assert.equal(subtype(await limited({ max_usd: 0.001 })), 'error_budget');
    const slow = await limited({ max_seconds: 1 }, 'count to 500');
    assert.match(subtype(slow) ?? find(slow, 'error').metadata.code, /budget|max_seconds|timeout/);
    assert.equal(subtype(await limited({})), 'success');
  });

  test('query() with env=cloud_pool runs in a sandbox', { skip: noSandbox }, async () => {
    const query = (env) =>
      ada.post('/query', { prompt: 'Run the command `cat /proc/1/comm; pwd`', tools: ['bash_execute'], env });
    const inside = await query('cloud_pool');
    assert.equal(inside.status, 200, inside.text);
    assert.match(inside.json.response, /isa-runtime\\n\/workspace/);
    const shared = await query('cloud_shared');
    assert.doesNotMatch(shared.json.response, /workspace/);
  });

  test('modes differ: the same call runs, waits, or is refused', async () => {
    const of = async (mode, approvals = []) => {
      const agent = await createAgent(ada, { env: 'cloud_shared', mode, tools: ['get_current_time'], approvals });
      const answer = await ada.post('/api/v1/agents/chat', {
        agent_config_id: agent.id,
        message: 'Call the tool get_current_time with {}',
        stream: false,
      });
      return [answer.status, answer.json.status];
    };
    const rule = [{ match: 'get_current_time' }];
    assert.deepEqual(await of('REACTIVE'), [200, 'success']);
    assert.deepEqual(await of('COLLABORATIVE', rule), [202, 'waiting']);
    assert.deepEqual(await of('PROACTIVE', rule), [202, 'waiting']);
    const agent = await createAgent(ada, { env: 'cloud_shared', tools: ['get_current_time'], approvals: rule });
    const events = await chat('Call the tool get_current_time with {}', { agent_config_id: agent.id });
    assert.equal(results(events)[0].metadata.is_error, true);
  });
});

test('an answer without tools is the model’s, not made up', async () => {
  // The original reported a task without tools as completed and asked no model.
  const member = { name: 'a', model_id: 'builtin/demo' };
  const body = { prompt: 'x', agents: [member], tasks: [{ id: 't', title: 'What is 20+3?' }] };
  const { json } = await ada.post('/api/v1/agents/swarm/dag', body);
  assert.match(json.text, /\b23\b/);
  assert.ok(json.usage.output_tokens > 0, JSON.stringify(json.usage));
  // ... and a failure, which it kept as text, as completed too.
  const stuck = { ...member, tools: ['get_current_time'], limits: { max_turns: 1 } };
  const failing = { ...body, agents: [stuck], tasks: [{ id: 't', title: 'What time is it?' }] };
  const failed = (await ada.post('/api/v1/agents/swarm/dag', failing)).json;
  assert.equal(failed.success, false);
  assert.equal(failed.tasks[0].state, 'failed');
});

test('no argument of a tool says who calls it', { skip: noSandbox }, async () => {
  const agent = await createAgent(ada, { tools: ['memory_store', 'memory_search', 'write_file', 'bash_execute'] });
  for (const [tool, args] of [
    ['memory_store', { content: 'x', user_id: 'bob' }],
    ['memory_search', { query: 'x', user_id: 'bob' }],
    ['write_file', { file_path: 'a', content: 'x', user_id: 'bob' }],
    ['bash_execute', { command: 'true', user_id: 'bob' }],
  ]) {
    const events = await ada.chatAll({
      agent_config_id: agent.id,
      message: `Call the tool ${tool} with \`${JSON.stringify(args)}\``,
    });
    const [result] = results(events);
    assert.equal(result.metadata.is_error, true, `${tool} took a user_id: ${result.content}`);
    assert.match(result.content, /user_id/);
  }
});

test('a pipe and a list of commands are commands like any other', { skip: noSandbox }, async () => {
  const agent = await createAgent(ada, { tools: ['bash_execute'] });
  const events = await ada.chatAll({
    agent_config_id: agent.id,
    message: 'Run the command `printf "a\\nb\\n" | wc -l; echo $(echo nested) && env -i true`',
  });
  const [result] = results(events);
  assert.equal(result.metadata.is_error, false, result.content);
  assert.match(result.content, /2\\nnested/);
});

test('a header says nothing of where a caller is', async () => {
  const agent = await createAgent(ada, { env: 'cloud_shared', mode: 'PROACTIVE' });
  const body = { name: 'h', prompt: 'x', agent_config_id: agent.id, type: 'webhook' };
  const hook = (await ada.post('/api/v1/agents/triggers', body)).json;
  // The original counted by X-Forwarded-For, and let whoever said 127.0.0.1 pass.
  const answers = await Promise.all(
    Array.from({ length: 400 }, (_, n) =>
      request(platform.endpoints.agent + hook.path, {
        method: 'POST',
        body: '{}',
        headers: { 'X-Forwarded-For': n % 2 ? '127.0.0.1' : `10.0.0.${n % 200}`, 'X-ISA-Signature': 't=1,v1=00' },
      }),
    ),
  );
  const statuses = new Set(answers.map(({ status }) => status));
  assert.deepEqual([...statuses].sort(), [401, 429]);
});

test('every time is in UTC and says so', async () => {
  const agent = await createAgent(ada, { env: 'cloud_shared', mode: 'PROACTIVE', tools: ['get_current_time'] });
  const events = await ada.chatAll({ agent_config_id: agent.id, message: 'What time is it?' });
  const [{ session_id: session, run_id: run }] = events;
  const trigger = await ada.post('/api/v1/agents/triggers', {
    name: 't',
    prompt: 'x',
    agent_config_id: agent.id,
    type: 'schedule',
    rule: { cron: '0 9 * * *', timezone: 'Asia/Tokyo' },
  });
  const documents = [
    events.map(({ data }) => JSON.parse(data)),
    trigger.json,
    (await ada.get(`/api/v1/agents/runs/${run}`)).json,
    (await ada.get(`/api/v1/agents/sessions/${session}/export`)).json,
    (await ada.get(kConfigs)).json,
  ];
  let count = 0;
  JSON.stringify(documents, (key, value) => {
    if (typeof value === 'string' && /(_at|timestamp)$/.test(key)) {
      ++count;
      assert.match(value, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/, key);
    }
    return value;
  });
  assert.ok(count > 20, `only ${count} times were found`);
});

test('what is not said is what the contract says it is', async () => {
  const yaml = (await ada.get('/openapi.yaml')).text;
  const limits = /^ {4}Limits:\n(?: {5,}.*\n)+/m.exec(yaml)[0];
  const fallback = (name) => Number(new RegExp(`${name}: .*default: (\\d+)`).exec(limits)[1]);
  const made = (await ada.post(kConfigs, { name: 'plain' })).json;
  assert.deepEqual(made.limits, { max_turns: fallback('max_turns'), max_seconds: fallback('max_seconds') });
  const plain = { mode: 'REACTIVE', env: 'cloud_pool', visibility: 'private', source: 'basic', system_prompt: '', description: '' };
  for (const [field, value] of Object.entries(plain)) assert.equal(made[field], value, field);
  for (const field of ['tools', 'skills', 'approvals', 'egress']) assert.deepEqual(made[field], [], field);
});

test('the result of a tool is told once, and is in the history once', async () => {
  const agent = await createAgent(ada, { env: 'cloud_shared', tools: ['get_current_time'] });
  const events = await ada.chatAll({ agent_config_id: agent.id, message: 'What time is it?' });
  assert.equal(types(events).filter((type) => type === 'tool_use').length, 1);
  assert.equal(results(events).length, 1);
  const { messages } = (await ada.get(`/api/v1/agents/sessions/${events[0].session_id}/messages`)).json;
  const kept = messages.flatMap(({ message }) => message.parts).filter(({ kind }) => kind === 'tool_result');
  assert.equal(kept.length, 1);
  assert.equal(systemEvent(events, 'context.complete').metadata.tools_count, 1, 'no tool is added to those listed');
});
