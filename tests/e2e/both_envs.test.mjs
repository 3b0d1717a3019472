// The same conversation in both places where a turn may run: in the process of the platform (cloud_shared) and in a
// sandbox (cloud_pool). What needs a sandbox is said to be missing in the first, and nothing else is.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { createAgent, noSandbox, Platform, until } from './harness.mjs';
import { expectPaired, expectWhole, find, results, systemEvent, texts, textOf } from './events.mjs';
import { EventStream } from './http.mjs';
import { zipOf } from './zips.mjs';

const kSessions = '/api/v1/agents/sessions';
const kSkills = '/api/v1/agents/skills';
const isQuestion = ({ type }) => type === 'hil_request';

let platform;
let ada;
before(async () => {
  platform = await Platform.up({ settings: { 'model.demo.delay': '10ms', 'pool.agent.warm': noSandbox ? '0' : '2' } });
  ada = platform.as('ada');
  const content = '---\nname: brewing\ndescription: How to brew.\n---\nWait for the water.\n';
  const zip = zipOf([{ path: 'brewing/SKILL.md', content }, { path: 'brewing/scripts/brew.sh', content: '#!/bin/sh\n' }]);
  assert.equal((await ada.post(kSkills, zip, { 'Content-Type': 'application/zip' })).status, 200);
});
after(() => platform?.stopAndLeaveNothing());

async function restart() {
  await platform.kill();
  await platform.start();
  ada = platform.as('ada');
}
const decide = ({ run_id: run, metadata }, body) =>
  ada.post(`/api/v1/agents/runs/${run}/approvals/${metadata.request_id}`, body);
async function wholeOf(run) {
  const events = await (await ada.events(run)).all();
  expectWhole(events);
  expectPaired(events);
  return events;
}
const call = (tool, args = {}) => `Call the tool ${tool} with \`${JSON.stringify(args)}\``;

