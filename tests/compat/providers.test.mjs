// The official clients against the providers openai and anthropic, with aimock behind them: each dialect to each.
import Anthropic from '@anthropic-ai/sdk';
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import OpenAI from 'openai';

import { callersKey, headers, startModelService, startUpstream, upstreamSettings } from './platform.mjs';

const models = { openai: 'gpt-4o-mini', anthropic: 'claude-sonnet-4-5' };
const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const user = (content) => [{ role: 'user', content }];
let mock, service, openai, anthropic;

before(async () => {
  mock = await startUpstream('upstream.json');
  service = await startModelService({ ...upstreamSettings(mock), 'model.retries': '1' });
  const options = { apiKey: callersKey, defaultHeaders: headers, maxRetries: 0 };
  openai = new OpenAI({ baseURL: `${service.url}/v1`, ...options });
  anthropic = new Anthropic({ baseURL: service.url, ...options });
});
beforeEach(() => mock.clearRequests());
after(async () => {
  await service?.stop();
  await mock?.stop();
});

// The two clients as one: what is asked, streamed or not, and what came of it.
const clients = {
  openai: {
    async ask(body, stream) {
      const tools = body.tools?.map((tool) => ({ type: 'function', function: { ...tool, parameters } }));
      const request = { ...body, ...(tools && { tools }) };
      const answer = stream
        ? await openai.chat.completions.stream(request).finalChatCompletion()
        : await openai.chat.completions.create(request);
      const [{ message, finish_reason }] = answer.choices;
      const calls = (message.tool_calls ?? []).map(({ id, function: f }) => ({
        id,
        name: f.name,
        input: JSON.parse(f.arguments),
      }));
      return { message, text: message.content, calls, ended: finish_reason };
    },
    results: (calls, content) =>
      calls.map(({ id }) => ({ role: 'tool', tool_call_id: id, content })),
    ends: { text: 'stop', tools: 'tool_calls' },
    errors: OpenAI,
  },
  anthropic: {
    async ask(body, stream) {
      const tools = body.tools?.map((tool) => ({ ...tool, input_schema: parameters }));
      const request = { max_tokens: 300, ...body, ...(tools && { tools }) };
      const answer = stream
        ? await anthropic.messages.stream(request).finalMessage()
        : await anthropic.messages.create(request);
      const text = answer.content.map((block) => block.text ?? '').join('');
      const calls = answer.content.filter((block) => block.type === 'tool_use');
      const message = { role: 'assistant', content: answer.content };
      return { message, text, calls, ended: answer.stop_reason };
    },
    results: (calls, content) =>
      user(calls.map(({ id }) => ({ type: 'tool_result', tool_use_id: id, content }))),
    ends: { text: 'end_turn', tools: 'tool_use' },
    errors: Anthropic,
  },
};

test('the upstream refuses a key that is not the platform\'s', async () => {
  const authorization = `Bearer ${callersKey}`;
  const answer = await fetch(`${mock.url}/v1/chat/completions`, { method: 'POST', headers: { authorization } });
  assert.equal(answer.status, 401);
});

for (const [dialect, client] of Object.entries(clients)) {
  for (const [provider, model] of Object.entries(models)) {
    for (const stream of [false, true]) {
      const how = `${dialect} to ${provider}${stream ? ', streamed' : ''}`;

      test(`${how}: text arrives whole`, async () => {
        const answer = await client.ask({ model, messages: user('hello') }, stream);
        assert.equal(answer.text, 'Grüße aus der Welt 世界, this is the upstream.');
        assert.equal(answer.ended, client.ends.text);
      });

      test(`${how}: parallel tools make a round trip`, async () => {
        const body = { model, tools: [{ name: 'get_weather', description: 'Weather of a city' }] };
        const messages = user('weather');
        const first = await client.ask({ ...body, messages }, stream);
        assert.deepEqual(
          first.calls.map(({ name, input }) => [name, input]),
          [
            ['get_weather', { city: 'Bern' }],
            ['get_weather', { city: 'Zürich' }],
          ],
        );
        assert.equal(first.ended, client.ends.tools);
        const second = await client.ask(
          { ...body, messages: [...messages, first.message, ...client.results(first.calls, '21')] },
          stream,
        );
        assert.equal(second.text, 'It is 21 degrees in Bern.');
      });

      test(`${how}: the platform's key goes upstream and the caller's does not`, async () => {
        await client.ask({ model, messages: user('hello') }, stream);
        const sent = mock.getRequests();
        assert.equal(sent.length, 1);
        // That it is the platform's is what aimock checks before it answers.
        const credentials = ['authorization', 'x-api-key', 'cookie'].filter((name) => sent[0].headers[name]);
        assert.deepEqual(credentials, [provider === 'openai' ? 'authorization' : 'x-api-key']);
        const text = JSON.stringify(sent[0]);
        for (const secret of [callersKey, headers['X-Internal-Service-Secret']])
          assert.ok(!text.includes(secret));
        for (const name of Object.keys(headers)) assert.ok(!(name.toLowerCase() in sent[0].headers), name);
      });

      test(`${how}: the provider's refusal is the caller's 400`, async () => {
        await assert.rejects(client.ask({ model, messages: user('too long') }, stream), (error) => {
          assert.ok(error instanceof client.errors.BadRequestError, String(error));
          assert.match(error.message, /longer than my context/);
          return true;
        });
      });
    }

    test(`${dialect} to ${provider}: an answer that breaks off is an error, not a short answer`, async () => {
      await assert.rejects(client.ask({ model, messages: user('break off') }, true), client.errors.APIError);
    });
  }
}
