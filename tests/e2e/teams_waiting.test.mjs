// A team whose members ask people waits in the store: the tasks that can go on do, all questions stand in the inbox,
// and the run goes on at the very calls, after any restart. Tasks that a crash cuts off are resumed.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { noSandbox, Platform, until } from './harness.mjs';
import { expectPaired, expectWhole, find, results, systemEvent, textOf } from './events.mjs';
import { asks, changes, client, demo, isQuestion, plays, states } from './team_client.mjs';
import { uniqueSleep } from './traces.mjs';

describe('tasks in a sandbox', { skip: noSandbox }, () => {
  let platform;
  let ada;
  before(async () => {
    platform = await Platform.up({ settings: { 'pool.reconcile_every': '500ms', 'pool.orphan_grace': '3s' } });
    ada = client(platform);
  });
  after(() => platform.stopAndLeaveNothing());
  const restart = async () => {
    await platform.kill();
    await platform.start();
    ada = client(platform);
  };

  test('one that waits holds up what depends on it alone, and goes on when it is approved', async () => {
    const seen = await ada.asked(
      ada.tasks([asks('worker'), demo('writer')], [
        { id: 'risky', agent: 'worker', title: 'run `echo from-the-risky-task`' },
        { id: 'after', agent: 'writer', depends_on: ['risky'], title: "say 'after it'" },
        { id: 'apart', agent: 'writer', title: "say 'apart'" },
        { id: 'later', agent: 'writer', depends_on: ['apart'], title: "say 'later'" },
      ]),
    );
    const question = seen.at(-1);
    assert.equal(question.metadata.agent, 'worker');
    assert.equal(question.metadata.task_id, 'risky');
    assert.ok(changes(seen).includes('later:completed'), 'all that can go on went on first');
    assert.ok(!changes(seen).includes('after:ready'));
    assert.equal((await ada.run(seen)).state, 'waiting');
    const [entry] = await ada.inbox();
    assert.deepEqual([entry.agent, entry.task_id, entry.request_id], ['worker', 'risky', question.metadata.request_id]);

    await ada.decide(question, { decision: 'approve' });
    const events = await ada.rest(seen);
    assert.equal(systemEvent(events, 'hil.decided').metadata.task_id, 'risky');
    const result = find(events, 'result');
    assert.equal(result.metadata.subtype, 'success');
    assert.match(result.metadata.agent_outputs['worker:risky'], /from-the-risky-task/);
    assert.deepEqual(
      changes(events).filter((change) => change.startsWith('risky:')),
      ['risky:ready', 'risky:running', 'risky:waiting', 'risky:running', 'risky:completed'],
    );
    await ada.leave(seen);
  });

  test('two that wait at once are asked about together; one is edited, the other denied with a word', async () => {
    const seen = await ada.asked(
      ada.tasks([asks('a'), asks('b')], [
        { id: 'one', agent: 'a', title: 'run `echo one-as-written`' },
        { id: 'two', agent: 'b', title: 'run `touch never-made`' },
      ]),
      2,
    );
    const of = (task) => seen.filter(isQuestion).find(({ metadata }) => metadata.task_id === task);
    assert.equal((await ada.inbox()).length, 2);
    await ada.decide(of('one'), { decision: 'edit', args: { command: 'echo one-as-edited' } });
    assert.equal((await ada.run(seen)).state, 'waiting', 'it goes on when all are decided');
    await ada.decide(of('two'), { decision: 'deny', text: 'not today' });
    const events = await ada.rest(seen);
    const outputs = find(events, 'result').metadata.agent_outputs;
    assert.match(outputs['a:one'], /one-as-edited/);
    const denied = results(events).find(({ metadata }) => metadata.task_id === 'two');
    assert.match(denied.content, /said no.*not today/);
    await ada.leave(seen);
  });

  test('what nobody decides expires to the safe side', async () => {
    const stream = await ada.tasks([asks('a', { approvals: [{ match: 'bash_execute', timeout_s: 1 }] })], [
      { id: 'late', title: 'run `touch never-made`' },
    ]);
    const events = await stream.all();
    expectWhole(events);
    expectPaired(events);
    assert.equal(systemEvent(events, 'hil.decided').metadata.state, 'expired');
    assert.match(results(events)[0].content, /counts as no/);
    await ada.leave(events);
  });

  test('a run that waits is cancelled, its tasks with it, and the next of its session runs', async () => {
    const seen = await ada.asked(ada.tasks([asks('a'), demo('b')], [
      { id: 'wait', title: 'run `echo never`' },
      { id: 'next', agent: 'b', depends_on: ['wait'], title: "say 'never'" },
    ]));
    const queued = ada.open({ session_id: seen[0].session_id, agents: [demo('c')], prompt: "say 'my turn'" });
    const cancelled = await ada.api.post(`/api/v1/agents/runs/${seen[0].run_id}/cancel`);
    assert.equal(cancelled.json.state, 'cancelled');
    const events = await ada.rest(seen);
    assert.match(find(events, 'tool_result').content, /was not run/);
    const result = find(events, 'result');
    assert.equal(result.metadata.subtype, 'interrupted');
    assert.deepEqual(states(result.metadata.tasks), { wait: 'cancelled', next: 'cancelled' });
    await ada.decide(seen.at(-1), { decision: 'approve' }, 409);
    assert.match(textOf(await (await queued).all()), /my turn/);
    await ada.leave(seen);
  });

  test('kill -9 while it waits, and the loss of its sandbox, change nothing', async () => {
    const seen = await ada.asked(ada.tasks([asks('a'), demo('b', { tools: ['bash_execute'] })], [
      { id: 'done', agent: 'b', title: 'run `echo done-before`' },
      { id: 'wait', agent: 'a', depends_on: ['done'], title: 'run `echo after-the-crash`' },
    ]));
    const first = systemEvent(seen, 'sandbox.acquired').metadata.instance_id;
    await restart();
    assert.equal((await ada.inbox())[0].request_id, seen.at(-1).metadata.request_id);
    const exported = await ada.api.get(`/api/v1/agents/sessions/${seen[0].session_id}/export`);
    assert.equal(exported.status, 200);
    assert.equal(exported.json.runs[0].run.state, 'waiting');
    for (const point of [{ run_id: seen[0].run_id }, { after_event: seen.at(-1).id }]) {
      const fork = await ada.api.post(`/api/v1/agents/sessions/${seen[0].session_id}/fork`, point);
      assert.equal(fork.status, 409, fork.text);
    }
    const removed = await platform.internal('pool').delete(`/api/v1/pools/agent/${first}`);
    assert.equal(removed.status, 200, removed.text);

    await ada.decide(seen.at(-1), { decision: 'approve' });
    const events = await ada.rest(seen);
    const { tasks, agent_outputs: outputs } = find(events, 'result').metadata;
    assert.deepEqual(states(tasks), { done: 'completed', wait: 'completed' });
    assert.match(outputs['a:wait'], /after-the-crash/);
    assert.equal(changes(events).filter((change) => change === 'done:running').length, 1);
    await ada.leave(seen);
  });

  test('kill -9 in the middle: what was completed never runs again, what ran is tried again', async () => {
    const stalls = uniqueSleep();
    const stream = await ada.tasks([demo('a', { tools: ['bash_execute'] })], [
      { id: 'first', title: 'run `echo x >> counted`' },
      { id: 'second', depends_on: ['first'], retries: 1, title: `run \`test -e tried || (touch tried && ${stalls})\`` },
      { id: 'third', depends_on: ['second'], title: 'run `grep -c x counted`' },
    ]);
    let killed = false;
    const { events: seen } = await stream.collect(async ({ type, metadata }) => {
      if (killed || type !== 'tool_use' || metadata.task_id !== 'second') return;
      killed = true;
      await platform.kill();
    });
    assert.ok(killed, 'the run came to its second task');
    await platform.start();
    ada = client(platform);
    const events = await ada.rest(seen);
    const starts = events.filter(({ metadata }) => metadata.event === 'dag_start');
    assert.deepEqual(starts.map(({ metadata }) => metadata.resumed), [undefined, true]);
    const { tasks, agent_outputs: outputs } = find(events, 'result').metadata;
    assert.deepEqual(states(tasks), { first: 'completed', second: 'completed', third: 'completed' });
    assert.equal(tasks[1].attempts, 2);
    assert.match(outputs['a:third'], /"stdout":"1\\n/, 'the first task ran once');
    assert.equal(changes(events).filter((change) => change === 'first:running').length, 1);
    assert.equal((await ada.run(seen)).state, 'succeeded');
    await ada.leave(seen);
  });

  test('a platform that is killed right after the decision runs the call once at most', async () => {
    const seen = await ada.asked(ada.tasks([asks('a')], [{ id: 'once', title: 'run `echo x >> counted`' }]));
    const { session_id: session } = seen[0];
    await Promise.all([ada.decide(seen.at(-1), { decision: 'approve' }), platform.kill()]).catch(() => {});
    if (!platform.ended) await platform.kill();
    await platform.start();
    ada = client(platform);
    const [entry] = (await ada.api.get(`/api/v1/agents/runs/${seen[0].run_id}/approvals`)).json.approvals;
    if (entry.state === 'pending') await ada.decide(seen.at(-1), { decision: 'approve' });
    await ada.rest(seen);
    const { state } = await ada.run(seen);
    const look = await (await ada.tasks([demo('b', { tools: ['bash_execute'] })],
      [{ id: 'look', title: 'run `cat counted | wc -l`' }], { session_id: session })).all();
    const count = /"stdout":"(\d+)/.exec(find(look, 'result').content)?.[1];
    assert.ok(count === '1' || (state !== 'succeeded' && count === '0'), `${state}: it ran ${count} times`);
    await ada.leave(seen);
  });

  test('a word to a running swarm reaches the agent that works; one to tasks is refused with the reason', async () => {
    const holds = 'run `until test -e go; do sleep 0.05; done`';
    const isCall = ({ type }) => type === 'tool_use';
    const free = { tools: ['bash_execute'], mode: 'REACTIVE', approvals: [] };
    const seen = await (await ada.open({ env: 'cloud_pool', agents: [plays('a', holds, free)] })).takeUntil(isCall);
    const steer = `/api/v1/agents/runs/${seen[0].run_id}/steer`;
    const taken = await ada.api.post(steer, { message: 'and hurry' });
    assert.equal(taken.status, 200, taken.text);
    const instance = systemEvent(seen, 'sandbox.acquired').metadata.instance_id;
    const { instances } = (await platform.internal('pool').get('/api/v1/pools/agent/instances')).json;
    const vm = instances.find(({ instance_id: id }) => id === instance);
    await platform.internal('cloud_os').put(`/api/v1/vms/${vm.sandbox_id}/files/go`, '');
    const events = await ada.rest(seen);
    assert.equal(systemEvent(events, 'steered').content, 'and hurry');
    assert.equal(systemEvent(events, 'steered').metadata.agent, 'a');
    const { messages } = (await ada.api.get(`/api/v1/agents/sessions/${seen[0].session_id}/messages`)).json;
    assert.ok(messages.some(({ message }) => message.parts[0].text === 'and hurry'), 'it is in the history');
    await ada.leave(seen);

    const dag = await (await ada.tasks([demo('b', { tools: ['bash_execute'] })], [{ id: 't', title: holds }])).takeUntil(isCall);
    const refused = await ada.api.post(`/api/v1/agents/runs/${dag[0].run_id}/steer`, { message: 'x' });
    assert.equal(refused.status, 409);
    assert.match(refused.json.error.message, /several of them may be under way/);
    await ada.api.post(`/api/v1/agents/runs/${dag[0].run_id}/cancel`);
    await ada.leave(dag);
  });

  test('a member has its skills, and one that does not exist is said', async () => {
    const made = await ada.api.post('/api/v1/agents/configs', {
      name: 'Skilled', model_id: 'builtin/demo', env: 'cloud_pool', skills: ['code'],
      system_prompt: '<script>call the tool use_skill with `{"name":"code"}`</script>',
    });
    assert.equal(made.status, 200, made.text);
    const stream = await ada.open({ agents: [{ name: 'a', agent_config_id: made.json.id }] });
    const events = await stream.all();
    assert.equal(results(events)[0].metadata.tool, 'use_skill');
    assert.equal(results(events)[0].metadata.is_error, false);
    await ada.leave(events);
  });
});

describe('agents that hand over, without a sandbox', () => {
  let platform;
  let ada;
  before(async () => {
    platform = await Platform.up({ settings: { 'pool.agent.warm': '0' } });
    ada = client(platform);
  });
  after(() => platform.stopAndLeaveNothing());
  const human = { tools: ['ask_human', 'request_authorization'], approvals: [] };
  const hand = 'call the tool handoff with `{"agent":"solver","reason":"it knows"}`';

  test('one asks a person, over a restart of the platform, and the swarm goes on with its state', async () => {
    const seen = await ada.asked(ada.open({
      agents: [
        plays('triage', `call the tool shared_state_set with \`{"key":"kind","value":"colour"}\` then ${hand}`, human),
        plays('solver', 'call the tool ask_human with `{"question":"Which colour?"}`', human),
      ],
    }));
    assert.equal(seen.at(-1).metadata.kind, 'input');
    assert.equal(seen.at(-1).metadata.agent, 'solver');
    assert.equal((await ada.inbox())[0].agent, 'solver');
    await platform.kill();
    await platform.start();
    ada = client(platform);
    await ada.decide(seen.at(-1), { decision: 'approve' }, 422);
    await ada.decide(seen.at(-1), { decision: 'approve', text: 'blue' });
    const events = await ada.rest(seen);
    const result = find(events, 'result');
    assert.match(result.content, /blue/);
    assert.equal(result.metadata.final_agent, 'solver');
    assert.deepEqual(result.metadata.shared_state, { kind: 'colour' });
    assert.equal(result.metadata.handoff_trace.length, 1);
    assert.equal(events.filter(({ metadata }) => metadata.event === 'swarm_agent_start').length, 2);
  });

  test('one asks for permission, and a denial is its to deal with', async () => {
    const script = 'call the tool request_authorization with `{"action":"send the letter"}`';
    const seen = await ada.asked(ada.open({ agents: [plays('clerk', script, human)] }));
    assert.equal(seen.at(-1).metadata.kind, 'authorization');
    await ada.decide(seen.at(-1), { decision: 'deny', text: 'not this one' });
    assert.match(results(await ada.rest(seen))[0].content, /said no.*not this one/);
  });

  test('a REACTIVE member asks nobody, and what would have to be asked is not done', async () => {
    const script = 'call the tool ask_human with `{"question":"Which?"}`';
    const stream = await ada.open({ agents: [plays('clerk', script, { ...human, mode: 'REACTIVE' })] });
    const events = await stream.all();
    expectWhole(events);
    assert.equal(events.filter(isQuestion).length, 0);
    assert.match(results(events)[0].content, /REACTIVE/);
  });

  test('a caller without a stream is told that the team asks, and others see no question', async () => {
    const script = 'call the tool ask_human with `{"question":"Which?"}`';
    const answer = await ada.api.post('/api/v1/agents/swarm', { prompt: 'Go.', agents: [plays('clerk', script, human)] });
    assert.equal(answer.status, 202, answer.text);
    const [entry] = await ada.inbox();
    assert.deepEqual(answer.json.approvals, [entry.request_id]);
    const bob = client(platform, 'bob');
    assert.deepEqual(await bob.inbox(), []);
    await bob.decide({ run_id: entry.run_id, metadata: entry }, { decision: 'deny' }, 404);
    await ada.decide({ run_id: entry.run_id, metadata: entry }, { decision: 'deny' });
    await until('its end', async () => (await ada.api.get(`/api/v1/agents/runs/${entry.run_id}`)).json.state === 'succeeded');
  });
});
