// The runs of a session wait in a queue that its owner can look at and change, and what waits there can be handed to
// the turn that is under way.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { createAgent, noSandbox, Platform, until } from './harness.mjs';
import { expectWhole, find, systemEvent, textOf } from './events.mjs';

const skip = noSandbox;
let platform;
let ada;
let agent;
before(async () => {
  if (skip) return;
  platform = await Platform.up();
  ada = platform.as('ada');
  agent = await createAgent(ada, { tools: ['bash_execute', 'write_file'] });
});
after(() => platform?.stopAndLeaveNothing());

// A session whose first run holds until release(): its command waits for a file, which another call makes.
async function busySession() {
  const stream = await ada.chat({ agent_config_id: agent.id, message: 'Run the command `until test -e go; do sleep 0.05; done`' });
  const seen = await stream.takeUntil(({ type }) => type === 'tool_use');
  const session = seen[0].session_id;
  const instance = systemEvent(seen, 'sandbox.acquired').metadata.instance_id;
  const queued = async (message) => {
    const events = await (await ada.chat({ agent_config_id: agent.id, session_id: session, message })).takeUntil(
      ({ metadata }) => metadata.event === 'queued',
    );
    return events[0].run_id;
  };
  const whole = async (run) => {
    const events = await (await ada.events(run)).all();
    expectWhole(events);
    return events;
  };
  const queue = async () => (await ada.get(`/api/v1/agents/sessions/${session}/queue`)).json.queue;
  const release = async () => {
    const { instances } = (await platform.internal('pool').get('/api/v1/pools/agent/instances')).json;
    const vm = instances.find(({ instance_id: id }) => id === instance);
    const put = await platform.internal('cloud_os').put(`/api/v1/vms/${vm.sandbox_id}/files/go`, '');
    assert.ok(put.status < 300, put.text);
  };
  return { first: seen[0].run_id, session, queued, whole, queue, release };
}

test('queued runs are edited, moved and taken out, and run in the order that is left', { skip }, async () => {
  const s = await busySession();
  const [a, b, c] = [await s.queued('say "a"'), await s.queued('say "b"'), await s.queued('say "c"')];
  assert.deepEqual((await s.queue()).map(({ run_id: id, position }) => [id, position]), [[s.first, 0], [a, 1], [b, 2], [c, 3]]);
  assert.equal((await s.queue())[2].waits_for, a);

  const edited = await ada.patch(`/api/v1/agents/runs/${b}`, { message: 'say "bee"' });
  assert.equal(edited.status, 200, edited.text);
  const moved = await ada.patch(`/api/v1/agents/runs/${c}`, { before: a });
  assert.deepEqual(moved.json.queue.map(({ run_id: id }) => id), [s.first, c, a, b]);
  await ada.post(`/api/v1/agents/runs/${a}/cancel`);

  assert.equal((await ada.patch(`/api/v1/agents/runs/${s.first}`, { message: 'x' })).json.error.code, 'not_queued');
  assert.equal((await ada.patch(`/api/v1/agents/runs/${c}`, { before: s.first })).status, 409);
  assert.equal((await ada.patch(`/api/v1/agents/runs/${c}`, {})).status, 422);
  assert.equal((await platform.as('bob').patch(`/api/v1/agents/runs/${b}`, { message: 'x' })).status, 404);
  assert.equal((await platform.as('bob').get(`/api/v1/agents/sessions/${s.session}/queue`)).status, 404);

  await s.release();
  assert.equal(find(await s.whole(a), 'result').metadata.subtype, 'interrupted');
  assert.equal(textOf(await s.whole(b)), 'bee');
  const runs = (await ada.get(`/api/v1/agents/sessions/${s.session}/runs`)).json.runs;
  const started = (id) => Date.parse(runs.find((run) => run.id === id).started_at);
  assert.ok(started(c) <= started(b), 'the moved run came first');
  assert.equal(runs.find((run) => run.id === b).message, 'say "bee"');
  assert.deepEqual(await s.queue(), []);
});

test('a queued message is handed to the running turn, which answers it', { skip }, async () => {
  const s = await busySession();
  const queued = await s.queued('say "heard you"');
  const answer = await ada.post(`/api/v1/agents/runs/${queued}/steer`);
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.json.run_id, s.first);
  await s.release();

  const first = await s.whole(s.first);
  assert.equal(systemEvent(first, 'steered').content, 'say "heard you"');
  assert.match(textOf(first), /heard you/);
  assert.equal(find(await s.whole(queued), 'result').metadata.subtype, 'steered');
  const { messages } = (await ada.get(`/api/v1/agents/sessions/${s.session}/messages`)).json;
  const words = messages.filter(({ message }) => message.role === 'user').map(({ message }) => message.parts[0].text);
  assert.equal(words.filter((text) => text === 'say "heard you"').length, 1, 'it is in the history once');
});

test('a word that a cancelled turn did not hear is named at its end', { skip }, async () => {
  const s = await busySession();
  assert.equal((await ada.post(`/api/v1/agents/runs/${s.first}/steer`, { message: 'say "too late"' })).status, 200);
  assert.equal((await ada.post(`/api/v1/agents/runs/${s.first}/cancel`)).status, 200);
  const { metadata } = find(await s.whole(s.first), 'result');
  assert.deepEqual([metadata.subtype, metadata.unheard], ['interrupted', ['say "too late"']]);
});

test('a word to a running turn is heard, and one to a run that is over is refused', { skip }, async () => {
  const s = await busySession();
  const taken = await ada.post(`/api/v1/agents/runs/${s.first}/steer`, { message: 'say "and this"' });
  assert.equal(taken.status, 200, taken.text);
  await s.release();
  assert.match(textOf(await s.whole(s.first)), /and this/);
  await until('its end', async () => (await ada.get(`/api/v1/agents/runs/${s.first}`)).json.state === 'succeeded');
  const late = await ada.post(`/api/v1/agents/runs/${s.first}/steer`, { message: 'x' });
  assert.equal(late.status, 409);
  assert.equal(late.json.error.code, 'turn_not_running');
  assert.equal((await platform.as('bob').post(`/api/v1/agents/runs/${s.first}/steer`, { message: 'x' })).status, 404);
});

test('a session keeps the version of the agent that it began with, unless the newest is asked for', { skip }, async () => {
  const own = await createAgent(ada, { tools: [] });
  const versionOf = async (more) => {
    const [start] = await ada.chatAll({ agent_config_id: own.id, message: 'say "hello"', ...more });
    return [start.session_id, start.metadata.agent_version];
  };
  const [session, first] = await versionOf({});
  assert.equal((await ada.patch(`/api/v1/agents/configs/${own.id}`, { description: 'newer' })).status, 200);
  assert.deepEqual(await versionOf({ session_id: session }), [session, first]);
  assert.deepEqual(await versionOf({ session_id: session, latest: true }), [session, first + 1]);
  assert.deepEqual(await versionOf({ session_id: session }), [session, first]);
});
