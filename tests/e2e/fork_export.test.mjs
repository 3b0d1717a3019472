// A conversation taken up again at an earlier place, and carried away whole.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { find, results, texts } from './events.mjs';
import { createAgent, noSandbox, Platform, run, temporaryFolder } from './harness.mjs';

const kSessions = '/api/v1/agents/sessions';

let platform;
before(async () => {
  platform = await Platform.up({
    settings: { 'pool.agent.warm': noSandbox ? '0' : '1', 'model.demo.delay': '20ms' },
  });
});
after(() => platform.stopAndLeaveNothing());

const ada = () => platform.as('ada');
const fork = (id, body, more) => ada().post(`${kSessions}/${id}/fork`, body, more);
const messagesOf = async (id) => (await ada().get(`${kSessions}/${id}/messages`)).json.messages;
const said = (messages) => JSON.stringify(messages.map(({ message }) => message));
const exported = async (id) => (await ada().get(`${kSessions}/${id}/export`)).json;

// Every tool call of the history has its result.
function expectNoOrphans(messages) {
  const parts = messages.flatMap(({ message }) => message.parts);
  const ids = (kind) =>
    parts
      .filter((part) => part.kind === kind)
      .map(({ id }) => id)
      .sort();
  assert.deepEqual(ids('tool_call'), ids('tool_result'));
}

describe('a conversation without tools', () => {
  let agent;
  let session;
  let runs;
  before(async () => {
    agent = await createAgent(ada(), { env: 'cloud_shared' });
    runs = [];
    for (const message of ['What is 1+1?', 'What is 2+3?', 'What is 4+5?']) {
      const events = await ada().chatAll({ agent_config_id: agent.id, message, session_id: session });
      session = events[0].session_id;
      runs.push(events);
    }
  });

  test('forks at the end of a run: what came later is not there, and each goes its own way', async () => {
    const forked = await fork(session, { run_id: runs[1][0].run_id, title: 'Another way' });
    assert.equal(forked.status, 200, forked.text);
    assert.equal(forked.json.forked_from, session);
    assert.equal(forked.json.title, 'Another way');
    assert.equal(forked.json.agent_config_id, agent.id);
    const history = said(await messagesOf(forked.json.id));
    assert.match(history, /2\+3/);
    assert.doesNotMatch(history, /4\+5/);

    const events = await ada().chatAll({ message: 'What is 30+3?', session_id: forked.json.id });
    assert.match(find(events, 'result').content, /\b33\b/);
    assert.equal(events[0].metadata.resumed, true);
    assert.doesNotMatch(said(await messagesOf(session)), /30\+3/);
    assert.match(said(await messagesOf(forked.json.id)), /30\+3/);
  });

  test('forks at an event in the middle of an answer: the text so far is what was said', async () => {
    const last = runs[2];
    const event = texts(last)[0];
    const forked = (await fork(session, { after_event: event.id })).json;
    const messages = await messagesOf(forked.id);
    assert.equal(forked.fork_point, event.id);
    assert.equal(messages.at(-1).message.role, 'assistant');
    assert.deepEqual(messages.at(-1).message.parts, [{ kind: 'text', text: event.content }]);
    const whole = (await fork(session, { after_event: last.at(-1).id })).json;
    assert.deepEqual(await messagesOf(whole.id), await messagesOf(session));
  });

  test('is forked once for one Idempotency-Key, also when the platform is killed in between', async () => {
    const key = { 'Idempotency-Key': 'fork-1' };
    const first = await fork(session, {}, key);
    await platform.kill();
    await platform.start();
    const second = await fork(session, {}, key);
    assert.equal(second.json.id, first.json.id);
    assert.deepEqual(await messagesOf(first.json.id), await messagesOf(session));
  });

  test('refuses a place that is none', async () => {
    const other = await ada().chatAll({ agent_config_id: agent.id, message: 'What is 7+7?' });
    for (const [body, status] of [
      [{ after_event: 'nonsense' }, 422],
      [{ after_event: `${runs[0][0].run_id}:9999` }, 422],
      [{ after_event: runs[0][0].id, run_id: runs[0][0].run_id }, 422],
      [{ after: 'x' }, 422],
      [{ run_id: other[0].run_id }, 404],
      [{ after_event: other[0].id }, 404],
    ])
      assert.equal((await fork(session, body)).status, status, JSON.stringify(body));
    const foreign = platform.as('bob');
    assert.equal((await foreign.post(`${kSessions}/${session}/fork`, {})).status, 404);
    assert.equal((await foreign.get(`${kSessions}/${session}/export`)).status, 404);
  });

  test('is exported as one document that holds everything as the API shows it', async () => {
    const document = await exported(session);
    assert.equal(document.format, 'isa.session');
    assert.equal(document.version, 1);
    assert.deepEqual(document.session, (await ada().get(`${kSessions}/${session}`)).json);
    assert.deepEqual(document.messages, await messagesOf(session));
    assert.deepEqual(
      document.runs.map(({ run: row }) => row),
      (await ada().get(`${kSessions}/${session}/runs`)).json.runs,
    );
    document.runs.forEach(({ events }, index) =>
      assert.deepEqual(
        events,
        runs[index].map(({ data }) => JSON.parse(data)),
      ),
    );
  });

  test('is listed, shown, exported, forked and deleted by the shell commands', async () => {
    const isa = (...args) => run(['sessions', ...args, '--data-dir', platform.dataDir, '--user', 'ada']);
    const done = async (...args) => {
      const { status, stdout, stderr } = await isa(...args);
      assert.equal(status, 0, stderr);
      return stdout;
    };
    assert.match(await done('list'), new RegExp(session));
    assert.ok(JSON.parse(await done('list', '--json')).some(({ id }) => id === session));
    assert.equal(JSON.parse(await done('show', session)).runs.length, 3);

    const file = path.join(temporaryFolder(), 'session.json');
    await done('export', session, file);
    const { exported_at: at, ...saved } = JSON.parse(fs.readFileSync(file, 'utf8'));
    const { exported_at: later, ...again } = JSON.parse(await done('export', session, '-'));
    assert.ok(Date.parse(at) <= Date.parse(later));
    assert.deepEqual(saved, again);
    assert.equal(fs.statSync(file).mode & 0o777, 0o600);
    assert.equal(fs.existsSync(`${file}.part`), false);

    const forked = JSON.parse(await done('fork', session, '--after', runs[0].at(-1).id));
    assert.equal((await messagesOf(forked.id)).length, 2);
    await done('delete', forked.id);
    assert.equal((await ada().get(`${kSessions}/${forked.id}`)).status, 404);
    for (const args of [
      ['export', 'sess_none', file],
      ['export', session, '/nowhere/at/all.json'],
      ['fork', 'sess_none'],
    ]) {
      const { status, stderr } = await isa(...args);
      assert.equal(status, 1);
      assert.match(stderr, /^isa: /);
    }
    assert.equal(fs.existsSync(file), true, 'a failed export leaves the former one');
  });
});

