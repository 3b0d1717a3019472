// W3C Trace Context: one trace from the caller's request to the model provider, through every process in between.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, test } from 'node:test';

import { createAgent, noSandbox, Platform, until } from './harness.mjs';

const skip = noSandbox;
const kTrace = '4bf92f3577b34da6a3ce929d0e0e4736';
const kParent = '00f067aa0ba902b7';
const kKey = 'sk-not-a-real-key';

// A provider that notes the headers of what it is asked and says "ok".
const seen = [];
const provider = http.createServer((request, response) => {
  request.resume().on('end', () => {
    seen.push(request.headers);
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    const chunk = (delta, finish) =>
      response.write(
        `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`,
      );
    chunk({ role: 'assistant', content: 'ok' }, null);
    chunk({}, 'stop');
    response.end('data: [DONE]\n\n');
  });
});

let platform;
let user;
before(async () => {
  if (skip) return;
  await new Promise((resume) => provider.listen(0, '127.0.0.1', resume));
  platform = await Platform.up({
    settings: { 'model.openai.base_url': `http://127.0.0.1:${provider.address().port}/v1`, 'pool.agent.warm': '1' },
    env: { ISA_MODEL_OPENAI_API_KEY: kKey },
  });
  user = platform.as('ada');
});
after(async () => {
  if (skip) return;
  provider.close();
  await platform.stopAndLeaveNothing();
});

async function chat(env, headers) {
  const agent = await createAgent(user, { env, model_id: 'openai/any' });
  const body = { agent_config_id: agent.id, message: 'hi', stream: false };
  const answer = await user.post('/api/v1/agents/chat', body, headers);
  assert.equal(answer.status, 200, answer.text);
  return { answer, asked: seen.at(-1) };
}

// The events of the platform's log that belong to a trace.
const logged = (trace) =>
  platform
    .log()
    .split('\n')
    .filter((line) => line.includes(trace))
    .map((line) => JSON.parse(line));

for (const env of ['cloud_shared', 'cloud_pool']) {
  test(`the provider sees the caller's trace, with a span of ours: ${env}`, { skip }, async () => {
    const { answer, asked } = await chat(env, {
      traceparent: `00-${kTrace}-${kParent}-01`,
      tracestate: 'vendor=value',
    });
    const [version, trace, span, flags] = asked.traceparent.split('-');
    assert.deepEqual([version, trace, flags], ['00', kTrace, '01']);
    assert.match(span, /^[0-9a-f]{16}$/);
    assert.notEqual(span, kParent);
    assert.equal(asked.tracestate, 'vendor=value');
    assert.equal(answer.headers.traceparent, undefined, 'it is returned to nobody');
  });
}

test('the log says which trace a line belongs to', { skip }, async () => {
  const trace = 'a3ce929d0e0e47364bf92f3577b34da6';
  await chat('cloud_pool', { traceparent: `00-${trace}-${kParent}-00` });
  const events = await until('the lines', () => {
    const found = logged(trace).map(({ event }) => event);
    return found.includes('run.ended') && found.includes('model.call') && found;
  });
  assert.ok(events.length >= 2);
  for (const line of logged(trace)) assert.equal(line.trace_id, trace);
});

test('what is no valid traceparent begins a new trace', { skip }, async () => {
  for (const traceparent of [undefined, 'nonsense', `ff-${kTrace}-${kParent}-01`, `00-${'0'.repeat(32)}-${kParent}-01`]) {
    const { asked } = await chat('cloud_shared', traceparent ? { traceparent, tracestate: 'a=1' } : {});
    assert.match(asked.traceparent, /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/);
    assert.ok(!asked.traceparent.includes(kTrace));
    assert.equal(asked.tracestate, undefined);
  }
});
