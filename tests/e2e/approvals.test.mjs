// A run that asks a person waits in the store, not in a process: it is answered from any client, after any restart and
// after the loss of its sandbox, and goes on at the very call that waited.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { createAgent, noSandbox, Platform, until } from './harness.mjs';
import { expectPaired, expectWhole, find, raw, results, systemEvent, textOf, types } from './events.mjs';

const rules = [{ match: 'bash_execute' }];
const asking = { mode: 'COLLABORATIVE', tools: ['bash_execute', 'read_file'], approvals: rules };
const isQuestion = ({ type }) => type === 'hil_request';

// For both places where a turn may run, and for restarts of them.
function client(platform, user = 'ada') {
  const api = platform.as(user);
  const decide = (event, body) =>
    api.post(`/api/v1/agents/runs/${event.run_id}/approvals/${event.metadata.request_id}`, body);
  const inbox = async (query = '') => (await api.get(`/api/v1/agents/approvals${query}`)).json.approvals;
  const rest = async (seen) => {
    const events = await (await api.events(seen[0].run_id)).all();
    assert.deepEqual(raw(events.slice(0, seen.length)), raw(seen), 'what was seen is still so');
    expectWhole(events);
    expectPaired(events);
    return events;
  };
  // Chats until the run asks. [its events so far]
  const ask = async (message, more) => (await api.chat({ message, ...more })).takeUntil(isQuestion);
  return { api, decide, inbox, rest, ask };
}

