// The official clients against builtin/demo.
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import Anthropic from '@anthropic-ai/sdk';
import { generateText, stepCountIs, streamText, tool } from 'ai';
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import OpenAI from 'openai';
import { z } from 'zod';

import { callersKey, headers, startModelService } from './platform.mjs';

const model = 'builtin/demo';
const write = {
  description: 'Writes a file',
  parameters: {
    type: 'object',
    properties: { file_path: { type: 'string' }, content: { type: 'string' } },
    required: ['file_path', 'content'],
  },
};
let service, openai, anthropic;

before(async () => {
  service = await startModelService();
  openai = new OpenAI({ baseURL: `${service.url}/v1`, apiKey: callersKey, defaultHeaders: headers });
  anthropic = new Anthropic({ baseURL: service.url, apiKey: callersKey, defaultHeaders: headers });
});
after(() => service?.stop());

const user = (content) => [{ role: 'user', content }];

test('openai: a plain answer', async () => {
  const answer = await openai.chat.completions.create({ model, messages: user('What is 2+2?') });
  assert.match(answer.choices[0].message.content, /4/);
  assert.equal(answer.choices[0].finish_reason, 'stop');
  assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
});

test('openai: a streamed answer, put together by the client', async () => {
  const stream = openai.chat.completions.stream({
    model,
    messages: user('count to 20'),
    stream_options: { include_usage: true },
  });
  let deltas = 0;
  stream.on('content', () => ++deltas);
  const answer = await stream.finalChatCompletion();
  assert.match(answer.choices[0].message.content, /^1 2 3 .* 20$/);
  assert.equal(deltas, 20);
  assert.equal((await stream.totalUsage()).completion_tokens, 20);
});

test('openai: a round trip with a tool', async () => {
  const tools = [{ type: 'function', function: { name: 'write_file', ...write } }];
  const messages = user("write 'hello' to hello.txt");
  const first = await openai.chat.completions.stream({ model, messages, tools }).finalChatCompletion();
  const [call] = first.choices[0].message.tool_calls;
  assert.equal(first.choices[0].finish_reason, 'tool_calls');
  assert.deepEqual(JSON.parse(call.function.arguments), { file_path: 'hello.txt', content: 'hello' });

  const result = { role: 'tool', tool_call_id: call.id, content: 'wrote 5 bytes' };
  const second = await openai.chat.completions.create({
    model,
    tools,
    messages: [...messages, first.choices[0].message, result],
  });
  assert.match(second.choices[0].message.content, /wrote 5 bytes/);
});

test('openai: errors are of the right class and say what is wrong', async () => {
  const ask = (body) => openai.chat.completions.create({ model, messages: user('hi'), ...body });
  await assert.rejects(ask({ model: 'nowhere/thing' }), (error) => {
    assert.ok(error instanceof OpenAI.NotFoundError);
    assert.equal(error.code, 'model_not_found');
    return true;
  });
  await assert.rejects(ask({ messages: 'hi' }), OpenAI.BadRequestError);
  await assert.rejects(ask({ model: 'gpt-4o', stream: true }), (error) => {
    assert.equal(error.status, 424);
    assert.equal(error.code, 'model_not_configured');
    assert.match(error.message, /ISA_MODEL_OPENAI_API_KEY/);
    return true;
  });
});

test('openai: the list of models', async () => {
  const ids = [];
  for await (const one of openai.models.list()) ids.push(one.id);
  assert.deepEqual(ids, [model]);
  assert.equal((await openai.models.retrieve(model)).id, model);
});

test('anthropic: a plain answer and a streamed one', async () => {
  const body = { model, max_tokens: 200, messages: user('What is 6*7?') };
  const answer = await anthropic.messages.create(body);
  assert.match(answer.content[0].text, /42/);
  assert.equal(answer.stop_reason, 'end_turn');

  const stream = anthropic.messages.stream(body);
  let text = '';
  stream.on('text', (delta) => (text += delta));
  const message = await stream.finalMessage();
  assert.equal(message.content[0].text, answer.content[0].text);
  assert.equal(text, answer.content[0].text);
  assert.ok(message.usage.output_tokens > 0);
});

test('anthropic: a round trip with a tool', async () => {
  const tools = [{ name: 'write_file', description: write.description, input_schema: write.parameters }];
  const body = { model, max_tokens: 200, tools };
  const messages = user("write 'hello' to hello.txt");
  const first = await anthropic.messages.stream({ ...body, messages }).finalMessage();
  const call = first.content.find((block) => block.type === 'tool_use');
  assert.equal(first.stop_reason, 'tool_use');
  assert.deepEqual(call.input, { file_path: 'hello.txt', content: 'hello' });

  const result = { type: 'tool_result', tool_use_id: call.id, content: 'wrote 5 bytes' };
  const second = await anthropic.messages.create({
    ...body,
    messages: [...messages, { role: 'assistant', content: first.content }, ...user([result])],
  });
  assert.match(second.content[0].text, /wrote 5 bytes/);
});

test('anthropic: errors are of the right class', async () => {
  const ask = (body) => anthropic.messages.create({ model, max_tokens: 9, messages: user('hi'), ...body });
  await assert.rejects(ask({ model: 'nowhere/thing' }), Anthropic.NotFoundError);
  await assert.rejects(ask({ max_tokens: 'many' }), (error) => {
    assert.ok(error instanceof Anthropic.BadRequestError);
    assert.equal(error.error.error.type, 'invalid_request_error');
    return true;
  });
  await assert.rejects(ask({ model: 'claude-opus-4' }), /ISA_MODEL_ANTHROPIC_API_KEY/);
});

test('anthropic: the list of models', async () => {
  const ids = [];
  for await (const one of anthropic.models.list()) ids.push(one.id);
  assert.deepEqual(ids, [model]);
});

for (const dialect of ['openai-compatible', 'anthropic']) {
  test(`ai with ${dialect}: its own loop runs the tool and gets the report`, async () => {
    const provider =
      dialect === 'anthropic'
        ? createAnthropic({ baseURL: `${service.url}/v1`, apiKey: callersKey, headers })
        : createOpenAICompatible({ name: 'isa', baseURL: `${service.url}/v1`, headers, includeUsage: true });
    const written = {};
    const tools = {
      write_file: tool({
        description: write.description,
        inputSchema: z.object({ file_path: z.string(), content: z.string() }),
        execute: async ({ file_path, content }) => {
          written[file_path] = content;
          return `wrote ${content.length} bytes to ${file_path}`;
        },
      }),
    };
    const request = {
      model: provider(model),
      tools,
      stopWhen: stepCountIs(5),
      maxOutputTokens: 500,
      prompt: "write 'one' to 1.txt, then write 'two' to 2.txt",
    };
    const answer = await generateText(request);
    assert.deepEqual(written, { '1.txt': 'one', '2.txt': 'two' });
    assert.equal(answer.steps.length, 3);
    assert.match(answer.text, /wrote 3 bytes to 2.txt/);

    const streamed = streamText(request);
    let text = '';
    for await (const delta of streamed.textStream) text += delta;
    assert.equal(text, answer.text);
    assert.ok((await streamed.totalUsage).totalTokens > 0);
  });
}
