// kill -9 of the whole platform at each step of a run, and of a sandbox in the middle of one. Whatever a client has
// seen is still there afterwards, token by token; every run gets its end; and nothing stays behind.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { createAgent, noSandbox, Platform, until } from './harness.mjs';
import { expectWhole, find, raw, results, systemEvent, textOf, texts, types } from './events.mjs';
import { firstProcessOf, firstProcessOfSandbox, processOf, uniqueSleep } from './traces.mjs';

const skip = noSandbox;

describe('the whole platform is killed with -9', { skip }, () => {
  let platform;
  let user;
  let agent;
  before(async () => {
    platform = await Platform.up({
      settings: { 'model.demo.delay': '40ms', 'pool.reconcile_every': '500ms', 'pool.orphan_grace': '3s' },
    });
    user = platform.as('ada');
    agent = await createAgent(user, { tools: ['bash_execute', 'read_file', 'write_file'] });
  });
  after(() => platform.stopAndLeaveNothing());

  const chat = (message, more = {}) =>
    platform.as('ada').chat({ agent_config_id: agent.id, message, ...more });

  // Chats until `step` holds for an event, kills the platform there, starts it again and compares.
  // { seen: what the client had, events: what there is now }
  async function crashAt(step, message, more) {
    const stream = await chat(message, more);
    let killed = false;
    const { events: seen } = await stream.collect(async (event, events) => {
      if (killed || !step(event, events)) return;
      killed = true;
      await platform.kill();
    });
    assert.ok(killed, `the run ended before the step; it sent ${types(seen)}`);
    await platform.start();
    user = platform.as('ada');

    const run = seen[0].run_id;
    const events = await (await user.events(run)).all();
    assert.deepEqual(raw(events.slice(0, seen.length)), raw(seen), 'what was seen is still so');
    const rest = await (await user.events(run, { lastId: seen.at(-1).id })).all();
    assert.deepEqual(raw(rest), raw(events.slice(seen.length)), 'a client resumes without a gap');
    expectWhole(events);
    return { seen, events, session: seen[0].session_id };
  }

  async function expectInterrupted(events) {
    const error = find(events, 'error');
    assert.ok(error, `an error in ${types(events)}`);
    assert.equal(error.metadata.code, 'interrupted');
    assert.equal(error.metadata.retryable, true);
    assert.match(error.content, /again/, 'the message says what to do');
    const run = (await user.get(`/api/v1/agents/runs/${events[0].run_id}`)).json;
    assert.equal(run.state, 'failed');
    assert.equal(run.error_code, 'interrupted');
  }

  // The session goes on, and holds the message that was cut off if the agent had begun with it.
  async function expectSessionGoesOn(session, begunWith) {
    const events = await (await chat('What is 30+3?', { session_id: session })).all();
    expectWhole(events);
    assert.match(find(events, 'result').content, /\b33\b/);
    assert.equal(events[0].metadata.resumed, true);
    const history = JSON.stringify((await user.get(`/api/v1/agents/sessions/${session}/messages`)).json);
    assert.ok(history.includes('33'));
    if (begunWith)
      assert.ok(history.includes(JSON.stringify(begunWith).slice(1, -1)), `"${begunWith}" is in ${history}`);
  }

  test('right after session_start', async () => {
    const { events, session } = await crashAt(
      ({ type }) => type === 'session_start',
      `Run the command \`${uniqueSleep()}\``,
    );
    await expectInterrupted(events);
    await expectSessionGoesOn(session);
  });

  test('after the sandbox was acquired', async () => {
    const message = `Run the command \`${uniqueSleep()}\``;
    const { events, session } = await crashAt(
      ({ metadata }) => metadata.event === 'sandbox.acquired',
      message,
    );
    await expectInterrupted(events);
    await expectSessionGoesOn(session, message);
  });

  test('in the middle of the text', async () => {
    const message = 'Tell me what you can do, please.';
    const { events, seen, session } = await crashAt((_, events) => texts(events).length === 3, message);
    await expectInterrupted(events);
    assert.ok(textOf(events).startsWith(textOf(seen)));
    await expectSessionGoesOn(session, message);
  });

  test('between a tool_use and its tool_result; the sandbox and its files survive', async () => {
    const [{ session_id: session, ...first }, ...more] = await (
      await chat('Write "written before the crash" to kept.txt')
    ).all();
    const instance = systemEvent([first, ...more], 'sandbox.acquired').metadata.instance_id;
    const command = uniqueSleep();

    const { events } = await crashAt(({ type }) => type === 'tool_use', `Run the command \`${command}\``, {
      session_id: session,
    });
    await expectInterrupted(events);
    const after = await (await chat('Run the command `cat kept.txt`', { session_id: session })).all();

    expectWhole(after);
    assert.equal(
      systemEvent(after, 'sandbox.acquired').metadata.instance_id,
      instance,
      'the living sandbox was adopted',
    );
    assert.match(results(after)[0].content, /written before the crash/);
    await until('the command of the interrupted run to be killed', () => !processOf(command));
  });

  test('with the last word said and the result not yet', async () => {
    const message = 'What is 12*12?';
    const whole = textOf(await (await chat(message)).all());
    const { events } = await crashAt((_, events) => textOf(events) === whole, message);
    assert.equal(textOf(events), whole);
    // Its result may have been on its way to the log already; else it is interrupted.
    if (find(events, 'error')) await expectInterrupted(events);
    else assert.equal(find(events, 'result').metadata.subtype, 'success');
  });

  test('at the result itself', async () => {
    const { events } = await crashAt(({ type }) => type === 'result', 'What is 5*5?');
    assert.match(find(events, 'result').content, /\b25\b/);
    const run = (await user.get(`/api/v1/agents/runs/${events[0].run_id}`)).json;
    assert.equal(run.state, 'succeeded');
    assert.match(run.response, /\b25\b/);
  });

  test('while several sessions run at once: each gets its own end', async () => {
    const streams = await Promise.all([1, 2, 3].map((n) => chat(`Tell me about yourself, ${n} times.`)));
    let waiting = streams.length;
    const read = streams.map((stream) =>
      stream.collect(async (event, events) => {
        if (texts(events).length === 2 && (waiting -= 1) === 0) await platform.kill();
      }),
    );
    const seen = (await Promise.all(read)).map(({ events }) => events);
    await platform.start();
    user = platform.as('ada');
    for (const events of seen) {
      const now = await (await user.events(events[0].run_id)).all();
      assert.deepEqual(raw(now.slice(0, events.length)), raw(events));
      expectWhole(now);
    }
  });

  test('the pool is whole again afterwards: every instance has its sandbox, every sandbox its instance', async () => {
    await platform.warm();
    const sandboxes = async () => (await platform.internal('cloud_os').get('/api/v1/vms')).json.vms;
    const instances = async () =>
      (await platform.internal('pool').get('/api/v1/pools/agent/instances')).json.instances;
    const known = async () => (await instances()).map(({ sandbox_id: id }) => id).sort();
    const alive = async () =>
      (await sandboxes())
        .filter(({ status }) => status === 'running')
        .map(({ vm_id: id }) => id)
        .sort();
    await until(
      'the pool and cloud_os to agree',
      async () => String(await known()) === String(await alive()),
      20_000,
    ).catch(async () => assert.deepEqual(await known(), await alive()));
  });

  test('agents and their versions are still there', async () => {
    const found = (await user.get(`/api/v1/agents/configs/${agent.id}`)).json;
    assert.deepEqual(found, agent);
  });
});