for (const env of ['cloud_shared', 'cloud_pool'])
  describe(env, { skip: env === 'cloud_pool' && noSandbox }, () => {
    const isShared = env === 'cloud_shared';
    const agentOf = (fields) => createAgent(ada, { env, ...fields });
    const ask = async (message, body) => (await ada.chat({ message, env, ...body })).takeUntil(isQuestion);
    // Where it ran, by its first events.
    const expectPlace = (events) => assert.equal(systemEvent(events, 'sandbox.acquired') === undefined, isShared);

    test('a call is approved, edited and denied, over kill -9', async () => {
      const agent = await agentOf({ mode: 'COLLABORATIVE', tools: ['get_current_time'], approvals: [{ match: '*' }] });
      const answers = [
        [{ decision: 'approve' }, false, /T\d\d:\d\d/],
        [{ decision: 'edit', args: { timezone: 'Mars/Base' } }, true, /Mars/],
        [{ decision: 'deny', text: 'later' }, true, /later/],
      ];
      for (const [decision, isError, words] of answers) {
        const seen = await ask(call('get_current_time'), { agent_config_id: agent.id });
        if (decision.decision === 'approve') await restart();
        assert.equal((await decide(seen.at(-1), decision)).status, 200);
        const events = await wholeOf(seen[0].run_id);
        expectPlace(events);
        assert.equal(results(events)[0].metadata.is_error, isError, results(events)[0].content);
        assert.match(results(events)[0].content, words);
      }
    });

    test('a person is asked, and asked for permission', async () => {
      const agent = await agentOf({ mode: 'COLLABORATIVE', tools: ['ask_human', 'request_authorization'] });
      const asked = await ask(call('ask_human', { question: 'Which?', options: ['red', 'blue'] }), { agent_config_id: agent.id });
      expectPlace(asked);
      await decide(asked.at(-1), { decision: 'approve', text: 'blue' });
      assert.match(textOf(await wholeOf(asked[0].run_id)), /blue/);
      const may = await ask(call('request_authorization', { action: 'go' }), { agent_config_id: agent.id });
      await decide(may.at(-1), { decision: 'approve' });
      assert.equal(results(await wholeOf(may[0].run_id))[0].metadata.is_error, false);
    });

    test(isShared ? 'a plan needs a workspace, and that is said' : 'a plan is shown before it is followed', async () => {
      const agent = await agentOf({ mode: 'COLLABORATIVE', tools: ['create_plan'] });
      const message = call('create_plan', { title: 'Tea', steps: [{ title: 'boil' }] });
      if (isShared) {
        const events = await ada.chatAll({ agent_config_id: agent.id, message });
        const said = systemEvent(events, 'tools.unavailable');
        assert.deepEqual(said.metadata.tools, ['create_plan']);
        assert.match(said.content, /sandbox/);
        assert.deepEqual(results(events), []);
        return;
      }
      const seen = await ask(message, { agent_config_id: agent.id });
      assert.equal(seen.at(-1).metadata.kind, 'review');
      await decide(seen.at(-1), { decision: 'edit', args: { title: 'Tea', steps: [{ title: 'boil fresh water' }] } });
      assert.match(results(await wholeOf(seen[0].run_id))[0].content, /boil fresh water/);
    });

    test('a tool of the caller is run by the caller, over kill -9', async () => {
      const client_tools = [{ name: 'price_of', description: 'The price.', parameters: { type: 'object' } }];
      const seen = await ask(call('price_of', { article: 'tea' }), { client_tools });
      assert.equal(seen.at(-1).metadata.kind, 'tool');
      await restart();
      await decide(seen.at(-1), { decision: 'approve', text: '4.20' });
      const events = await wholeOf(seen[0].run_id);
      expectPlace(events);
      assert.match(textOf(events), /4\.20/);
      const failed = await ask(call('price_of', { article: 'tea' }), { client_tools });
      await decide(failed.at(-1), { decision: 'deny', text: 'no such article' });
      const [result] = results(await wholeOf(failed[0].run_id));
      assert.deepEqual([result.metadata.is_error, result.content], [true, 'no such article']);
    });

    test('an answer is JSON of a schema, or the run fails', async () => {
      const output_schema = { type: 'object', required: ['n'], properties: { n: { type: 'integer' } } };
      const chat = (message) => ada.post('/api/v1/agents/chat', { message, env, output_schema, stream: false });
      const fits = await chat(`say '{"n":7}'`);
      assert.deepEqual(fits.json.structured_output, { n: 7 }, fits.text);
      const other = await chat('say "hello"');
      assert.equal(other.status, 502, other.text);
    });

    test('a running turn is spoken to, and queued ones are changed before they run', async () => {
      const agent = await agentOf({});
      const stream = await ada.chat({ agent_config_id: agent.id, message: 'count to 400' });
      const seen = await stream.takeUntil(({ type }) => type === 'text');
      const [{ run_id: first, session_id: session }] = seen;
      const queue = async () => (await ada.get(`${kSessions}/${session}/queue`)).json.queue.map(({ run_id }) => run_id);
      const send = async (message) => {
        const next = await ada.chat({ agent_config_id: agent.id, session_id: session, message });
        return (await next.takeUntil(({ metadata }) => metadata.event === 'queued'))[0].run_id;
      };
      const [b, c, d] = [await send('say "b"'), await send('say "c"'), await send('say "d"')];
      assert.deepEqual(await queue(), [first, b, c, d]);
      assert.equal((await ada.patch(`/api/v1/agents/runs/${c}`, { before: b })).status, 200);
      assert.equal((await ada.patch(`/api/v1/agents/runs/${b}`, { message: 'say "bee"' })).status, 200);
      assert.equal((await ada.post(`/api/v1/agents/runs/${d}/steer`)).status, 200);
      const word = await ada.post(`/api/v1/agents/runs/${first}/steer`, { message: 'say "and this"' });
      assert.equal(word.status, 200, word.text);

      const events = await wholeOf(first);
      expectPlace(events);
      assert.equal(events.filter(({ metadata }) => metadata.event === 'steered').length, 2);
      assert.match(textOf(events), /and this|d/);
      assert.equal(textOf(await wholeOf(b)), 'bee');
      assert.equal(find(await wholeOf(d), 'result').metadata.subtype, 'steered');
      const { runs } = (await ada.get(`${kSessions}/${session}/runs`)).json;
      const started = (id) => Date.parse(runs.find((run) => run.id === id).started_at);
      assert.ok(started(c) <= started(b), 'the moved run came first');
    });

    test('a session is forked and exported with its calls', async () => {
      const agent = await agentOf({ tools: ['get_current_time'] });
      const first = await ada.chatAll({ agent_config_id: agent.id, message: 'What time is it?' });
      const session = first[0].session_id;
      await ada.chatAll({ agent_config_id: agent.id, session_id: session, message: 'What is 20+3?' });
      const forked = await ada.post(`${kSessions}/${session}/fork`, { run_id: first[0].run_id });
      assert.equal(forked.status, 200, forked.text);
      const events = await ada.chatAll({ session_id: forked.json.id, message: 'What is 30+3?' });
      expectPlace(events);
      assert.match(find(events, 'result').content, /\b33\b/);
      const exported = async (id) => (await ada.get(`${kSessions}/${id}/export`)).json;
      const original = await exported(session);
      assert.deepEqual(original.runs.map(({ run }) => run.message), ['What time is it?', 'What is 20+3?']);
      assert.equal(original.runs[0].events.length, first.length);
      const copy = JSON.stringify((await exported(forked.json.id)).messages);
      assert.doesNotMatch(copy, /20\+3/);
      assert.match(copy, /tool_result[^]*30\+3/);
    });

    test('a skill is read when the model asks for it', async () => {
      const agent = await agentOf({ skills: ['brewing'], tools: [] });
      const events = await ada.chatAll({ agent_config_id: agent.id, message: call('use_skill', { name: 'brewing' }) });
      expectPlace(events);
      assert.match(results(events)[0].content, /Wait for the water/);
      assert.equal(/Its folder/.test(results(events)[0].content), !isShared, 'only a sandbox has a place for its scripts');
    });

    test('what is remembered is found in another session, over kill -9', async () => {
      const agent = await agentOf({ tools: ['memory_store', 'memory_search'] });
      const say = (message) => ada.chatAll({ agent_config_id: agent.id, message });
      const stored = await say(call('memory_store', { content: 'The cat is called Minka.', key: 'cat' }));
      expectPlace(stored);
      expectPaired(stored);
      await restart();
      const [found] = results(await say(call('memory_search', { query: 'cat' })));
      assert.match(found.content, /Minka/);
    });

    test('tasks wait for each other, and agents hand over', async () => {
      const does = (name, more = {}) => ({ name, model_id: 'builtin/demo', ...more });
      const open = (body) =>
        EventStream.open(`${platform.endpoints.agent}/api/v1/agents/swarm/stream`, {
          method: 'POST',
          headers: { 'user-id': 'ada' },
          body: { prompt: 'What is 40+2?', env, ...body },
        });
      const dag = await (
        await open({
          routing_type: 'dag',
          agents: [does('clerk', { tools: ['get_current_time'] }), does('writer')],
          tasks: [
            { id: 'time', agent: 'clerk', title: 'What time is it?' },
            { id: 'sum', agent: 'writer', title: 'What is 30+3?', depends_on: ['time'] },
          ],
        })
      ).all();
      expectWhole(dag);
      expectPaired(dag);
      expectPlace(dag);
      assert.deepEqual(find(dag, 'result').metadata.tasks.map(({ state }) => state), ['completed', 'completed']);
      assert.match(find(dag, 'result').content, /\b33\b/);
      const script = "You sort. <script>say 'Sorted. [HANDOFF: solver] a sum'</script>";
      const swarm = await (await open({ agents: [does('triage', { system_prompt: script }), does('solver')] })).all();
      expectWhole(swarm);
      assert.match(find(swarm, 'result').content, /\b42\b/);
      assert.deepEqual([...new Set(texts(swarm).map(({ metadata }) => metadata.agent))], ['triage', 'solver']);
    });

    test('an event fires a run', async () => {
      const agent = await agentOf({ mode: 'PROACTIVE' });
      const body = { name: 't', prompt: 'What is 20+3?', agent_config_id: agent.id, type: 'pattern', rule: { event: env } };
      const trigger = (await ada.post('/api/v1/agents/triggers', body)).json;
      const fired = (await ada.post('/api/v1/agents/events', { type: env, data: {} })).json.triggers[0];
      // Whoever is told of the run may look at it at once.
      assert.equal((await ada.get(`/api/v1/agents/runs/${fired.run_id}`)).status, 200);
      const events = await wholeOf(fired.run_id);
      expectPlace(events);
      assert.match(find(events, 'result').content, /\b23\b/);
      await until('the firing to end', async () => {
        const { firings } = (await ada.get(`/api/v1/agents/triggers/${trigger.id}/firings`)).json;
        return firings[0].state === 'succeeded';
      });
    });
  });