describe('in a sandbox', { skip: noSandbox }, () => {
  let platform;
  let agent;
  let ada;
  before(async () => {
    platform = await Platform.up({ settings: { 'pool.reconcile_every': '500ms', 'pool.orphan_grace': '3s' } });
    ada = client(platform);
    agent = await createAgent(ada.api, asking);
  });
  after(() => platform.stopAndLeaveNothing());
  const restart = async () => {
    await platform.start();
    ada = client(platform);
  };
  const ask = (message, more) => ada.ask(message, { agent_config_id: agent.id, ...more });

  test('a call that needs approval waits, is in the inbox, and runs once it is approved', async () => {
    const seen = await ask('Run the command `echo approved-run`');
    const question = seen.at(-1);
    assert.equal(question.metadata.kind, 'authorization');
    assert.deepEqual(question.metadata.args, { command: 'echo approved-run' });
    const [entry] = await ada.inbox();
    assert.equal(entry.request_id, question.metadata.request_id);
    assert.equal(entry.state, 'pending');
    const run = (await ada.api.get(`/api/v1/agents/runs/${question.run_id}`)).json;
    assert.equal(run.state, 'waiting');

    const decided = await ada.decide(question, { decision: 'approve' });

    assert.equal(decided.status, 200, decided.text);
    assert.equal(decided.json.decided_by, 'ada');
    const events = await ada.rest(seen);
    assert.match(textOf(events), /approved-run/);
    assert.equal(systemEvent(events, 'hil.decided').metadata.state, 'approved');
    assert.deepEqual(await ada.inbox(), []);
    // What was decided stays decided.
    assert.equal((await ada.decide(question, { decision: 'approve' })).status, 200);
    const late = await ada.decide(question, { decision: 'deny' });
    assert.equal(late.status, 409);
    assert.equal(late.json.error.code, 'already_decided');
  });

  test('a call can be denied with a word, and edited', async () => {
    const denied = await ask('Run the command `touch denied-file`');
    await ada.decide(denied.at(-1), { decision: 'deny', text: 'not today' });
    const refused = await ada.rest(denied);
    assert.match(results(refused)[0].content, /said no.*not today/);
    assert.equal(results(refused)[0].metadata.is_error, true);

    const edited = await ask('Run the command `echo one`');
    await ada.decide(edited.at(-1), { decision: 'edit', args: { command: 'echo two' } });
    assert.match(textOf(await ada.rest(edited)), /\{"stdout":"two/);
  });

  test('kill -9 of the platform while it waits changes nothing', async () => {
    const seen = await ask('Run the command `echo after-the-crash`');
    await platform.kill();
    await restart();

    const [entry] = await ada.inbox();
    assert.equal(entry.request_id, seen.at(-1).metadata.request_id);
    const follower = await ada.api.events(seen[0].run_id, { lastId: seen.at(-1).id });
    assert.equal((await ada.decide(seen.at(-1), { decision: 'approve' })).status, 200);
    const more = await follower.all();
    const events = await ada.rest(seen);
    assert.deepEqual(raw(more), raw(events.slice(seen.length)), 'one who follows sees the rest');
    assert.match(textOf(events), /after-the-crash/);
    assert.equal(find(events, 'result').metadata.num_turns, 2);
  });

  test('a stop of the platform waits for no person, and its readers learn that there is more', async () => {
    const stream = await ada.api.chat({ agent_config_id: agent.id, message: 'Run the command `echo after-the-stop`' });
    let stopping;
    const { events: seen, done } = await stream.collect((event) => {
      if (isQuestion(event)) stopping = platform.stop();
    });
    assert.equal(done, false, 'the stream did not end, it broke off');
    assert.deepEqual(await stopping, { code: 0, signal: null });
    await restart();
    await ada.decide(seen.at(-1), { decision: 'approve' });
    assert.match(textOf(await ada.rest(seen)), /after-the-stop/);
  });

  test('the loss of its sandbox while it waits costs the sandbox alone', async () => {
    const seen = await ask('Run the command `echo in-another-sandbox`');
    const first = systemEvent(seen, 'sandbox.acquired').metadata.instance_id;
    const removed = await platform.internal('pool').delete(`/api/v1/pools/agent/${first}`);
    assert.equal(removed.status, 200, removed.text);
    await ada.decide(seen.at(-1), { decision: 'approve' });
    const events = await ada.rest(seen);
    const places = events.filter(({ metadata }) => metadata.event === 'sandbox.acquired');
    assert.notEqual(places.at(-1).metadata.instance_id, first);
    assert.match(textOf(events), /in-another-sandbox/);
  });

  test('a platform that is killed right after the decision runs the call once at most', async () => {
    const seen = await ask('Run the command `echo x >> counted`');
    const session = seen[0].session_id;
    await Promise.all([ada.decide(seen.at(-1), { decision: 'approve' }), platform.kill()]).catch(() => {});
    if (!platform.ended) await platform.kill();
    await restart();
    const [entry] = (await ada.api.get(`/api/v1/agents/runs/${seen[0].run_id}/approvals`)).json.approvals;
    if (entry.state === 'pending') await ada.decide(seen.at(-1), { decision: 'approve' });
    const events = await ada.rest(seen);
    const state = (await ada.api.get(`/api/v1/agents/runs/${seen[0].run_id}`)).json.state;
    const look = await ask('Run the command `cat counted | wc -l`', { session_id: session });
    await ada.decide(look.at(-1), { decision: 'approve' });
    const count = /"stdout":"(\d+)/.exec(textOf(await ada.rest(look)))?.[1];
    assert.ok(count === '1' || (state !== 'succeeded' && count === '0'), `${state}: it ran ${count} times; ${types(events)}`);
  });

  test('a run that waits can be cancelled, and the next of its session then runs', async () => {
    const seen = await ask('Run the command `echo never`');
    const next = ada.api.chat({ agent_config_id: agent.id, session_id: seen[0].session_id, message: 'say "hello"' });
    const cancelled = await ada.api.post(`/api/v1/agents/runs/${seen[0].run_id}/cancel`);
    assert.equal(cancelled.json.state, 'cancelled');
    const events = await ada.rest(seen);
    assert.equal(find(events, 'result').metadata.subtype, 'interrupted');
    assert.match(find(events, 'tool_result').content, /was not run/);
    const { messages } = (await ada.api.get(`/api/v1/agents/sessions/${seen[0].session_id}/messages`)).json;
    const result = messages.map(({ message }) => message).find(({ role }) => role === 'tool').parts[0];
    assert.match(result.text, /not run/);
    expectWhole(await (await next).all());
    const [entry] = (await ada.api.get(`/api/v1/agents/runs/${seen[0].run_id}/approvals`)).json.approvals;
    assert.equal(entry.state, 'cancelled');
    assert.equal((await ada.decide(seen.at(-1), { decision: 'approve' })).status, 409);
  });

  test('a plan is reviewed before it is followed and at its checkpoints, also over a crash', async () => {
    const planner = await createAgent(ada.api, {
      mode: 'COLLABORATIVE',
      tools: ['create_plan', 'update_plan'],
      approvals: [{ match: 'update_plan', every: 2 }],
    });
    const done = (...ids) => `update_plan with ${JSON.stringify({ steps: ids.map((id) => ({ id, status: 'done' })) })}`;
    const plan = { title: 'Bake', steps: ['mix', 'heat', 'eat', 'rest'].map((title) => ({ title })) };
    const calls = [`create_plan with ${JSON.stringify(plan)}`, done('1'), done('2'), done('3'), done('4')];
    const message = calls.map((call, i) => `${i + 1}. Call the tool ${call}`).join('\n');

    const shown = await ada.ask(message, { agent_config_id: planner.id });
    assert.equal(shown.at(-1).metadata.kind, 'review');
    assert.equal(shown.at(-1).metadata.tool, 'create_plan');
    assert.deepEqual(shown.at(-1).metadata.args, plan);
    assert.match(shown.at(-1).content, /Bake\n1\. mix\n2\. heat\n3\. eat\n4\. rest$/);
    const follow = async (seen) => (await ada.api.events(seen[0].run_id, { lastId: seen.at(-1).id })).takeUntil(isQuestion);
    const onwards = follow(shown);
    await ada.decide(shown.at(-1), { decision: 'approve' });
    const first = await onwards;
    assert.equal(results(first).length, 2, 'the plan and its first step');
    assert.equal(first.at(-1).metadata.kind, 'review');
    assert.match(first.at(-1).content, /checkpoint[^]*Bake\n1\. mix \(done\)\n2\. heat \(done\)\n3\. eat\n/);
    assert.deepEqual(first.at(-1).metadata.args.steps, [{ id: '2', status: 'done' }]);

    await platform.kill();
    await restart();
    const rest = follow(first);
    await ada.decide(first.at(-1), { decision: 'approve' });
    const second = await rest;
    assert.equal(results(second).length, 2, 'the steps 2 and 3');
    await ada.decide(second.at(-1), { decision: 'deny', text: 'leave it there' });
    const events = await ada.rest([...shown, ...first, ...second]);
    assert.match(results(events).at(-1).content, /leave it there/);
  });

  test('a permission is asked for each time, and the word of a person comes with it', async () => {
    const own = await createAgent(ada.api, { mode: 'COLLABORATIVE', tools: ['request_authorization'] });
    const seen = await ask('Call the tool request_authorization with {"action":"spend 5 EUR"}', { agent_config_id: own.id });
    const kept = await ada.decide(seen.at(-1), { decision: 'approve', always: 'request_authorization' });
    assert.deepEqual([kept.status, kept.json.error?.param], [422, '/always']);
    await ada.decide(seen.at(-1), { decision: 'approve', text: 'but not 6' });
    assert.equal(results(await ada.rest(seen))[0].content, 'approved. They wrote: but not 6');
  });

  test('the agent learns what a person changed and wrote', async () => {
    const own = await createAgent(ada.api, asking);
    const seen = await ask('Run the command `echo one`', { agent_config_id: own.id });
    await ada.decide(seen.at(-1), { decision: 'edit', args: { command: 'echo two' }, text: 'two is better' });
    await ada.rest(seen);
    const { messages } = (await ada.api.get(`/api/v1/agents/sessions/${seen[0].session_id}/messages`)).json;
    const { text } = messages.flatMap(({ message }) => message.parts).find(({ kind }) => kind === 'tool_result');
    assert.match(text, /ran with: \{"command":"echo two"\}\]\n\[A person approved the call and wrote: two is better\]\n\{"stdout":"two/);
  });

  test('arguments that a tool refuses are put to nobody', async () => {
    const own = await createAgent(ada.api, asking);
    const events = await (await ada.api.chat({ agent_config_id: own.id, message: 'Call the tool bash_execute with {"command":5}' })).all();
    assert.equal(events.filter(isQuestion).length, 0);
    assert.match(results(events)[0].content, /\/command/);
  });

  test('a rule that could not hold is refused', async () => {
    for (const [rule, field] of [
      [{ match: 'bash_execute', every: 2 }, '/approvals/0/every'],
      [{ match: 'update_plan', every: -1 }, '/approvals/0/every'],
      [{ match: 'bash_execute', on_timeout: 'default' }, '/approvals/0/on_timeout'],
    ]) {
      const refused = await ada.api.post('/api/v1/agents/configs', { name: 'x', approvals: [rule] });
      assert.equal(refused.status, 422, refused.text);
      assert.equal(refused.json.error.param, field);
    }
  });

  test('what is always allowed is not asked about again, and only that', async () => {
    const own = await createAgent(ada.api, asking);
    const first = await ada.ask('Run the command `echo one`', { agent_config_id: own.id });
    const wrong = await ada.decide(first.at(-1), { decision: 'approve', always: 'bash_execute(ls *)' });
    assert.equal(wrong.status, 422);
    const kept = await ada.decide(first.at(-1), { decision: 'approve', always: 'bash_execute(echo *)' });
    assert.equal(kept.status, 200, kept.text);
    await ada.rest(first);

    const free = await (await ada.api.chat({ agent_config_id: own.id, message: 'Run the command `echo two`' })).all();
    assert.equal(free.filter(isQuestion).length, 0);
    const trick = await ada.ask('Run the command `echo two; touch x`', { agent_config_id: own.id });
    await ada.decide(trick.at(-1), { decision: 'deny' });
    await ada.rest(trick);
    const { allowances } = (await ada.api.get('/api/v1/agents/approvals/allowances')).json;
    const rule = allowances.find(({ agent_config_id: of }) => of === own.id);
    assert.equal(rule.pattern, 'bash_execute(echo *)');
    assert.equal((await client(platform, 'bob').api.delete(`/api/v1/agents/approvals/allowances/${rule.id}`)).status, 404);
    assert.equal((await ada.api.delete(`/api/v1/agents/approvals/allowances/${rule.id}`)).status, 200);
    const again = await ada.ask('Run the command `echo three`', { agent_config_id: own.id });
    await ada.decide(again.at(-1), { decision: 'deny' });
  });
});

describe('without a sandbox', () => {
  let platform;
  let ada;
  before(async () => {
    platform = await Platform.up({ settings: { 'pool.agent.warm': '0' } });
    ada = client(platform);
  });
  after(() => platform.stopAndLeaveNothing());
  const agentOf = (fields) =>
    createAgent(ada.api, { env: 'cloud_shared', mode: 'COLLABORATIVE', tools: ['ask_human', 'get_current_time'], ...fields });
  const question = (args) => `Call the tool ask_human with ${JSON.stringify(args)}`;

  test('an agent asks a person and gets the answer', async () => {
    const agent = await agentOf();
    const seen = await ada.ask(question({ question: 'Which colour?' }), { agent_config_id: agent.id });
    assert.equal(seen.at(-1).metadata.kind, 'input');
    assert.equal(seen.at(-1).content, 'Which colour?');
    assert.equal((await ada.decide(seen.at(-1), { decision: 'approve' })).status, 422);
    assert.equal((await ada.decide(seen.at(-1), { decision: 'edit', args: {} })).status, 422);
    assert.equal((await ada.decide(seen.at(-1), { decision: 'approve', text: 'blue' })).status, 200);
    assert.match(textOf(await ada.rest(seen)), /blue/);
  });

  test('a choice is one of its options', async () => {
    const agent = await agentOf();
    const seen = await ada.ask(question({ question: 'Which?', options: ['red', 'blue'] }), { agent_config_id: agent.id });
    assert.equal(seen.at(-1).metadata.kind, 'choice');
    assert.equal((await ada.decide(seen.at(-1), { decision: 'approve', text: 'green' })).status, 422);
    assert.equal((await ada.decide(seen.at(-1), { decision: 'approve', text: 'red' })).status, 200);
    assert.match(textOf(await ada.rest(seen)), /red/);
  });

  test('what nobody decides expires to the safe side', async () => {
    const agent = await agentOf({ approvals: [{ match: 'get_current_time', timeout_s: 1 }] });
    const chat = async (message) => (await ada.api.chat({ agent_config_id: agent.id, message })).all();
    const [denied, defaulted, silent] = await Promise.all([
      chat('Call the tool get_current_time with {}'),
      chat(question({ question: 'Which?', default_answer: 'blue', timeout_s: 1 })),
      chat(question({ question: 'Which?', timeout_s: 1 })),
    ]);
    for (const events of [denied, defaulted, silent]) {
      expectWhole(events);
      expectPaired(events);
      assert.equal(systemEvent(events, 'hil.decided').metadata.state, 'expired');
    }
    assert.match(results(denied)[0].content, /counts as no/);
    assert.match(results(defaulted)[0].content, /default answer counts: blue/);
    assert.equal(results(silent)[0].metadata.is_error, true);
  });

  test('a question whose time passed while the platform was down has expired', async () => {
    const agent = await agentOf();
    const seen = await ada.ask(question({ question: 'Which?', timeout_s: 1 }), { agent_config_id: agent.id });
    await platform.kill();
    const expires = Date.parse(seen.at(-1).metadata.expires_at);
    await until('its time to pass', () => Date.now() > expires);
    await platform.start();
    ada = client(platform);
    const events = await ada.rest(seen);
    assert.equal(systemEvent(events, 'hil.decided').metadata.state, 'expired');
  });

  test('a caller without a stream is told that the agent asks', async () => {
    const agent = await agentOf();
    const answer = await ada.api.post('/api/v1/agents/chat', {
      agent_config_id: agent.id,
      message: question({ question: 'Which?' }),
      stream: false,
    });
    assert.equal(answer.status, 202, answer.text);
    assert.equal(answer.json.status, 'waiting');
    const [entry] = await ada.inbox();
    assert.deepEqual(answer.json.approvals, [entry.request_id]);
    await ada.api.post(`/api/v1/agents/runs/${entry.run_id}/approvals/${entry.request_id}`, { decision: 'deny' });
  });

  test('questions of others do not exist', async () => {
    const agent = await agentOf();
    const bob = client(platform, 'bob');
    const seen = await ada.ask(question({ question: 'Which?' }), { agent_config_id: agent.id });
    assert.deepEqual(await bob.inbox('?state=all'), []);
    assert.equal((await bob.decide(seen.at(-1), { decision: 'deny' })).status, 404);
    assert.equal((await bob.api.get(`/api/v1/agents/runs/${seen[0].run_id}/approvals`)).status, 404);
    await ada.decide(seen.at(-1), { decision: 'deny' });
    await ada.rest(seen);
  });

  test('an agent whose mode is REACTIVE asks nobody, and what would have to be asked is not done', async () => {
    const agent = await agentOf({ mode: 'REACTIVE', approvals: [{ match: 'get_current_time' }] });
    const chat = async (message) => (await ada.api.chat({ agent_config_id: agent.id, message })).all();
    for (const message of ['Call the tool get_current_time with {}', question({ question: 'Which?' })]) {
      const events = await chat(message);
      assert.equal(events.filter(isQuestion).length, 0);
      assert.match(results(events)[0].content, /REACTIVE/);
      assert.equal(results(events)[0].metadata.is_error, true);
    }
  });

  test('an answer can be asked for as JSON of a schema', async () => {
    const schema = { type: 'object', required: ['n'], properties: { n: { type: 'integer' } } };
    const chat = (message, more) =>
      ada.api.post('/api/v1/agents/chat', { message, stream: false, output_schema: schema, ...more });
    const fits = await chat(`say '{"n":7}'`);
    assert.deepEqual(fits.json.structured_output, { n: 7 }, fits.text);
    const refused = await chat('say "hello"');
    assert.equal(refused.status, 502, refused.text);
    assert.equal((await chat('x', { output_schema: { type: 12 } })).status, 422);
    assert.equal((await chat('x', { output_format: 'text' })).status, 422);
  });

  test('a tool of the caller is run by the caller, over a restart of the platform, and none of ours is replaced', async () => {
    const tool = (name) => ({ name, description: 'x', parameters: { type: 'object' } });
    const chat = (tools, message = 'hi') => ada.api.post('/api/v1/agents/chat', { message, client_tools: tools, stream: false });
    for (const tools of [[tool('bash_execute')], [tool('a b')], [tool('t'), tool('t')], [{ name: 't' }]])
      assert.equal((await chat(tools)).status, 422, JSON.stringify(tools));

    const stream = await ada.api.chat({ message: 'Call the tool price_of with {"article":"tea"}', client_tools: [tool('price_of')] });
    const seen = await stream.takeUntil(isQuestion);
    assert.equal(seen.at(-1).metadata.kind, 'tool');
    assert.deepEqual(seen.at(-1).metadata.args, { article: 'tea' });
    await platform.kill();
    await platform.start();
    ada = client(platform);
    assert.equal((await ada.decide(seen.at(-1), { decision: 'approve' })).status, 422, 'a result is a text');
    await ada.decide(seen.at(-1), { decision: 'approve', text: '4.20' });
    assert.match(textOf(await ada.rest(seen)), /price_of returned:[^]*4\.20/);
  });

  test('bad decisions are refused and lose nothing', async () => {
    const agent = await agentOf({ approvals: [{ match: 'get_current_time' }] });
    const seen = await ada.ask('Call the tool get_current_time with {}', { agent_config_id: agent.id });
    for (const body of [{}, { decision: 'maybe' }, { decision: 'edit' }, { decision: 'approve', args: {} },
      { decision: 'deny', always: 'get_current_time' }, { decision: 'approve', always: '(' }, { decision: 'deny', x: 1 }])
      assert.equal((await ada.decide(seen.at(-1), body)).status, 422, JSON.stringify(body));
    assert.equal((await ada.inbox()).length, 1);
    assert.equal((await ada.decide(seen.at(-1), { decision: 'approve' })).status, 200);
    await ada.rest(seen);
    assert.equal((await createAgentAnswer({ approvals: [{ match: 'rm -rf' }] })).status, 422);
  });
  const createAgentAnswer = (fields) => ada.api.post('/api/v1/agents/configs', { name: 'x', ...fields });
});