test('a run that goes on is exported with its events so far, and cannot be forked into', async () => {
  const agent = await createAgent(ada(), { env: 'cloud_shared' });
  const stream = await ada().chat({
    agent_config_id: agent.id,
    message: `Say "${'word '.repeat(200)}"`,
  });
  const [start] = await stream.takeUntil(({ type }) => type === 'text');
  const { runs } = await exported(start.session_id);
  assert.equal(runs[0].run.state, 'running');
  assert.ok(runs[0].events.length >= 2);
  assert.equal((await fork(start.session_id, { run_id: start.run_id })).status, 409);
  assert.equal((await fork(start.session_id, { after_event: start.id })).status, 409);
  const sofar = await fork(start.session_id);
  assert.deepEqual(await messagesOf(sofar.json.id), []);
  await ada().post(`/api/v1/agents/runs/${start.run_id}/cancel`);
});

test('no place of a run with tools leaves a call without its result', { skip: noSandbox }, async () => {
  const agent = await createAgent(ada(), { tools: ['bash_execute'] });
  const events = await ada().chatAll({
    agent_config_id: agent.id,
    message: 'Run the command `echo first`, then run the command `echo second`',
  });
  const session = events[0].session_id;
  assert.equal(results(events).length, 2);
  for (const event of events) {
    const forked = (await fork(session, { after_event: event.id })).json;
    const messages = await messagesOf(forked.id);
    expectNoOrphans(messages);
    const seen = results(events).filter(({ seq }) => seq <= event.seq).length;
    const kept = messages.filter(({ message }) => message.role === 'tool').length;
    assert.equal(kept, seen, `after ${event.type} ${event.seq}`);
  }
  const forked = (await fork(session, { after_event: results(events)[0].id })).json;
  const next = await ada().chatAll({ message: 'What is 50+5?', session_id: forked.id });
  assert.match(find(next, 'result').content, /\b55\b/);
});
