// What runs cost: by the prices of the settings, in answers, events and the store, in a sandbox and out of it. A limit
// of money ends a run, and without a known price there is no run under one.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { createAgent, noSandbox, Platform, run, temporaryFolder } from './harness.mjs';
import { expectPaired, expectWhole, find, systemEvent } from './events.mjs';

// A thousandth of a dollar for each token.
const prices = 'builtin/demo input=1000 output=1000';
const nanos = (usd) => Math.round(usd * 1e9);
const nanosOf = ({ input_tokens, output_tokens }) => (input_tokens + output_tokens) * 1e6;
const expectPriced = (usage) => {
  assert.ok(usage.input_tokens > 0);
  assert.equal(nanos(usage.cost_usd), nanosOf(usage));
};

describe('a price for builtin/demo', { skip: noSandbox }, () => {
  let platform;
  let ada;
  before(async () => {
    platform = await Platform.up({ settings: { 'model.prices': prices } });
    ada = platform.as('ada');
  });
  after(() => platform.stopAndLeaveNothing());
  const asked = async (agent, message) => {
    const events = await (await ada.chat({ agent_config_id: agent.id, message })).all();
    expectWhole(events);
    expectPaired(events);
    return events;
  };

  for (const env of ['cloud_shared', 'cloud_pool'])
    test(`a run in ${env} says what it cost, and its row keeps it`, async () => {
      const agent = await createAgent(ada, { env, limits: { max_usd: 100 } });
      const events = await asked(agent, 'What is 6*7?');
      const { usage, subtype } = find(events, 'result').metadata;
      assert.equal(subtype, 'success');
      expectPriced(usage);
      const row = (await ada.get(`/api/v1/agents/runs/${events[0].run_id}`)).json;
      assert.deepEqual(row.usage, usage);
      const whole = await ada.post('/api/v1/agents/chat', {
        agent_config_id: agent.id,
        message: 'What is 6*7?',
        stream: false,
      });
      expectPriced(whole.json.usage);
    });

  test('a run stops at max_usd before the next call of the model, and was warned of it', async () => {
    const agent = await createAgent(ada, { tools: ['bash_execute'], limits: { max_usd: 0.001 } });
    const events = await asked(agent, 'Run the command `echo once`');

    const { metadata } = find(events, 'result');
    assert.equal(metadata.subtype, 'error_budget');
    assert.equal(metadata.limit, 'max_usd');
    assert.equal(metadata.num_turns, 1);
    assert.match(metadata.problem, /^limits\.max_usd is 0\.001, and [0-9.]+ USD were spent$/);
    expectPriced(metadata.usage);
    const warnings = events.filter(({ metadata: { event } }) => event === 'budget.warn');
    assert.equal(warnings.length, 1);
    assert.equal(warnings[0].metadata.limit, 'max_usd');
    const row = (await ada.get(`/api/v1/agents/runs/${events[0].run_id}`)).json;
    assert.equal(row.state, 'failed');
    assert.equal(row.error_code, 'error_budget');
    assert.deepEqual(row.usage, metadata.usage);

    const refused = await ada.post('/api/v1/agents/chat', {
      agent_config_id: agent.id,
      message: 'Run the command `echo again`',
      stream: false,
    });
    assert.notEqual(refused.status, 200);
    assert.match(refused.text, /limits\.max_usd is 0\.001/);
  });

  test('a run that has money left does the same to its end', async () => {
    const agent = await createAgent(ada, { tools: ['bash_execute'], limits: { max_usd: 100 } });
    const events = await asked(agent, 'Run the command `echo once`');
    assert.equal(find(events, 'result').metadata.subtype, 'success');
    assert.equal(find(events, 'result').metadata.num_turns, 2);
    assert.equal(systemEvent(events, 'budget.warn'), undefined);
  });

  test('max_tokens is warned of too', async () => {
    const agent = await createAgent(ada, { tools: ['bash_execute'], limits: { max_tokens: 1 } });
    const events = await asked(agent, 'Run the command `echo once`');
    assert.equal(find(events, 'result').metadata.limit, 'max_tokens');
    assert.equal(systemEvent(events, 'budget.warn').metadata.limit, 'max_tokens');
  });

  test('what was spent before a suspension and a kill -9 counts', async () => {
    const agent = await createAgent(ada, {
      mode: 'COLLABORATIVE',
      tools: ['bash_execute'],
      approvals: [{ match: 'bash_execute' }],
      limits: { max_usd: 0.001 },
    });
    const message = 'Run the command `echo approved`';
    const seen = await (await ada.chat({ agent_config_id: agent.id, message })).takeUntil(
      ({ type }) => type === 'hil_request',
    );
    await platform.kill();
    await platform.start();
    ada = platform.as('ada');
    const question = seen.at(-1);
    const decided = await ada.post(
      `/api/v1/agents/runs/${question.run_id}/approvals/${question.metadata.request_id}`,
      { decision: 'approve' },
    );
    assert.equal(decided.status, 200, decided.text);

    const events = await (await ada.events(question.run_id)).all();

    expectWhole(events);
    const { metadata } = find(events, 'result');
    assert.equal(metadata.subtype, 'error_budget');
    assert.equal(metadata.limit, 'max_usd');
    expectPriced(metadata.usage);
    assert.equal(events.filter(({ metadata: { event } }) => event === 'budget.warn').length, 1);
  });

  test('a team costs what its members cost, and its limit ends it', async () => {
    const member = (name) => ({ name, model_id: 'builtin/demo' });
    const spec = await ada.post('/api/v1/agents/multi-specs', {
      name: 'Two',
      routing_spec: {
        agents: [member('a'), member('b')],
        tasks: [
          { id: 'first', agent: 'a', title: 'What is 2+2?' },
          { id: 'second', agent: 'b', title: 'What is 3+3?', depends_on: ['first'] },
        ],
      },
    });
    assert.equal(spec.status, 200, spec.text);
    const team = (limits) =>
      createAgent(ada, { env: 'cloud_shared', limits, metadata: { multi_agent_id: spec.json.id } });

    const whole = find(await asked(await team({ max_usd: 1000 }), 'sums'), 'result').metadata;
    assert.equal(whole.subtype, 'success');
    expectPriced(whole.usage);
    const cut = find(await asked(await team({ max_usd: 0.001 }), 'sums'), 'result').metadata;
    assert.equal(cut.subtype, 'error_task_failed');
    assert.deepEqual(
      cut.tasks.map(({ state }) => state),
      ['completed', 'failed'],
    );
    expectPriced(cut.usage);
    assert.ok(cut.usage.cost_usd < whole.usage.cost_usd);
  });

  test('the model service shows the price and puts the cost into the usage of both dialects', async () => {
    const model = platform.internal('model');
    const list = (await model.get('/v1/models')).json;
    assert.deepEqual(list.data.find(({ id }) => id === 'builtin/demo').pricing, { input: 1000, output: 1000 });
    const asks = { model: 'builtin/demo', max_tokens: 50, messages: [{ role: 'user', content: 'What is 2+2?' }] };
    const openai = (await model.post('/v1/chat/completions', asks)).json.usage;
    assert.equal(nanos(openai.cost), openai.total_tokens * 1e6);
    const anthropic = (await model.post('/v1/messages', asks)).json.usage;
    assert.equal(nanos(anthropic.cost), nanosOf(anthropic));
  });

  test('isa run says what it cost and why it stopped', async () => {
    const file = path.join(temporaryFolder(), 'costly.yaml');
    const manifest = (usd) =>
      `model_id: builtin/demo\nenv: cloud_pool\ntools: [bash_execute]\nlimits: { max_usd: ${usd} }\nmessage: Run the command \`echo hi\`\n`;
    const env = { ISA_URL: platform.endpoints.agent, ISA_USER: 'ada' };
    fs.writeFileSync(file, manifest(100));
    const paid = await run(['run', file], { env });
    assert.equal(paid.status, 0, paid.stderr);
    assert.match(paid.stderr, /\([0-9.]+ USD\)/);
    fs.writeFileSync(file, manifest(0.001));
    const stopped = await run(['run', file], { env });
    assert.match(stopped.stderr, /limits\.max_usd is 0\.001, and [0-9.]+ USD were spent/);
  });
});

