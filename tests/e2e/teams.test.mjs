// Teams over HTTP on a real platform: tasks that depend on each other, agents that hand over, in this process and in
// sandboxes. The demo model plays each agent's part: what stands between <script> and </script> in its prompt, or the
// task that it is given.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { createAgent, noSandbox, Platform, run, temporaryFolder, until } from './harness.mjs';
import { expectPaired, expectWhole, find, systemEvent, textOf, texts } from './events.mjs';
import { EventStream, expectEnvelope } from './http.mjs';

const skip = noSandbox;
const specs = '/api/v1/agents/multi-specs';

let platform;
let user;
before(async () => {
  if (skip) return;
  platform = await Platform.up({ settings: { 'pool.agent.warm': '2', 'model.demo.delay': '2ms' } });
  user = platform.as('tea');
});
after(() => platform?.stopAndLeaveNothing());

const post = async (route, body) => {
  const answer = await user.post(`/api/v1/agents/swarm${route}`, body);
  assert.equal(answer.status, 200, answer.text);
  return answer.json;
};

// The events of a whole ad-hoc run.
async function streamed(body, as = 'tea') {
  const stream = await EventStream.open(`${platform.endpoints.agent}/api/v1/agents/swarm/stream`, {
    method: 'POST',
    headers: { 'user-id': as },
    body,
  });
  assert.equal(stream.status, 200);
  const events = await stream.all();
  expectWhole(events);
  return events;
}

const plays = (name, script, more = {}) => ({
  name,
  model_id: 'builtin/demo',
  system_prompt: `You are ${name}. <script>${script}</script>`,
  ...more,
});
const does = (name, more = {}) => ({ name, model_id: 'builtin/demo', ...more });
const states = (tasks) => Object.fromEntries(tasks.map(({ task_id, state }) => [task_id, state]));
const changes = (events) =>
  events
    .filter(({ metadata }) => metadata.event === 'dag_task')
    .map(({ metadata }) => `${metadata.task_id}:${metadata.state}`);

