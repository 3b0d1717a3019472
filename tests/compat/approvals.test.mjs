// What waits for people, with models that speak real dialects: edits, questions, plans, several calls of one answer.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createAgent, noSandbox, until } from '../e2e/harness.mjs';
import { expectPaired, expectWhole, find, results, systemEvent, textOf } from '../e2e/events.mjs';
import { calls, dialects, lastRequest, requestsWith, says } from './script.mjs';
import { ada, decide, killAndStart, mock, useScripts, wholeOf } from './scripted.mjs';

const plan = { title: 'Tea', steps: [{ title: 'boil water' }, { title: 'wait' }] };
const scripts = {
  'tidy up': [calls(['bash_execute', { command: 'echo dangerous' }]), ([first]) => says(`It said ${first}`)],
  'two at once': [
    calls(['bash_execute', { command: 'echo first' }], ['bash_execute', { command: 'echo second' }], ['get_current_time']),
    (all) => says(`I have ${all.length} results.`),
  ],
  'which colour': [
    calls(['ask_human', { question: 'Which colour?', options: ['red', 'blue'] }]),
    ([answer]) => says(`You like ${answer}`),
  ],
  'make tea': [
    calls(['create_plan', plan]),
    ([shown]) => (shown.includes('boil') ? calls(['bash_execute', { command: 'echo water boils' }]) : says('No plan, no tea.')),
    () => says('There is tea.'),
  ],
  'step by step': [
    calls(['create_plan', { title: 'Long', steps: ['one', 'two', 'three'].map((title) => ({ title })) }]),
    () => calls(['update_plan', { steps: [{ id: '1', status: 'done' }] }]),
    () => calls(['update_plan', { steps: [{ id: '2', status: 'done' }] }]),
    (all) => (all[2].includes('enough') ? says('I stopped after one.') : says('I went past the checkpoint.')),
  ],
  'may I': [calls(['request_authorization', { action: 'send the letter', reason: 'it is late' }]), ([answer]) => says(answer)],
  'three times': Array.from({ length: 30 }).map(() => calls(['get_current_time'])),
};

const isQuestion = ({ type }) => type === 'hil_request';
useScripts(scripts);

async function ask(agent, message, count = 1) {
  let asked = 0;
  const stream = await ada.chat({ agent_config_id: agent.id, message });
  const seen = await stream.takeUntil((event) => isQuestion(event) && ++asked === count);
  return { questions: seen.filter(isQuestion), run: seen[0].run_id };
}