describe('a sandbox is killed in the middle of a run', { skip }, () => {
  let platform;
  let user;
  let agent;
  before(async () => {
    platform = await Platform.up();
    user = platform.as('ada');
    agent = await createAgent(user, { tools: ['bash_execute', 'write_file'] });
  });
  after(() => platform.stopAndLeaveNothing());

  const chat = (message, more = {}) => user.chat({ agent_config_id: agent.id, message, ...more });

  test('the run ends with the error sandbox_lost, and the next message of the session gets a new sandbox', async () => {
    const command = uniqueSleep();
    const stream = await chat(`Run the command \`${command}\``);
    const { events, done } = await stream.collect(async ({ type }) => {
      if (type !== 'tool_use') return;
      const pid = await until('the command to run', () => processOf(command));
      process.kill(firstProcessOfSandbox(pid), 'SIGKILL');
    });

    assert.ok(done, 'the stream ends with [DONE]');
    expectWhole(events);
    assert.equal(find(events, 'error').metadata.code, 'sandbox_lost');
    assert.match(find(events, 'error').content, /again/);
    await until('the command to be gone', () => !processOf(command));

    const next = await (
      await chat('Run the command `echo alive`', { session_id: events[0].session_id })
    ).all();
    expectWhole(next);
    assert.match(results(next)[0].content, /alive/);
    assert.notEqual(
      systemEvent(next, 'sandbox.acquired').metadata.instance_id,
      systemEvent(events, 'sandbox.acquired').metadata.instance_id,
    );
  });

  test('what was called before a turn is cut off stays in the history', async () => {
    const call = (command) => `Call the tool bash_execute with ${JSON.stringify({ command })}`;
    const cut = async (end) => {
      const command = uniqueSleep();
      const stream = await chat(`1. ${call('echo paid')}\n2. ${call(command)}`);
      const events = await stream.takeUntil(({ type }, all) => type === 'tool_use' && all.filter((e) => e.type === type).length === 2);
      const [{ run_id: run, session_id: session }] = events;
      await until('the command to run', () => processOf(command));
      await end(run);
      await until('its end', async () => !['running', 'queued'].includes((await user.get(`/api/v1/agents/runs/${run}`)).json.state));
      const { messages } = (await user.get(`/api/v1/agents/sessions/${session}/messages`)).json;
      assert.deepEqual(
        messages.map(({ message }) => message.role),
        ['user', 'assistant', 'tool', 'assistant', 'tool'],
      );
      assert.match(messages[2].message.parts[0].text, /paid/);
      assert.match(messages[4].message.parts[0].text, /cut off/);
    };
    await cut((run) => user.post(`/api/v1/agents/runs/${run}/cancel`));
    await cut(async () => {
      await platform.kill();
      await platform.start();
      user = platform.as('ada');
    });
  });

  test('a chat that does not stream gets the error with its status', async () => {
    const command = uniqueSleep();
    const answer = user.post('/api/v1/agents/chat', {
      agent_config_id: agent.id,
      message: `Run the command \`${command}\``,
      stream: false,
    });
    const pid = await until('the command to run', () => processOf(command));
    process.kill(firstProcessOfSandbox(pid), 'SIGKILL');
    const { status, json } = await answer;
    assert.equal(status, 502, JSON.stringify(json));
    assert.equal(json.error.code, 'sandbox_lost');
    assert.equal(json.detail, json.error.message);
  });

  test('a sandbox that dies between two messages is replaced without the client noticing', async () => {
    const first = await (await chat('Run the command `echo first`')).all();
    const instance = systemEvent(first, 'sandbox.acquired').metadata.instance_id;
    const { sandbox_id: sandbox } = (await platform.internal('pool').get(`/api/v1/pools/agent/${instance}`))
      .json;
    process.kill(firstProcessOf(sandbox), 'SIGKILL');

    const next = await (
      await chat('Run the command `echo again`', { session_id: first[0].session_id })
    ).all();

    expectWhole(next);
    assert.match(results(next)[0].content, /again/);
    assert.notEqual(systemEvent(next.reverse(), 'sandbox.acquired').metadata.instance_id, instance);
  });

  test("the agent cannot kill its own sandbox's first process", async () => {
    const events = await (await chat('Run the command `kill -9 1; echo still here`')).all();
    assert.match(results(events)[0].content, /still here/);
    assert.equal(find(events, 'result').metadata.subtype, 'success');
  });
});
