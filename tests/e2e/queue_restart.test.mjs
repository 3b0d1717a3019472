// What waits in a session's queue is in the store: after kill -9 and after SIGTERM it runs, once and in its order; what
// had begun does not. A message that was handed to a run that waits for a person is heard when that goes on.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { createAgent, noSandbox, Platform, until } from './harness.mjs';
import { expectPaired, expectWhole, find, raw, systemEvent, textOf } from './events.mjs';
import { processOf, uniqueSleep } from './traces.mjs';

const ends = [
  ['kill -9', (platform) => platform.kill()],
  ['SIGTERM', (platform) => platform.stop()],
];

describe('in a sandbox', { skip: noSandbox }, () => {
  let platform;
  let ada;
  let agent;
  before(async () => {
    platform = await Platform.up({
      settings: {
        'agent.drain_timeout': '200ms',
        'pool.reconcile_every': '500ms',
        'pool.orphan_grace': '3s',
      },
    });
    ada = platform.as('ada');
    agent = await createAgent(ada, { tools: ['bash_execute'] });
  });
  after(() => platform?.stopAndLeaveNothing());

  const whole = async (run) => {
    const events = await (await ada.events(run)).all();
    expectWhole(events);
    expectPaired(events);
    return events;
  };
  const runOf = async (id) => (await ada.get(`/api/v1/agents/runs/${id}`)).json;

  for (const [how, end] of ends)
    test(`three queued runs survive ${how}: each runs once, in the order that was left`, async () => {
      const chat = (message, more) => ada.chat({ agent_config_id: agent.id, message, ...more });
      // The files of a session are its sandbox's, which a stop ends: they tell of what ran after it.
      const command = uniqueSleep();
      const stream = await chat(`Run the command \`echo first >> order; ${command}\``);
      const seen = await stream.takeUntil(({ type }) => type === 'tool_use');
      const session = seen[0].session_id;
      await until('the command to run', () => processOf(command));
      const queue = async (message, more) => {
        const events = await (await chat(message, { session_id: session, ...more })).takeUntil(
          ({ metadata }) => metadata.event === 'queued',
        );
        return events;
      };
      const note = (word) => `Run the command \`echo ${word} >> order\``;
      const [a, b, c] = [await queue(note('a')), await queue(note('b'), { metadata: { mine: 1 } }), await queue(note('c'))];
      const [idA, idB, idC] = [a, b, c].map(([{ run_id: id }]) => id);
      assert.equal((await ada.patch(`/api/v1/agents/runs/${idC}`, { before: idA })).status, 200);
      assert.equal((await ada.patch(`/api/v1/agents/runs/${idB}`, { message: note('bee') })).status, 200);

      await end(platform);
      await platform.start();
      ada = platform.as('ada');

      for (const [id, before] of [[idC, c], [idA, a], [idB, b]]) {
        const events = await whole(id);
        assert.deepEqual(raw(events.slice(0, before.length)), raw(before), 'what was seen is still so');
        assert.equal(find(events, 'result').metadata.subtype, 'success');
        const rest = await (await ada.events(id, { lastId: before.at(-1).id })).all();
        assert.deepEqual(raw(rest), raw(events.slice(before.length)), 'a client resumes without a gap');
      }
      assert.deepEqual((await whole(idB))[0].metadata.metadata, { mine: 1 });
      const first = await runOf(seen[0].run_id);
      assert.equal(first.error_code, 'interrupted');
      const last = await (await chat('Run the command `cat order`', { session_id: session })).all();
      const words = /"stdout":"([^"]*)"/.exec(textOf(last))[1].split('\\n').filter(Boolean);
      assert.deepEqual(
        words.filter((word) => word !== 'first'),
        ['c', 'a', 'bee'],
      );
      assert.ok(words.filter((word) => word === 'first').length <= 1, 'what had begun is not begun again');
      const started = await Promise.all([idC, idA, idB].map(async (id) => Date.parse((await runOf(id)).started_at)));
      assert.deepEqual(started, started.toSorted((one, other) => one - other));
    });

  test('a queue that is killed again and again runs once', async () => {
    const chat = (message, more) => ada.chat({ agent_config_id: agent.id, message, ...more });
    const stream = await chat(`Run the command \`${uniqueSleep()}\``);
    const seen = await stream.takeUntil(({ type }) => type === 'tool_use');
    const session = seen[0].session_id;
    const runs = [];
    for (const word of ['a', 'b', 'c']) {
      const more = { session_id: session };
      const events = await (await chat(`Run the command \`echo ${word} >> many\``, more)).takeUntil(
        ({ metadata }) => metadata.event === 'queued',
      );
      runs.push(events[0].run_id);
    }
    for (const id of runs) {
      await platform.kill();
      await platform.start();
      ada = platform.as('ada');
      await until(`${id} to begin`, async () => (await runOf(id)).state !== 'queued');
    }
    const ended = [];
    for (const id of runs) ended.push([id, await whole(id)]);
    const last = await (await chat('Run the command `cat many; true`', { session_id: session })).all();
    const words = (/"stdout":"([^"]*)"/.exec(textOf(last))?.[1] ?? '').split('\\n').filter(Boolean);
    for (const [index, [id, events]] of ended.entries()) {
      const count = words.filter((word) => word === 'abc'[index]).length;
      const state = (await runOf(id)).state;
      assert.ok(count === 1 || (count === 0 && state === 'failed'), `${state}: it ran ${count} times`);
      if (state === 'failed') assert.equal(find(events, 'error').metadata.code, 'interrupted');
    }
    assert.deepEqual(words, words.toSorted());
  });
});