for (const [dialect, model_id] of Object.entries(dialects)) {
  const agentOf = (fields) => createAgent(ada, { model_id, mode: 'COLLABORATIVE', ...fields });

  test(`${dialect}: an edited call is run as edited, and the model learns what it did`, { skip: noSandbox }, async () => {
    const agent = await agentOf({ tools: ['bash_execute'] });
    const { questions, run } = await ask(agent, 'tidy up');
    const answer = await decide(questions[0], { decision: 'edit', args: { command: 'echo harmless' } });
    assert.equal(answer.status, 200, answer.text);
    const events = await wholeOf(run);
    assert.match(textOf(events), /harmless/);
    assert.doesNotMatch(results(events)[0].content, /dangerous/);
    assert.match(JSON.stringify(lastRequest(mock)), /harmless/);
  });

  test(`${dialect}: each call of one answer has its own result when some are denied`, { skip: noSandbox }, async () => {
    const agent = await agentOf({ tools: ['bash_execute', 'get_current_time'] });
    const { questions, run } = await ask(agent, 'two at once', 2);
    await decide(questions[0], { decision: 'deny', text: 'not that one' });
    await killAndStart();
    await decide(questions[1], { decision: 'approve' });
    const events = await wholeOf(run);
    const [denied, ran, time] = results(events);
    assert.match(denied.content, /said no.*not that one/);
    assert.match(ran.content, /second/);
    assert.equal(time.metadata.is_error, false);
    assert.equal(textOf(events), 'I have 3 results.');
    // What its provider was sent: every call has its result, in whatever dialect.
    const sent = JSON.stringify(lastRequest(mock));
    for (const { metadata } of results(events))
      assert.ok(sent.split(metadata.tool_use_id).length >= 3, `${metadata.tool_use_id} is called and answered in ${sent}`);
  });

  test(`${dialect}: all calls of one answer can be denied`, { skip: noSandbox }, async () => {
    const agent = await agentOf({ tools: ['bash_execute', 'get_current_time'], approvals: [{ match: '*' }] });
    const { questions, run } = await ask(agent, 'two at once', 3);
    for (const question of questions) await decide(question, { decision: 'deny' });
    const events = await wholeOf(run);
    assert.deepEqual(results(events).map(({ metadata }) => metadata.is_error), [true, true, true]);
    assert.equal(textOf(events), 'I have 3 results.');
  });

  for (const env of ['cloud_shared', 'cloud_pool'])
    test(`${dialect}: a question is answered by a person, over kill -9 (${env})`, { skip: env === 'cloud_pool' && noSandbox }, async () => {
      const agent = await agentOf({ env, tools: ['ask_human'] });
      const { questions, run } = await ask(agent, 'which colour');
      assert.equal(questions[0].content, 'Which colour?');
      assert.deepEqual(questions[0].metadata.options, ['red', 'blue']);
      await killAndStart();
      assert.equal((await decide(questions[0], { decision: 'approve', text: 'blue' })).status, 200);
      assert.equal(textOf(await wholeOf(run)), 'You like blue');
    });

  test(`${dialect}: a plan is shown, changed by a person, and followed as changed`, { skip: noSandbox }, async () => {
    const agent = await agentOf({ tools: ['create_plan', 'update_plan', 'bash_execute'], approvals: [{ match: 'create_plan' }] });
    const { questions, run } = await ask(agent, 'make tea');
    assert.equal(questions[0].metadata.kind, 'review');
    assert.deepEqual(questions[0].metadata.args, plan);
    const changed = { title: 'Tea', steps: [{ title: 'boil fresh water' }] };
    assert.equal((await decide(questions[0], { decision: 'edit', args: changed })).status, 200);
    const events = await wholeOf(run);
    assert.match(results(events)[0].content, /boil fresh water/);
    assert.equal(textOf(events), 'There is tea.');
    assert.equal(requestsWith(mock, 'boil fresh water').length > 0, true);
  });

  test(`${dialect}: a plan that is refused is not followed; one that nobody looks at neither`, { skip: noSandbox }, async () => {
    const tools = ['create_plan', 'bash_execute'];
    const refused = await ask(await agentOf({ tools }), 'make tea');
    await decide(refused.questions[0], { decision: 'deny', text: 'coffee' });
    assert.equal(textOf(await wholeOf(refused.run)), 'No plan, no tea.');
    const late = await ask(await agentOf({ tools, approvals: [{ match: 'create_plan', timeout_s: 1 }] }), 'make tea');
    const events = await wholeOf(late.run);
    assert.equal(systemEvent(events, 'hil.decided').metadata.state, 'expired');
    assert.equal(results(events)[0].metadata.is_error, true);
    assert.equal(textOf(events), 'No plan, no tea.');
  });

  test(`${dialect}: a plan is shown again at its checkpoint, over kill -9`, { skip: noSandbox }, async () => {
    const approvals = [{ match: 'update_plan', every: 2 }];
    const agent = await agentOf({ tools: ['create_plan', 'update_plan'], approvals });
    for (const [decision, answer] of [
      [{ decision: 'approve' }, 'I went past the checkpoint.'],
      [{ decision: 'deny', text: 'that is enough' }, 'I stopped after one.'],
    ]) {
      const { questions, run } = await ask(agent, 'step by step');
      await decide(questions[0], { decision: 'approve' });
      const [checkpoint] = await until('the checkpoint', async () => {
        const { approvals: all } = (await ada.get(`/api/v1/agents/runs/${run}/approvals`)).json;
        return all.some(({ state }) => state === 'pending') && all.filter(({ state }) => state === 'pending');
      });
      assert.equal(checkpoint.kind, 'review');
      assert.deepEqual(checkpoint.args.steps, [{ id: '2', status: 'done' }]);
      await killAndStart();
      const decided = await ada.post(`/api/v1/agents/runs/${run}/approvals/${checkpoint.request_id}`, decision);
      assert.equal(decided.status, 200, decided.text);
      assert.equal(textOf(await wholeOf(run)), answer);
    }
  });

  test(`${dialect}: the model asks for permission`, async () => {
    const agent = await agentOf({ env: 'cloud_shared', tools: ['request_authorization'] });
    const { questions, run } = await ask(agent, 'may I');
    assert.match(questions[0].content, /send the letter.*it is late/);
    await decide(questions[0], { decision: 'deny', text: 'tomorrow' });
    assert.match(textOf(await wholeOf(run)), /said no.*tomorrow/);
  });

  test(`${dialect}: a call that is repeated without end is stopped`, async () => {
    const agent = await agentOf({ env: 'cloud_shared', tools: ['get_current_time'] });
    const events = await ada.chatAll({ agent_config_id: agent.id, message: 'three times' });
    expectWhole(events);
    expectPaired(events);
    assert.deepEqual(results(events).map(({ metadata }) => metadata.is_error).slice(0, 3), [false, false, true]);
    assert.match(results(events)[2].content, /third time|again/i);
    assert.ok(results(events).length < 20, 'its model is not asked for ever');
    assert.notEqual(find(events, 'result')?.metadata.subtype, 'success');
  });
}