describe('tasks', { skip }, () => {
  test('all of them together keep to the seconds of the run, and what was done by then is told', async () => {
    const events = await streamed({
      prompt: 'Take your time.',
      max_seconds: 3,
      agents: [does('quick'), does('slow', { tools: ['bash_execute'] })],
      env: 'cloud_pool',
      tasks: [
        { id: 'a', title: 'say "done"', agent: 'quick' },
        { id: 'b', title: 'Run the command `sleep 600`', agent: 'slow' },
      ],
    });
    const { metadata } = find(events, 'result');
    assert.deepEqual([metadata.subtype, metadata.limit], ['error_budget', 'max_seconds']);
    assert.equal(states(metadata.tasks).a, 'completed');
    assert.notEqual(states(metadata.tasks).b, 'completed');
    expectPaired(events);
    assert.equal((await user.delete(`/api/v1/agents/sessions/${events[0].session_id}`)).status, 200);
  });

  test('each gets the results of those that it depends on, and the last ones are the answer', async () => {
    const result = await post('/dag', {
      prompt: 'Report on the sums.',
      agents: [does('clerk'), does('writer')],
      tasks: [
        { id: 'one', agent: 'clerk', title: 'What is 20+2?' },
        { id: 'two', agent: 'clerk', title: 'What is 30+3?' },
        { id: 'report', agent: 'writer', depends_on: ['one', 'two'], title: "say 'all is summed up'" },
      ],
    });
    assert.equal(result.success, true);
    assert.equal(result.text, 'all is summed up');
    assert.match(result.agent_outputs['clerk:one'], /\b22\b/);
    assert.match(result.agent_outputs['clerk:two'], /\b33\b/);
    assert.deepEqual(states(result.tasks), { one: 'completed', two: 'completed', report: 'completed' });
    const run_ = (await user.get(`/api/v1/agents/runs/${result.run_id}`)).json;
    assert.equal(run_.state, 'succeeded');
  });

  test('one that fails is reported, what depends on it never runs, and the rest goes on', async () => {
    const events = await streamed({
      prompt: 'Try.',
      routing_type: 'dag',
      agents: [does('ok'), does('stuck', { tools: ['get_current_time'], limits: { max_turns: 1 } })],
      tasks: [
        { id: 'bad', agent: 'stuck', title: 'What time is it?', retries: 1 },
        { id: 'after', agent: 'ok', depends_on: ['bad'], title: "say 'never'" },
        { id: 'later', agent: 'ok', depends_on: ['after'], title: "say 'never either'" },
        { id: 'apart', agent: 'ok', title: "say 'done'" },
      ],
    });
    const result = find(events, 'result');
    assert.equal(result.metadata.subtype, 'error_task_failed');
    assert.deepEqual(states(result.metadata.tasks), {
      bad: 'failed',
      after: 'skipped',
      later: 'skipped',
      apart: 'completed',
    });
    assert.equal(result.metadata.tasks[0].attempts, 2);
    assert.match(result.metadata.tasks[1].reason, /'bad' failed/);
    assert.match(result.metadata.tasks[2].reason, /'bad' failed/);
    assert.match(result.content, /done[\s\S]*Not every task was completed[\s\S]*error_max_turns/);
    assert.doesNotMatch(textOf(events), /never/);
    assert.ok(!changes(events).some((change) => /^(after|later):(ready|running)$/.test(change)));
  });

  test('a cycle is named before anything runs', async () => {
    const answer = await user.post('/api/v1/agents/swarm/dag', {
      prompt: 'x',
      agents: [does('a')],
      tasks: [
        { id: 'x', depends_on: ['z'] },
        { id: 'y', depends_on: ['x'] },
        { id: 'z', depends_on: ['y'] },
      ],
    });
    assert.equal(answer.status, 422);
    expectEnvelope(answer);
    assert.match(answer.json.error.message, /(x -> z -> y -> x|y -> x -> z -> y|z -> y -> x -> z) \(each waits for the next\)/);
  });

  test('members share the sandbox of the session, or have one of their own', async () => {
    const body = (sandbox) => ({
      prompt: 'Keep a note.',
      env: 'cloud_pool',
      execution_mode: 'sequential',
      routing_type: 'dag',
      agents: [
        does('writer', { tools: ['write_file'] }),
        does('reader', { tools: ['read_file', 'ls_directory'], sandbox }),
      ],
      tasks: [
        { id: 'write', agent: 'writer', title: "write 'kept in the sandbox' to note.txt" },
        { id: 'read', agent: 'reader', depends_on: ['write'], title: 'read note.txt' },
      ],
    });
    const shared = await streamed(body('shared'));
    expectPaired(shared);
    assert.match(find(shared, 'result').content, /kept in the sandbox/);
    const own = await streamed(body('own'));
    expectPaired(own);
    assert.doesNotMatch(find(own, 'result').content, /kept in the sandbox/);
    assert.match(find(own, 'result').content, /failed/);
    const instances = new Set(
      own
        .filter(({ metadata }) => metadata.event === 'sandbox.acquired')
        .map(({ metadata }) => metadata.instance_id),
    );
    assert.equal(instances.size, 2);

    for (const events of [shared, own]) {
      const gone = await user.delete(`/api/v1/agents/sessions/${events[0].session_id}`);
      assert.equal(gone.status, 200);
    }
    await until(
      'the sandboxes of the sessions to be given back',
      async () => (await platform.poolStats()).active_instances === 0,
    );
  });

  test('members with sandboxes of their own work at the same time', async () => {
    const events = await streamed({
      prompt: 'Meet.',
      env: 'cloud_pool',
      routing_type: 'dag',
      agents: ['a', 'b'].map((name) => does(name, { tools: ['bash_execute'], sandbox: 'own' })),
      tasks: ['a', 'b'].map((id) => ({ id, agent: id, title: 'run `echo here`' })),
    });
    assert.deepEqual(changes(events).slice(2, 4).sort(), ['a:running', 'b:running']);
    assert.equal(find(events, 'result').metadata.subtype, 'success');
    await user.delete(`/api/v1/agents/sessions/${events[0].session_id}`);
  });

  test('what tasks said at the same time stands apart in the result of a cancelled run', async () => {
    const stream = await EventStream.open(`${platform.endpoints.agent}/api/v1/agents/swarm/stream`, {
      method: 'POST',
      headers: { 'user-id': 'tea' },
      body: {
        prompt: 'Count.',
        agents: [does('a')],
        tasks: [
          { id: 'x', title: 'count to 1000' },
          { id: 'y', title: 'count to 1000' },
        ],
      },
    });
    const said = (id, all) => texts(all.filter(({ metadata }) => metadata.task_id === id)).length;
    let asked = false;
    const { events } = await stream.collect(async (event, all) => {
      if (asked || said('x', all) < 3 || said('y', all) < 3) return;
      asked = true;
      await user.post(`/api/v1/agents/runs/${event.run_id}/cancel`);
    });
    const [one, other, ...more] = find(events, 'result').content.split('\n\n');
    for (const text of [one, other]) assert.match(text, /^1 2 3\b/);
    assert.deepEqual(more, []);
  });

  test('a cancelled run shows no task under way and has the report', async () => {
    const stream = await EventStream.open(`${platform.endpoints.agent}/api/v1/agents/swarm/stream`, {
      method: 'POST',
      headers: { 'user-id': 'tea' },
      body: {
        prompt: 'Count.',
        routing_type: 'dag',
        agents: [does('a')],
        tasks: [
          { id: 'count', title: 'count to 1000' },
          { id: 'after', depends_on: ['count'], title: "say 'never'" },
        ],
      },
    });
    const { events } = await stream.collect(async (event, all) => {
      if (texts(all).length === 3 && event.type === 'text')
        await user.post(`/api/v1/agents/runs/${event.run_id}/cancel`);
    });
    expectWhole(events);
    const result = find(events, 'result');
    assert.equal(result.metadata.subtype, 'interrupted');
    assert.deepEqual(states(result.metadata.tasks), { count: 'cancelled', after: 'cancelled' });
    assert.deepEqual(changes(events).slice(-2), ['count:cancelled', 'after:cancelled']);
  });
});

