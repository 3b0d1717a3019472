// Agents whose models speak the dialects of real providers (aimock behind them): what waits for people, what the caller
// runs, teams. What goes back to the provider after a restart is what its dialect wants.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { createAgent, noSandbox, Platform } from '../e2e/harness.mjs';
import { expectPaired, expectWhole, results, textOf } from '../e2e/events.mjs';
import { startUpstream, upstreamSettings } from './platform.mjs';

const models = ['openai/gpt-4o-mini', 'anthropic/claude-sonnet-4-5'];
const isQuestion = ({ type }) => type === 'hil_request';
let mock, platform;
before(async () => {
  mock = await startUpstream('agents.json');
  platform = await Platform.up({ settings: upstreamSettings(mock) });
});
after(async () => {
  await platform?.stopAndLeaveNothing();
  await mock?.stop();
});

const ada = () => platform.as('ada');
const decide = ({ run_id: run, metadata }, body) =>
  ada().post(`/api/v1/agents/runs/${run}/approvals/${metadata.request_id}`, body);
async function wholeOf(run) {
  const events = await (await ada().events(run)).all();
  expectWhole(events);
  expectPaired(events);
  return events;
}
const chat = async (body) => (await ada().chat(body)).takeUntil(isQuestion);
// The last request to the provider, as it journaled it.
const lastRequest = () => JSON.stringify(mock.getRequests().at(-1).body);

for (const model of models) {
  test(`${model}: a command waits, over kill -9, and its result goes back to the model`, { skip: noSandbox }, async () => {
    const agent = await createAgent(ada(), { model_id: model, mode: 'COLLABORATIVE', tools: ['bash_execute'] });
    const seen = await chat({ agent_config_id: agent.id, message: 'run it' });
    assert.deepEqual(seen.at(-1).metadata.args, { command: 'echo from the sandbox' });
    await platform.kill();
    await platform.start();
    assert.equal((await decide(seen.at(-1), { decision: 'approve' })).status, 200);
    const events = await wholeOf(seen[0].run_id);
    assert.match(results(events)[0].content, /from the sandbox/);
    assert.equal(textOf(events), 'It was done, and this is the end.');
    assert.match(lastRequest(), /from the sandbox/);
  });

  test(`${model}: a tool of the caller, in this process`, async () => {
    const tool = { name: 'price_of', description: 'The price.', parameters: { type: 'object' } };
    const seen = await chat({ message: 'look it up', model, client_tools: [tool] });
    await decide(seen.at(-1), { decision: 'approve', text: '4.20 EUR' });
    assert.equal(textOf(await wholeOf(seen[0].run_id)), 'It was done, and this is the end.');
    assert.match(lastRequest(), /4\.20 EUR/);
  });

  test(`${model}: an answer as JSON of a schema`, async () => {
    const output_schema = { type: 'object', required: ['n'], properties: { n: { type: 'integer' } } };
    const answer = await ada().post('/api/v1/agents/chat', { message: 'as JSON', model, output_schema, stream: false });
    assert.deepEqual(answer.json.structured_output, { n: 7 }, answer.text);
  });
}

test('a team whose members speak different dialects', async () => {
  const agents = models.map((model_id, index) => ({ name: `member${index}`, model_id }));
  const tasks = [
    { id: 'one', agent: 'member0', title: 'part one' },
    { id: 'two', agent: 'member1', title: 'part two', depends_on: ['one'] },
  ];
  const answer = await ada().post('/api/v1/agents/swarm/dag', { prompt: 'Do the part.', agents, tasks });
  assert.equal(answer.status, 200, answer.text);
  assert.match(lastRequest(), /My part is ready/);
});
