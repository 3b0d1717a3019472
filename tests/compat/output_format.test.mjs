// The schema of an answer in the words of each provider, and providers that do not know such words.
import Anthropic from '@anthropic-ai/sdk';
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import OpenAI from 'openai';

import { noSandbox, Platform } from '../e2e/harness.mjs';
import { callersKey, headers, startUpstream, upstreamSettings } from './platform.mjs';
import { startRecorder } from './recorder.mjs';

const schema = {
  type: 'object',
  properties: { n: { type: 'integer', minimum: 0 } },
  required: ['n'],
  additionalProperties: false,
};
let mock, recorder, platform;
before(async () => {
  mock = await startUpstream('agents.json');
  recorder = await startRecorder(mock);
  platform = await Platform.up({ settings: { ...upstreamSettings(recorder), ...(noSandbox && { 'pool.agent.warm': '0' }) } });
});
beforeEach(() => {
  recorder.bodies.length = 0;
  recorder.refusal = () => undefined;
});
after(async () => {
  await platform?.stopAndLeaveNothing();
  await recorder?.stop();
  await mock?.stop();
});

// The schema as a provider was told it, or undefined.
const providers = {
  openai: {
    model: 'gpt-4o-mini',
    told: (body) => body.response_format?.json_schema?.schema,
    has: (body) => 'response_format' in body,
    converted: schema,
    refusal: {
      error: {
        message: "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.",
        type: 'invalid_request_error',
        param: null,
        code: null,
      },
    },
  },
  anthropic: {
    model: 'claude-sonnet-4-5',
    told: (body) => body.output_config?.format?.schema,
    has: (body) => 'output_config' in body || 'response_format' in body,
    converted: { ...schema, properties: { n: { type: 'integer', description: 'It must fit: {"minimum":0}' } } },
    refusal: {
      type: 'error',
      error: { type: 'invalid_request_error', message: 'output_config: Extra inputs are not permitted' },
    },
  },
};

const ask = async (more) => {
  const body = { message: 'as JSON', output_schema: schema, stream: false, ...more };
  const answer = await platform.as('ada').post('/api/v1/agents/chat', body);
  assert.deepEqual(answer.json.structured_output, { n: 7 }, answer.text);
};

for (const [name, { model, told, has, converted, refusal }] of Object.entries(providers)) {
  for (const env of ['cloud_shared', 'cloud_pool']) {
    test(`${name}, ${env}: it is told the schema`, { skip: env === 'cloud_pool' && noSandbox }, async () => {
      await ask({ model: `${name}/${model}`, env });
      assert.deepEqual(recorder.bodies.map(told), [converted]);
      assert.match(JSON.stringify(recorder.bodies[0]), /fits this JSON Schema/);
    });
  }

  test(`${name}: one that refuses it is asked again without, once`, async () => {
    recorder.refusal = (body) => (has(body) ? refusal : undefined);
    for (const counted of [2, 1]) {
      recorder.bodies.length = 0;
      await ask({ model: `${name}/${model}-old` });
      assert.equal(recorder.bodies.length, counted);
      assert.equal(has(recorder.bodies.at(-1)), false);
      assert.match(JSON.stringify(recorder.bodies.at(-1)), /fits this JSON Schema/);
    }
  });

  test(`${name}: the official clients reach it, each in its own words`, async () => {
    const options = { apiKey: callersKey, defaultHeaders: headers, maxRetries: 0 };
    const openai = new OpenAI({ baseURL: `${platform.endpoints.model}/v1`, ...options });
    const anthropic = new Anthropic({ baseURL: platform.endpoints.model, ...options });
    const messages = [{ role: 'user', content: 'as JSON' }];
    const response_format = { type: 'json_schema', json_schema: { name: 'n', schema, strict: true } };
    const said = await openai.chat.completions.create({ model, messages, response_format });
    assert.deepEqual(JSON.parse(said.choices[0].message.content), { n: 7 });
    const output_config = { format: { type: 'json_schema', schema } };
    const sent = await anthropic.messages.create({ model, max_tokens: 99, messages, output_config });
    assert.deepEqual(JSON.parse(sent.content[0].text), { n: 7 });
    // What is in a provider's own words already goes through as it stands.
    assert.deepEqual(recorder.bodies.map(told), name === 'openai' ? [schema, schema] : [converted, schema]);
  });
}

test('a pattern is held to, and one that cannot be is refused before anybody is asked', async () => {
  const chat = (output_schema) =>
    platform.as('ada').post('/api/v1/agents/chat', {
      message: 'as JSON',
      model: 'openai/gpt-4o-mini',
      output_schema,
      stream: false,
    });
  const refused = await chat({ type: 'object', properties: { n: { type: 'string', pattern: '(?=a)b' } } });
  assert.equal(refused.status, 422);
  assert.match(refused.text, /looks ahead or behind/);
  assert.equal(recorder.bodies.length, 0);
  const broken = await chat({ type: 'object', patternProperties: { '^n$': { type: 'string' } } });
  assert.equal(broken.status, 502, broken.text);
  assert.match(broken.text, /\/n: must be of the type/);
  assert.equal(recorder.bodies.length, 3);
});