describe('agents that hand over', { skip }, () => {
  const pair = (script) => [plays('triage', script, { description: 'Sorts.' }), does('solver')];

  for (const env of ['cloud_shared', 'cloud_pool'])
    test(`a directive hands over, and nobody who reads along sees it (${env})`, () => handsOver(env));

  async function handsOver(env) {
    const events = await streamed({
      prompt: 'What is 40+2?',
      env,
      agents: pair("say 'I sorted it. [HANDOFF: solver] it is a sum'"),
    });
    const result = find(events, 'result');
    assert.match(result.content, /\b42\b/);
    assert.equal(result.metadata.final_agent, 'solver');
    assert.deepEqual(result.metadata.handoff_trace, [
      { from: 'triage', to: 'solver', reason: 'it is a sum', step: 1, accepted: true },
    ]);
    assert.equal(result.metadata.agent_outputs.triage, 'I sorted it.');
    assert.doesNotMatch(events.filter(({ type }) => type !== 'thinking').map(({ data }) => data).join('\n'), /HANDOFF/);
    assert.equal(systemEvent(events, 'swarm_handoff').metadata.to_agent, 'solver');
    assert.deepEqual([...new Set(texts(events).map(({ metadata }) => metadata.agent))], ['triage', 'solver']);
    await user.delete(`/api/v1/agents/sessions/${events[0].session_id}`);
  }

  for (const env of ['cloud_shared', 'cloud_pool'])
    test(`the tool hands over, and what was shared is there for the other (${env})`, async () => {
      const events = await streamed({
        prompt: 'What is 40+2?',
        env,
        agents: [
          plays(
            'triage',
            'call the tool shared_state_set with `{"key":"kind","value":"sum"}` then ' +
              'call the tool handoff with `{"agent":"solver","reason":"it is a sum","context":"I looked."}`',
          ),
          plays('solver', 'call the tool shared_state_get with `{"key":"kind"}`'),
        ],
      });
      expectPaired(events);
      const result = find(events, 'result');
      assert.equal(result.metadata.subtype, 'success');
      assert.equal(result.metadata.final_agent, 'solver');
      assert.deepEqual(result.metadata.shared_state, { kind: 'sum' });
      assert.match(result.content, /"sum"/);
      assert.equal(result.metadata.handoff_trace[0].reason, 'it is a sum');
      await user.delete(`/api/v1/agents/sessions/${events[0].session_id}`);
    });

  test('an unknown target is told to the same agent, and the trace says why', async () => {
    const result = await post('', {
      prompt: 'x',
      agents: pair("say 'Hm. [HANDOFF: nobody] please'"),
      max_handoffs: 1,
    });
    assert.equal(result.success, false);
    assert.equal(result.subtype, 'error_max_handoffs');
    assert.equal(result.text, 'Hm.');
    assert.match(result.handoff_trace[0].reason, /no agent 'nobody'; the other agents are: solver/);
  });

  test('two that hand everything back are stopped, with the last real answer', async () => {
    const result = await post('', {
      prompt: 'x',
      agents: [plays('a', "say 'You. [HANDOFF: b] no'"), plays('b', "say 'No, you. [HANDOFF: a] no'")],
    });
    assert.equal(result.subtype, 'error_max_handoffs');
    assert.equal(result.limit, 'handoff_cycle');
    assert.equal(result.text, 'No, you.');
  });

  test('the entry agent may be named by the request; one that is no member is an error', async () => {
    const body = { prompt: 'What is 1+1?', agents: pair("say 'triage'") };
    assert.equal((await post('', body)).final_agent, 'triage');
    assert.equal((await post('', { ...body, entry_agent_override: 'solver' })).final_agent, 'solver');
    const wrong = await user.post('/api/v1/agents/swarm', { ...body, entry_agent_override: 'entry' });
    assert.equal(wrong.status, 422);
    assert.equal(wrong.json.error.param, '/entry_agent_override');
  });
});

