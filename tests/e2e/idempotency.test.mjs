// Idempotency-Key over real processes: whatever happens between two equal requests, kill -9 included, one thing is made.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { expectWhole, find, raw } from './events.mjs';
import { Platform, until } from './harness.mjs';
import { EventStream, request } from './http.mjs';

const kConfigs = '/api/v1/agents/configs';
const kChat = '/api/v1/agents/chat';

let platform;
before(async () => {
  platform = await Platform.up({ settings: { 'model.demo.delay': '300ms', 'pool.agent.warm': '0' } });
});
after(() => platform.stopAndLeaveNothing());

const user = () => platform.as('ada');
const post = (path, body, key) => user().post(path, body, { 'Idempotency-Key': key });
const chat = (body, key) =>
  EventStream.open(platform.endpoints.agent + kChat, {
    method: 'POST',
    body,
    headers: { 'user-id': 'ada', 'Idempotency-Key': key },
  });
const agentsNamed = async (name) =>
  (await user().get(kConfigs)).json.agents.filter((agent) => agent.name === name);

async function crash() {
  await platform.kill();
  await platform.start();
}

test('an agent is made once, also when the platform is killed in between', async () => {
  const body = { name: 'once', system_prompt: 'Be short.' };
  const first = await post(kConfigs, body, 'create-1');
  assert.equal(first.status, 200, first.text);
  assert.equal(first.headers['idempotency-replayed'], undefined);
  await crash();
  const second = await post(kConfigs, body, 'create-1');
  assert.equal(second.status, 200);
  assert.equal(second.text, first.text);
  assert.equal(second.headers.etag, first.headers.etag);
  assert.equal(second.headers['idempotency-replayed'], 'true');
  assert.equal((await agentsNamed('once')).length, 1);

  const other = await post(kConfigs, { ...body, name: 'another' }, 'create-1');
  assert.equal(other.status, 422);
  assert.match(other.json.error.message, /create-1/);
  const somebody = await platform.as('bob').post(kConfigs, body, { 'Idempotency-Key': 'create-1' });
  assert.equal(somebody.status, 200);
  assert.notEqual(somebody.json.id, first.json.id);
});

test('wherever the platform is killed while it makes an agent, one is made', async () => {
  for (let round = 0; round < 5; ++round) {
    const name = `killed-${round}`;
    const sent = post(kConfigs, { name }, name).catch(() => undefined);
    await new Promise((resume) => setImmediate(resume));
    await platform.kill();
    const first = await sent;
    await platform.start();
    const second = await post(kConfigs, { name }, name);
    assert.equal(second.status, 200, second.text);
    if (first?.status === 200) assert.equal(second.json.id, first.json.id);
    assert.deepEqual(await agentsNamed(name), [second.json]);
  }
});

test('of many equal requests at once one makes something', async () => {
  const body = { name: 'many' };
  const answers = await Promise.all(Array.from({ length: 16 }, () => post(kConfigs, body, 'many')));
  const made = await agentsNamed('many');
  assert.equal(made.length, 1);
  for (const answer of answers) {
    if (answer.status === 409) assert.equal(answer.headers['retry-after'], '1');
    else assert.equal(answer.json.id, made[0].id);
  }
});

test('a streamed chat that is sent again is its run, from the first event', async () => {
  const body = { message: 'What is 2+2?', session_id: 'streamed' };
  const first = await (await chat(body, 'chat-1')).all();
  const again = await chat(body, 'chat-1');
  assert.equal(again.headers['idempotency-replayed'], 'true');
  assert.deepEqual(raw(await again.all()), raw(first));
  await crash();
  assert.deepEqual(raw(await (await chat(body, 'chat-1')).all()), raw(first));
  assert.equal((await user().get('/api/v1/agents/sessions/streamed/runs')).json.runs.length, 1);
});

test('a chat whose platform is killed in the middle is found again, with the end that it got', async () => {
  const body = { message: 'What is 20+22?', session_id: 'cut' };
  const { events: seen } = await (
    await chat(body, 'chat-2')
  ).collect(async ({ type }) => {
    if (type === 'session_start') await platform.kill(); // Before the first piece of the answer.
  });
  assert.ok(platform.ended, 'it was killed before the answer came');
  await platform.start();

  const events = await (await chat(body, 'chat-2')).all();
  expectWhole(events);
  assert.deepEqual(raw(events.slice(0, seen.length)), raw(seen));
  assert.equal(find(events, 'error').metadata.code, 'interrupted');
  assert.equal((await user().get('/api/v1/agents/sessions/cut/runs')).json.runs.length, 1);
});