describe('what cloud_shared has no place for', () => {
  const files = ['read_file', 'write_file', 'edit_file', 'multi_edit_file', 'glob_files', 'grep_search', 'ls_directory'];
  const others = ['bash_execute', 'bash_output', 'kill_shell', 'list_shells', 'web_search', 'web_crawl', 'create_plan', 'update_plan'];

  test('every tool that needs a sandbox is named, refused when it is called, and the chat goes on', async () => {
    const tools = [...files, ...others, 'mcp:far/*'];
    const mcp_servers = { far: { url: 'https://mcp.test/mcp' } };
    const agent = await createAgent(ada, { env: 'cloud_shared', tools: [...tools, 'get_current_time'], mcp_servers });
    const events = await ada.chatAll({ agent_config_id: agent.id, message: 'What is 6*7?' });
    const said = systemEvent(events, 'tools.unavailable');
    assert.deepEqual([...said.metadata.tools].sort(), [...tools].sort());
    assert.match(said.content, /cloud_pool|sandbox/);
    assert.equal(systemEvent(events, 'context.complete').metadata.tools_count, 1);
    assert.match(find(events, 'result').content, /42/);
  });

  test('a member of a team that wants a sandbox of its own is refused by name', async () => {
    const body = { prompt: 'x', env: 'cloud_shared', agents: [{ name: 'a', model_id: 'builtin/demo', sandbox: 'own' }] };
    const answer = await ada.post('/api/v1/agents/swarm', body);
    assert.equal(answer.status, 422, answer.text);
    assert.equal(answer.json.error.param, '/agents/0/sandbox');
  });
});