describe('an agent that is a team', { skip }, () => {
  test('is chatted with like any other, in a session with a memory, and others never see its team', async () => {
    const made = await user.post(specs, {
      name: 'Sums',
      execution_mode: 'sequential',
      routing_spec: {
        agents: [does('clerk', { tools: ['bash_execute'] }), does('writer')],
        tasks: [
          { id: 'facts', agent: 'clerk', title: 'run `echo from the sandbox`' },
          { id: 'text', agent: 'writer', depends_on: ['facts'], title: 'What is my name?' },
        ],
      },
    });
    assert.equal(made.status, 200, made.text);
    const agent = await createAgent(user, { metadata: { multi_agent_id: made.json.id } });
    const tool = { name: 't', description: '', parameters: {} };
    for (const more of [{ model: 'builtin/demo' }, { output_format: 'json' }, { output_schema: {} }, { client_tools: [tool] }]) {
      const refused = await user.post('/api/v1/agents/chat', { agent_config_id: agent.id, message: 'x', stream: false, ...more });
      assert.equal(refused.status, 422, JSON.stringify(more));
      assert.match(refused.text, /is a team/);
    }
    const events = await user.chatAll({ agent_config_id: agent.id, message: 'My name is Ada.' });
    expectWhole(events);
    expectPaired(events);
    const result = find(events, 'result');
    assert.match(result.metadata.agent_outputs['clerk:facts'], /from the sandbox/);
    assert.match(result.content, /Ada|not told me/);
    const again = await user.post('/api/v1/agents/chat', {
      agent_config_id: agent.id,
      session_id: events[0].session_id,
      message: 'Once more.',
      stream: false,
    });
    assert.equal(again.status, 200, again.text);
    assert.match(again.json.response, /Ada/);

    const eve = platform.as('eve');
    for (const answer of [
      await eve.get(`${specs}/${made.json.id}`),
      await eve.delete(`${specs}/${made.json.id}`),
      await eve.patch(`${specs}/${made.json.id}`, { name: 'Mine' }),
    ]) {
      assert.equal(answer.status, 404);
      expectEnvelope(answer);
    }
    await user.delete(`/api/v1/agents/sessions/${events[0].session_id}`);
  });

  test('is changed under its version, and a lost update is refused', async () => {
    const made = await user.post(specs, { name: 'V', routing_spec: { agents: [does('a')] } });
    const at = `${specs}/${made.json.id}`;
    assert.equal((await user.patch(at, { description: 'x' }, { 'If-Match': made.headers.etag })).json.version, 2);
    assert.equal((await user.patch(at, { description: 'y' }, { 'If-Match': made.headers.etag })).status, 409);
    assert.ok((await user.get(specs)).json.multi_specs.some(({ id }) => id === made.json.id));
    assert.equal((await user.delete(at)).status, 200);
    assert.equal((await user.get(at)).status, 404);
  });
});

describe('isa teams', { skip }, () => {
  const isa = (...args) => run([...args, '--data-dir', platform.dataDir, '--user', 'cli']);

  test('keeps, shows, runs and deletes the team of a manifest', async () => {
    const file = path.join(temporaryFolder(), 'duo.yaml');
    fs.writeFileSync(
      file,
      [
        'name: Duo',
        'agents:',
        '  - {name: clerk, model_id: builtin/demo}',
        'tasks:',
        '  - {id: sum, title: "What is 50+5?"}',
        '  - {id: say, depends_on: [sum], title: "say \'both are done\'"}',
      ].join('\n'),
    );
    assert.match((await isa('teams', 'list')).stdout, /isa teams create/);
    const made = await isa('teams', 'create', file);
    assert.equal(made.status, 0, made.stderr);
    assert.match((await isa('teams', 'list')).stdout, /Duo\s+1\s+2/);
    assert.equal(JSON.parse((await isa('teams', 'show', 'Duo')).stdout).id, JSON.parse(made.stdout).id);
    const ran = await isa('teams', 'run', 'Duo', 'go');
    assert.equal(ran.status, 0, ran.stderr);
    assert.equal(ran.stdout, 'both are done\n');
    assert.match(ran.stderr, /sum: running[\s\S]*sum: completed[\s\S]*say: completed/);
    assert.equal((await isa('teams', 'run', file, 'go')).stdout, 'both are done\n');
    assert.equal((await isa('teams', 'delete', 'Duo')).status, 0);
    const gone = await isa('teams', 'run', 'Duo', 'go');
    assert.equal(gone.status, 1);
    assert.match(gone.stderr, /there is no team 'Duo'/);
    fs.writeFileSync(file, 'agents: [}');
    assert.match((await isa('teams', 'create', file)).stderr, /duo\.yaml.*line 1/);
  });
});
