// The official clients read what a call cost beside the fields that they know, from either provider.
import Anthropic from '@anthropic-ai/sdk';
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import OpenAI from 'openai';

import { callersKey, headers, startModelService, startUpstream, upstreamSettings } from './platform.mjs';

const models = { openai: 'gpt-4o-mini', anthropic: 'claude-sonnet-4-5' };
const messages = [{ role: 'user', content: 'hello' }];
let mock, service, openai, anthropic;

before(async () => {
  mock = await startUpstream('upstream.json');
  // One dollar for a thousand tokens, of whatever kind.
  const prices = 'openai/* input=1000 output=1000,anthropic/* input=1000 output=1000';
  service = await startModelService({ ...upstreamSettings(mock), 'model.prices': prices });
  const options = { apiKey: callersKey, defaultHeaders: headers, maxRetries: 0 };
  openai = new OpenAI({ baseURL: `${service.url}/v1`, ...options });
  anthropic = new Anthropic({ baseURL: service.url, ...options });
});
after(async () => {
  await service?.stop();
  await mock?.stop();
});

const expectCost = (cost, tokens) => {
  assert.ok(tokens > 0);
  assert.equal(Math.round(cost * 1e9), tokens * 1e6);
};
const tokensOf = (usage) =>
  usage.input_tokens +
  (usage.cache_creation_input_tokens ?? 0) +
  (usage.cache_read_input_tokens ?? 0) +
  usage.output_tokens;

for (const [provider, model] of Object.entries(models)) {
  test(`OpenAI's client, ${provider}`, async () => {
    const { usage } = await openai.chat.completions.create({ model, messages });
    expectCost(usage.cost, usage.total_tokens);
  });

  test(`OpenAI's client, ${provider}, streamed`, async () => {
    const body = { model, messages, stream: true, stream_options: { include_usage: true } };
    let usage;
    for await (const chunk of await openai.chat.completions.create(body)) usage = chunk.usage ?? usage;
    expectCost(usage.cost, usage.total_tokens);
  });

  test(`Anthropic's client, ${provider}`, async () => {
    const { usage } = await anthropic.messages.create({ model, max_tokens: 100, messages });
    expectCost(usage.cost, tokensOf(usage));
  });

  test(`Anthropic's client, ${provider}, streamed`, async () => {
    const stream = await anthropic.messages.create({ model, max_tokens: 100, messages, stream: true });
    let cost;
    for await (const event of stream) if (event.type === 'message_delta') cost = event.usage.cost;
    assert.ok(cost > 0);
  });
}

test('the lists of models show the prices', async () => {
  for await (const { pricing } of openai.models.list()) assert.equal(typeof pricing.input, 'number');
});