test('a chat whose caller gave up is answered by the run that went on', async () => {
  const body = { message: 'What is 30+3?', stream: false, session_id: 'left' };
  const controller = new AbortController();
  const lost = fetch(platform.endpoints.agent + kChat, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'user-id': 'ada', 'Idempotency-Key': 'chat-3', 'Content-Type': 'application/json' },
    signal: controller.signal,
  }).catch(() => 'gave up');
  await until('the run', async () => {
    const runs = await user().get('/api/v1/agents/sessions/left/runs');
    return runs.status === 200 && runs.json.runs.length === 1;
  });
  controller.abort();
  assert.equal(await lost, 'gave up');

  const answer = await post(kChat, body, 'chat-3');
  assert.equal(answer.status, 200, answer.text);
  assert.match(answer.json.response, /\b33\b/);
  assert.equal((await user().get('/api/v1/agents/sessions/left/runs')).json.runs.length, 1);
});

test('a key that is no key is refused before anything is made', async () => {
  const answer = await request(platform.endpoints.agent + kConfigs, {
    method: 'POST',
    body: { name: 'never' },
    headers: { 'user-id': 'ada', 'Idempotency-Key': 'two words' },
  });
  assert.equal(answer.status, 422);
  assert.match(answer.json.error.message, /Idempotency-Key/);
  assert.deepEqual(await agentsNamed('never'), []);
});

test('a webhook is made once, its secret works, and stands in the database sealed alone', async () => {
  const agent = await post(kConfigs, { name: 'watcher', mode: 'PROACTIVE', env: 'cloud_shared' }, 'watcher');
  const body = { name: 'hook', agent_config_id: agent.json.id, type: 'webhook', prompt: 'What is 1+1?' };
  const first = await post('/api/v1/agents/triggers', body, 'hook-1');
  assert.equal(first.status, 200, first.text);
  await crash();
  const second = await post('/api/v1/agents/triggers', body, 'hook-1');
  assert.equal(second.text, first.text);
  assert.equal(second.headers['idempotency-replayed'], 'true');
  assert.equal((await user().get('/api/v1/agents/triggers')).json.triggers.length, 1);
  const shown = await user().get(`/api/v1/agents/triggers/${first.json.id}`);
  assert.equal(shown.json.secret, undefined, 'nowhere else');

  const files = fs.readdirSync(platform.dataDir).filter((name) => name.startsWith('isa.db'));
  assert.ok(files.length > 0);
  for (const name of files)
    assert.ok(!fs.readFileSync(path.join(platform.dataDir, name)).includes(first.json.secret), name);
  const seconds = Math.floor(Date.now() / 1000);
  const mac = createHmac('sha256', second.json.secret).update(`${seconds}.{}`).digest('hex');
  const headers = { 'X-ISA-Signature': `t=${seconds},v1=${mac}` };
  const called = await request(platform.endpoints.agent + second.json.path, { method: 'POST', body: '{}', headers });
  assert.equal(called.json.fired, true, called.text);
});

test('a message that waits in a queue is run once, however often it is sent', async () => {
  const long = await chat({ message: 'Say "one two three four five six seven eight"', session_id: 'queued' }, 'long');
  const seen = await long.takeUntil(({ type }) => type === 'text');
  const body = { message: 'What is 7*6?', session_id: 'queued' };
  const waiting = await (await chat(body, 'waits')).takeUntil(({ metadata }) => metadata.event === 'queued');
  await crash();
  const events = await (await chat(body, 'waits')).all();
  expectWhole(events);
  assert.equal(events[0].run_id, waiting[0].run_id);
  assert.match(find(events, 'result').content, /\b42\b/);
  const { runs } = (await user().get('/api/v1/agents/sessions/queued/runs')).json;
  assert.deepEqual(
    runs.map(({ id, state }) => [id, state]),
    [
      [seen[0].run_id, 'failed'],
      [waiting[0].run_id, 'succeeded'],
    ],
  );
});