describe('what is said to a run that waits for a person', () => {
  let platform;
  let ada;
  let agent;
  before(async () => {
    platform = await Platform.up({ settings: { 'pool.agent.warm': '0' } });
    ada = platform.as('ada');
    agent = await createAgent(ada, { env: 'cloud_shared', mode: 'COLLABORATIVE', tools: ['ask_human'] });
  });
  after(() => platform.stopAndLeaveNothing());

  const ask = async () => {
    const message = `Call the tool ask_human with ${JSON.stringify({ question: 'Which colour?' })}`;
    const stream = await ada.chat({ agent_config_id: agent.id, message });
    return stream.takeUntil(({ type }) => type === 'hil_request');
  };
  const steer = async (run, message) => {
    const answer = await ada.post(`/api/v1/agents/runs/${run}/steer`, message && { message });
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
  };
  const decide = (event) =>
    ada.post(`/api/v1/agents/runs/${event.run_id}/approvals/${event.metadata.request_id}`, { decision: 'approve', text: 'blue' });
  const saidByUser = async (session) =>
    (await ada.get(`/api/v1/agents/sessions/${session}/messages`)).json.messages
      .filter(({ message }) => message.role === 'user')
      .map(({ message }) => message.parts[0].text);

  for (const [how, end] of ends)
    test(`is heard once when it goes on, over ${how}`, async () => {
      const seen = await ask();
      const { run_id: run, session_id: session } = seen[0];
      const kept = await steer(run, 'say "and also this"');
      assert.equal(kept.status, 'kept');
      assert.equal(kept.run_id, run);
      const queued = await (
        await ada.chat({ agent_config_id: agent.id, session_id: session, message: 'say "and that"' })
      ).takeUntil(({ metadata }) => metadata.event === 'queued');
      assert.equal((await steer(queued[0].run_id)).status, 'kept');

      await end(platform);
      await platform.start();
      ada = platform.as('ada');

      const { queue } = (await ada.get(`/api/v1/agents/sessions/${session}/queue`)).json;
      assert.deepEqual(
        queue.map(({ run_id: id, speaks_to: to }) => [id, to]),
        [
          [run, undefined],
          [kept.queued_run_id, run],
          [queued[0].run_id, run],
        ],
      );
      assert.equal((await decide(seen.at(-1))).status, 200);
      const events = await (await ada.events(run)).all();
      expectWhole(events);
      const heard = events.filter(({ metadata }) => metadata.event === 'steered');
      assert.deepEqual(
        heard.map(({ content, metadata }) => [content, metadata.queued_run_id]),
        [
          ['say "and also this"', kept.queued_run_id],
          ['say "and that"', queued[0].run_id],
        ],
      );
      for (const id of [kept.queued_run_id, queued[0].run_id]) {
        const own = await (await ada.events(id)).all();
        expectWhole(own);
        assert.equal(find(own, 'result').metadata.subtype, 'steered');
      }
      const words = await saidByUser(session);
      assert.deepEqual(words.slice(1), ['say "and also this"', 'say "and that"']);
    });

  test('is a run of its own when that run ends before', async () => {
    const seen = await ask();
    const { run_id: run, session_id: session } = seen[0];
    const kept = await steer(run, 'say "my own run"');
    await platform.kill();
    await platform.start();
    ada = platform.as('ada');
    assert.equal((await ada.post(`/api/v1/agents/runs/${run}/cancel`)).json.state, 'cancelled');
    const events = await (await ada.events(kept.queued_run_id)).all();
    expectWhole(events);
    assert.match(textOf(events), /my own run/);
    assert.equal(systemEvent(await (await ada.events(run)).all(), 'steered'), undefined);
    const words = await saidByUser(session);
    assert.equal(words.filter((word) => word === 'say "my own run"').length, 1);
  });
});

describe('a message that was handed to a running turn, whose platform is killed', () => {
  let platform;
  let ada;
  before(async () => {
    platform = await Platform.up({ settings: { 'pool.agent.warm': '0', 'model.demo.delay': '5ms' } });
    ada = platform.as('ada');
  });
  after(() => platform.stopAndLeaveNothing());

  const moments = {
    'before it was heard': ({ type }) => type === 'text',
    'when it was heard': ({ metadata }) => metadata.event === 'steered',
    'at the end of the answer': ({ type }) => type === 'result',
  };
  for (const [when, is] of Object.entries(moments))
    test(`is said once: killed ${when}`, async () => {
      const stream = await ada.chat({ message: 'count to 60' });
      const seen = await stream.takeUntil(({ type }) => type === 'text');
      const { run_id: run, session_id: session } = seen[0];
      const [{ run_id: queued }] = await (
        await ada.chat({ session_id: session, message: 'say "mine"' })
      ).takeUntil(({ metadata }) => metadata.event === 'queued');
      const answer = await ada.post(`/api/v1/agents/runs/${queued}/steer`);
      assert.equal(answer.json.status, 'taken', answer.text);
      await (await ada.events(run, { lastId: seen.at(-1).id })).takeUntil(is);
      await platform.kill();
      await platform.start();
      ada = platform.as('ada');

      const first = await (await ada.events(run)).all();
      const own = await (await ada.events(queued)).all();
      expectWhole(first);
      expectWhole(own);
      const wasHeard = first.some(({ metadata }) => metadata.queued_run_id === queued);
      const { subtype } = find(own, 'result').metadata;
      assert.equal(subtype, wasHeard ? 'steered' : 'success');
      const { messages } = (await ada.get(`/api/v1/agents/sessions/${session}/messages`)).json;
      const words = messages
        .filter(({ message }) => message.role === 'user')
        .map(({ message }) => message.parts[0].text);
      assert.deepEqual(words, ['count to 60', 'say "mine"']);
    });
});