describe('without a price', { skip: noSandbox }, () => {
  let platform;
  let ada;
  before(async () => {
    // A provider that nobody will be asked at: what is called gpt-4o there may cost anything.
    const settings = { 'model.openai.base_url': 'http://127.0.0.1:9/v1', 'pool.agent.warm': '1' };
    platform = await Platform.up({ settings });
    ada = platform.as('ada');
  });
  after(() => platform.stopAndLeaveNothing());

  for (const env of ['cloud_shared', 'cloud_pool'])
    test(`an agent with max_usd is made in ${env}, and its run is refused with how to set the price`, async () => {
      const agent = await createAgent(ada, { env, model_id: 'openai/gpt-4o', limits: { max_usd: 1 } });
      const refused = await ada.post('/api/v1/agents/chat', { agent_config_id: agent.id, message: 'hi' });
      assert.equal(refused.status, 424, refused.text);
      assert.equal(refused.json.error.code, 'model_price_unknown');
      for (const word of ['openai/gpt-4o', 'model.prices', 'ISA_MODEL_PRICES', 'limits.max_usd'])
        assert.ok(refused.json.error.message.includes(word), refused.text);
      assert.deepEqual((await ada.get('/api/v1/agents/sessions')).json.sessions, []);
    });

  test('builtin/demo costs nothing, and that is known', async () => {
    const agent = await createAgent(ada, { env: 'cloud_shared', limits: { max_usd: 0.01 } });
    const events = await (await ada.chat({ agent_config_id: agent.id, message: 'What is 2+2?' })).all();
    assert.equal(find(events, 'result').metadata.subtype, 'success');
    assert.equal(find(events, 'result').metadata.usage.cost_usd, 0);
  });
});

test('a bad price is refused at start, with where it stands and what is wrong', async () => {
  const folder = temporaryFolder();
  const config = path.join(folder, 'isa.yaml');
  const wrong = [
    ['builtin/demo input=cheap output=1', "'cheap' is no price"],
    ['builtin/demo input=-1 output=1', "'-1' is no price"],
    ['builtin/demo input=1', 'output is missing'],
    ['demo input=1 output=1', "'demo' is no model"],
    ['opnai/gpt-4o input=1 output=1', 'must be builtin, openai or anthropic'],
  ];
  for (const [price, says] of wrong) {
    fs.writeFileSync(config, `model:\n  prices:\n    - ${price}\n`);
    const started = await run(['up', '--data-dir', path.join(folder, 'd'), '--config', config]);
    assert.notEqual(started.status, 0, price);
    assert.ok(started.stderr.includes('model.prices (from '), started.stderr);
    assert.ok(started.stderr.includes('isa.yaml:3'), started.stderr);
    assert.ok(started.stderr.includes(says), started.stderr);
  }
  const shown = await run(['config'], { env: { ISA_MODEL_PRICES: 'builtin/demo output=2 input=0.50' } });
  assert.match(shown.stdout, /^model\.prices: builtin\/demo input=0\.5 output=2$/m);
});
