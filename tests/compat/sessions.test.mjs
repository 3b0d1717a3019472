// Conversations with models that speak real dialects: what is said to a running turn, what a fork sends on, tools of the
// caller and answers of a schema; in the process of the platform and in a sandbox.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { createAgent, noSandbox, until } from '../e2e/harness.mjs';
import { expectPaired, find, results, systemEvent, textOf } from '../e2e/events.mjs';
import { calls, dialects, lastRequest, says } from './script.mjs';
import { ada, decide, killAndStart, mock, useScripts, wholeOf } from './scripted.mjs';

const isQuestion = ({ type }) => type === 'hil_request';
let gate; // What the model waits for before it answers.
const scripts = {
  'in French': [says('Il est tard.')],
  'take your time': [() => gate.then(() => calls(['get_current_time']))],
  'wait for a person': [calls(['ask_human', { question: 'Go on?' }]), ([answer]) => says(`They said ${answer}.`)],
  'use my tools': [
    calls(['price_of', { article: 'tea' }], ['stock_of', { article: 'tea' }]),
    ([price, stock]) => says(`${price}, ${stock}`),
  ],
  'in the schema': [says('seven')],
  'correct': [says('{"n": 7}')],
  'what time': [calls(['get_current_time']), () => says('It is late.')],
  'go on': [says('I went on.')],
};

useScripts(scripts);

for (const [dialect, model_id] of Object.entries(dialects))
  for (const env of ['cloud_shared', 'cloud_pool']) {
    const skip = env === 'cloud_pool' && noSandbox;
    const place = (events) => (systemEvent(events, 'sandbox.acquired') ? 'cloud_pool' : 'cloud_shared');

    test(`${dialect}: two tools of the caller in one answer, one of which fails (${env})`, { skip }, async () => {
      const client_tools = ['price_of', 'stock_of'].map((name) => ({ name, description: name, parameters: { type: 'object' } }));
      let asked = 0;
      const stream = await ada.chat({ message: 'use my tools', model: model_id, env, client_tools });
      const seen = await stream.takeUntil((event) => isQuestion(event) && ++asked === 2);
      const [price, stock] = seen.filter(isQuestion);
      assert.equal((await decide(price, { decision: 'approve', text: '4.20 EUR' })).status, 200);
      assert.equal((await decide(stock, { decision: 'deny', text: 'the shelf is gone' })).status, 200);
      const events = await wholeOf(seen[0].run_id);
      assert.equal(place(events), env);
      assert.deepEqual(results(events).map(({ metadata }) => metadata.is_error), [false, true]);
      assert.match(textOf(events), /4\.20 EUR, the shelf is gone/);
    });

    test(`${dialect}: an answer that does not fit its schema is asked for again (${env})`, { skip }, async () => {
      const output_schema = { type: 'object', required: ['n'], properties: { n: { type: 'integer' } } };
      const before = mock.getRequests().length;
      const body = { message: 'in the schema', model: model_id, env, output_schema, stream: false };
      const answer = await ada.post('/api/v1/agents/chat', body);
      assert.deepEqual(answer.json.structured_output, { n: 7 }, answer.text);
      const asked = mock.getRequests().slice(before);
      assert.equal(asked.length, 2);
      // It is told what was wrong with what it said.
      assert.match(JSON.stringify(asked[1].body.messages), /seven.*(JSON|schema)/i);
    });

    test(`${dialect}: what is said to a running turn reaches its model, once (${env})`, { skip }, async () => {
      let open;
      gate = new Promise((resolve) => (open = resolve));
      const agent = await createAgent(ada, { model_id, env, tools: ['get_current_time'] });
      const stream = await ada.chat({ agent_config_id: agent.id, message: 'take your time' });
      const [{ run_id: run, session_id: session }] = await stream.takeUntil(({ metadata }) => metadata.event === 'context.complete');
      const next = await ada.chat({ agent_config_id: agent.id, session_id: session, message: 'in French' });
      const [{ run_id: queued }] = await next.takeUntil(({ metadata }) => metadata.event === 'queued');
      assert.equal((await ada.post(`/api/v1/agents/runs/${queued}/steer`)).status, 200);
      open();
      const events = await wholeOf(run);
      assert.equal(place(events), env);
      assert.equal(textOf(events), 'Il est tard.');
      assert.equal(find(await wholeOf(queued), 'result').metadata.subtype, 'steered');
      const sent = JSON.stringify(lastRequest(mock).messages);
      assert.match(sent, /take your time.*in French/);
      assert.equal(sent.split('in French').length, 2);
    });

    test(`${dialect}: what is said to a turn that waits for a person is heard when it goes on, over kill -9 (${env})`, { skip }, async () => {
      const agent = await createAgent(ada, { model_id, env, mode: 'COLLABORATIVE', tools: ['ask_human'] });
      const stream = await ada.chat({ agent_config_id: agent.id, message: 'wait for a person' });
      const seen = await stream.takeUntil(isQuestion);
      // The question is shown before the run is put aside.
      const state = async () => (await ada.get(`/api/v1/agents/runs/${seen[0].run_id}`)).json.state;
      await until('the turn to wait', async () => (await state()) === 'waiting');
      const word = await ada.post(`/api/v1/agents/runs/${seen[0].run_id}/steer`, { message: 'in French' });
      assert.equal(word.json.status, 'kept', word.text);
      await killAndStart();
      await decide(seen.at(-1), { decision: 'approve', text: 'yes' });
      assert.equal(textOf(await wholeOf(seen[0].run_id)), 'Il est tard.');
      // In Anthropic's dialect both stand in one message, of which aimock shows the text first.
      const sent = JSON.stringify(lastRequest(mock).messages);
      for (const words of ['Go on?', '"yes"', 'in French']) assert.equal(sent.split(words).length, 2, words);
    });

    test(`${dialect}: a fork after a call goes on with the call and its result (${env})`, { skip }, async () => {
      const agent = await createAgent(ada, { model_id, env, tools: ['get_current_time'] });
      const first = await ada.chatAll({ agent_config_id: agent.id, message: 'what time' });
      expectPaired(first);
      const [result] = results(first);
      const forked = await ada.post(`/api/v1/agents/sessions/${first[0].session_id}/fork`, { after_event: result.id });
      assert.equal(forked.status, 200, forked.text);
      const events = await ada.chatAll({ session_id: forked.json.id, message: 'go on' });
      assert.equal(find(events, 'result').content, 'I went on.');
      const sent = JSON.stringify(lastRequest(mock).messages);
      assert.equal(sent.split(result.metadata.tool_use_id).length, 3, 'called and answered once each');
      assert.doesNotMatch(sent, /It is late/);
    });
  }
