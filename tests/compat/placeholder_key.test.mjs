// The official clients as people set them up for a server of their own: an address, and any word for a key.
import { createAnthropic } from '@ai-sdk/anthropic';
import Anthropic from '@anthropic-ai/sdk';
import { generateText } from 'ai';
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import OpenAI from 'openai';

import { startModelService } from './platform.mjs';

const model = 'builtin/demo';
const messages = [{ role: 'user', content: 'What is 2+2?' }];
let service;

before(async () => (service = await startModelService()));
after(() => service?.stop());

test('openai: any word is good enough for a key on this machine', async () => {
  const client = new OpenAI({ baseURL: `${service.url}/v1`, apiKey: 'dummy' });
  const answer = await client.chat.completions.create({ model, messages });
  assert.match(answer.choices[0].message.content, /4/);
});

test('anthropic: any word is good enough for a key on this machine', async () => {
  const client = new Anthropic({ baseURL: service.url, apiKey: 'dummy' });
  const answer = await client.messages.create({ model, max_tokens: 100, messages });
  assert.match(answer.content[0].text, /4/);
});

test('ai: any word is good enough for a key on this machine', async () => {
  const provider = createAnthropic({ baseURL: `${service.url}/v1`, apiKey: 'dummy' });
  const { text } = await generateText({ model: provider(model), messages });
  assert.match(text, /4/);
});

test('a key of the platform is not taken for such a word', async () => {
  const client = new OpenAI({ baseURL: `${service.url}/v1`, apiKey: 'isa_unknown', maxRetries: 0 });
  await assert.rejects(client.chat.completions.create({ model, messages }), (error) => {
    assert.equal(error.status, 401);
    assert.match(error.message, /no auth service is configured/);
    return true;
  });
});

test('no key at all is still a question of who asks', async () => {
  const answer = await fetch(`${service.url}/v1/models`);
  assert.equal(answer.status, 401);
});
