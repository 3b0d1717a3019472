// A run belongs to the platform: readers come, leave, and come back, and each gets exactly what it has not seen.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { expectWhole, find, raw } from './events.mjs';
import { createAgent, noSandbox, Platform } from './harness.mjs';
import { request } from './http.mjs';

const skip = noSandbox;
const story = 'Run the command `seq 1 12`';

let platform;
let user;
let agent;
before(async () => {
  if (skip) return;
  platform = await Platform.up({ settings: { 'model.demo.delay': '15ms' } });
  user = platform.as('ada');
  agent = await createAgent(user, { tools: ['bash_execute'] });
});
after(() => platform?.stopAndLeaveNothing());

const chat = (message = story, more = {}) => user.chat({ agent_config_id: agent.id, message, ...more });

test('a client that drops and names the last event it saw gets exactly the rest', { skip }, async () => {
  const seen = await (await chat()).takeUntil(({ type }) => type === 'text');

  const rest = await (await user.events(seen[0].run_id, { lastId: seen.at(-1).id })).all();

  assert.equal(rest[0].seq, seen.at(-1).seq + 1);
  expectWhole([...seen, ...rest]);
});

test('?after= does the same as the header', { skip }, async () => {
  const seen = await (await chat()).takeUntil(({ type }) => type === 'tool_use');
  const rest = await (await user.events(seen[0].run_id, { after: seen.at(-1).seq })).all();
  expectWhole([...seen, ...rest]);
});

test('the run goes on while nobody listens', { skip }, async () => {
  const [{ run_id: run }] = await (await chat()).takeUntil(() => true);
  const events = await (await user.events(run)).all();
  expectWhole(events);
  assert.equal(find(events, 'result').metadata.subtype, 'success');
});

test('any number of readers get the same bytes, whenever they come', { skip }, async () => {
  const first = await chat();
  const readers = [];
  const { events } = await first.collect(async (event) => {
    if (event.seq % 3 === 0) readers.push(user.events(event.run_id).then((stream) => stream.all()));
  });

  expectWhole(events);
  assert.ok(readers.length > 3);
  for (const reader of readers) assert.deepEqual(raw(await reader), raw(events));
});

test('a run that has ended is replayed, from any place, to its end', { skip }, async () => {
  const events = await (await chat()).all();
  const run = events[0].run_id;
  for (const after of [0, 1, Math.floor(events.length / 2), events.length - 1, events.length]) {
    const rest = await (await user.events(run, { after })).all();
    assert.deepEqual(raw(rest), raw(events.slice(after)), `after ${after}`);
  }
});

test('by Accept the events come as JSON', { skip }, async () => {
  const events = await (await chat()).all();
  const run = events[0].run_id;

  const answer = await user.get(`/api/v1/agents/runs/${run}/events?after=2`, { Accept: 'application/json' });

  assert.equal(answer.status, 200, answer.text);
  assert.match(answer.headers['content-type'], /^application\/json/);
  const listed = answer.json.events;
  assert.deepEqual(
    listed,
    events.slice(2).map(({ data }) => JSON.parse(data)),
  );
});

test('JSON of a run that still goes on holds what there is so far', { skip }, async () => {
  const stream = await chat('Run the command `sleep 0.4; echo late`');
  let early;
  const { events } = await stream.collect(async (event) => {
    if (event.type === 'tool_use')
      early = await user.get(`/api/v1/agents/runs/${event.run_id}/events`, { Accept: 'application/json' });
  });
  const soFar = early.json.events;
  assert.deepEqual(
    soFar,
    events.slice(0, soFar.length).map(({ data }) => JSON.parse(data)),
  );
  assert.ok(soFar.length < events.length);
});

test('the run itself can be asked for while it goes on and afterwards', { skip }, async () => {
  const [{ run_id: run, session_id: session }] = await (
    await chat()
  ).takeUntil(({ type }) => type === 'session_start');
  const early = await user.get(`/api/v1/agents/runs/${run}`);
  assert.equal(early.status, 200, early.text);
  assert.match(early.json.state, /queued|running/);

  await (await user.events(run)).all();
  const late = await user.get(`/api/v1/agents/runs/${run}`);
  assert.equal(late.json.state, 'succeeded');
  assert.equal(late.json.session_id, session);
  assert.match(late.json.response, /12/);
});

test('a place that is no place in the run is refused in words', { skip }, async () => {
  const [{ run_id: run }] = await (await chat('What is 1+1?')).all();
  for (const bad of ['x', '-1', '1.5', 'run_other:3']) {
    const answer = await user.get(`/api/v1/agents/runs/${run}/events?after=${bad}`);
    assert.equal(answer.status, 422, `${bad}: ${answer.text}`);
    assert.match(answer.json.error.message, /after/);
  }
});

test('an unknown run is a 404', { skip }, async () => {
  assert.equal((await user.get('/api/v1/agents/runs/run_00000000000000000000000000/events')).status, 404);
});

test('runs of one session wait for each other, in order', { skip }, async () => {
  const opened = await chat('Run the command `sleep 0.3; echo first`');
  let second;
  const { events: first } = await opened.collect(async (event) => {
    if (event.type === 'session_start') second = chat('What is 3+4?', { session_id: event.session_id });
  });
  const later = await (await second).all();

  expectWhole(first);
  expectWhole(later);
  assert.match(find(later, 'result').content, /\b7\b/);
  assert.ok(find(later, 'result').timestamp >= find(first, 'result').timestamp);
  const queued = later.find(({ metadata }) => metadata.event === 'queued');
  assert.ok(queued, 'the run that waits says so');
});

test('a session remembers its messages', { skip }, async () => {
  const [{ session_id: session }] = await (await chat('What is 20+1?')).all();
  await (await chat('What is 20+2?', { session_id: session })).all();

  const answer = await user.get(`/api/v1/agents/sessions/${session}/messages`);
  assert.equal(answer.status, 200, answer.text);
  const text = JSON.stringify(answer.json);
  for (const part of ['What is 20+1?', '21', 'What is 20+2?', '22'])
    assert.ok(text.includes(part), `${part} is missing in ${text}`);
});

test('a reader that asked for it ends the run by leaving', { skip }, async () => {
  const stream = await chat('Run the command `sleep 20`', { cancel_on_disconnect: true });
  const [{ run_id: run }] = await stream.takeUntil(({ type }) => type === 'tool_use');
  const events = await (await user.events(run)).all();
  expectWhole(events);
  assert.equal(find(events, 'result').metadata.subtype, 'interrupted');
});

test('an idle stream is kept alive by comments', { skip }, async () => {
  const quiet = await chat('Run the command `sleep 11`');
  const chunks = [];
  quiet.incoming.setEncoding('utf8');
  for await (const chunk of quiet.incoming) chunks.push(chunk);
  assert.match(chunks.join(''), /^:/m);
});

test('an event stream is not to be stored or buffered on its way', { skip }, async () => {
  const stream = await chat('What is 1+1?');
  assert.match(stream.headers['content-type'], /^text\/event-stream/);
  assert.match(stream.headers['cache-control'], /no-store|no-cache/);
  assert.ok(stream.headers['x-request-id']);
  await stream.all();
});

test('the id of a request is taken over from the caller', { skip }, async () => {
  const answer = await request(`${platform.endpoints.agent}/health`, {
    headers: { 'X-Request-Id': 'my-own-id-1' },
  });
  assert.equal(answer.headers['x-request-id'], 'my-own-id-1');
});
