// More of what a team that waits must survive: a crash while one task waits that nobody was asked about yet, sandboxes of
// its members' own, plans and their checkpoints, and what the user says to it meanwhile.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { noSandbox, Platform } from './harness.mjs';
import { find, results, systemEvent } from './events.mjs';
import { asks, changes, client, demo, isQuestion, plays, states } from './team_client.mjs';
import { uniqueSleep } from './traces.mjs';

describe('a team that waits', { skip: noSandbox }, () => {
  let platform;
  let ada;
  before(async () => {
    platform = await Platform.up({ settings: { 'pool.reconcile_every': '500ms', 'pool.orphan_grace': '3s' } });
    ada = client(platform);
  });
  after(() => platform.stopAndLeaveNothing());
  const restart = async () => {
    await platform.start();
    ada = client(platform);
  };
  const follow = async (seen, count = 1) =>
    (await ada.api.events(seen[0].run_id, { lastId: seen.at(-1).id })).takeUntil(
      (_, all) => all.filter(isQuestion).length === count,
    );

  test('kill -9 while one task waits and another runs: the one waits on, the other is tried again', async () => {
    const stalls = uniqueSleep();
    const stream = await ada.tasks([asks('a'), demo('b', { tools: ['bash_execute'] })], [
      { id: 'wait', agent: 'a', title: 'run `echo x >> waited`' },
      { id: 'work', agent: 'b', retries: 1, title: `run \`test -e tried || (touch tried && ${stalls})\`` },
      { id: 'look', agent: 'b', depends_on: ['wait', 'work'], title: 'run `grep -c x waited`' },
    ]);
    let killed = false;
    const { events: seen } = await stream.collect(async (event, all) => {
      const works = all.some(({ type, metadata }) => type === 'tool_use' && metadata.task_id === 'work');
      if (killed || !works || !changes(all).includes('wait:waiting')) return;
      killed = true;
      await platform.kill();
    });
    assert.ok(killed, 'one waited while the other worked');
    assert.equal(seen.filter(isQuestion).length, 0, 'nobody was asked yet');
    await restart();
    const more = await follow(seen);
    assert.equal(more.at(-1).metadata.task_id, 'wait');
    await ada.decide(more.at(-1), { decision: 'approve' });
    const events = await ada.rest([...seen, ...more]);
    const { tasks, agent_outputs: outputs } = find(events, 'result').metadata;
    assert.deepEqual(states(tasks), { wait: 'completed', work: 'completed', look: 'completed' });
    assert.deepEqual(tasks.map(({ attempts }) => attempts), [1, 2, 1]);
    assert.match(outputs['b:look'], /"stdout":"1\\n/, 'the call that waited ran once');
    await ada.leave(seen);
  });

  test('members with sandboxes of their own go on in them', async () => {
    const own = { sandbox: 'own' };
    const seen = await ada.asked(ada.tasks([asks('a', own), asks('b', own)], [
      { id: 'one', agent: 'a', title: 'run `echo here-is-a`' },
      { id: 'two', agent: 'b', title: 'run `echo here-is-b`' },
    ]), 2);
    for (const question of seen.filter(isQuestion)) await ada.decide(question, { decision: 'approve' });
    const events = await ada.rest(seen);
    const outputs = find(events, 'result').metadata.agent_outputs;
    assert.match(outputs['a:one'], /here-is-a/);
    assert.match(outputs['b:two'], /here-is-b/);
    const places = events.filter(({ metadata }) => metadata.event === 'sandbox.acquired');
    assert.equal(new Set(places.map(({ metadata }) => metadata.instance_id)).size, 2);
    await ada.leave(seen);
  });

  test('a member shows its plan, and stops at checkpoints of it, also over a crash', async () => {
    const done = (id) => `Call the tool update_plan with ${JSON.stringify({ steps: [{ id, status: 'done' }] })}`;
    const plan = { title: 'Bake', steps: ['mix', 'heat', 'eat'].map((title) => ({ title })) };
    const calls = [`Call the tool create_plan with ${JSON.stringify(plan)}`, done('1'), done('2'), done('3')];
    const script = calls.map((call, i) => `${i + 1}. ${call}`).join('\n');
    const planner = plays('planner', script, {
      tools: ['create_plan', 'update_plan'],
      approvals: [{ match: 'update_plan', every: 2 }],
    });
    const shown = await ada.asked(ada.open({ env: 'cloud_pool', agents: [planner, demo('other')] }));
    assert.equal(shown.at(-1).metadata.kind, 'review');
    assert.equal(shown.at(-1).metadata.tool, 'create_plan');
    assert.equal(shown.at(-1).metadata.agent, 'planner');
    const onwards = follow(shown);
    await ada.decide(shown.at(-1), { decision: 'approve' });
    const checkpoint = await onwards;
    assert.match(checkpoint.at(-1).content, /checkpoint/);
    await platform.kill();
    await restart();
    await ada.decide(checkpoint.at(-1), { decision: 'deny', text: 'leave it there' });
    const events = await ada.rest([...shown, ...checkpoint]);
    assert.ok(results(events).some(({ content }) => /leave it there/.test(content)));
    await ada.leave(shown);
  });

  test('what is said to a swarm that waits is heard when it goes on', async () => {
    const script = 'call the tool ask_human with `{"question":"Which?"}`';
    const clerk = plays('clerk', script, { tools: ['ask_human'], approvals: [] });
    const seen = await ada.asked(ada.open({ agents: [clerk, demo('other')] }));
    const kept = await ada.api.post(`/api/v1/agents/runs/${seen[0].run_id}/steer`, { message: 'in blue, please' });
    assert.equal(kept.status, 200, kept.text);
    assert.equal(kept.json.status, 'kept');
    const more = follow(seen);
    await ada.decide(seen.at(-1), { decision: 'approve', text: 'that one' });
    // Its script makes it ask again once it has heard more.
    const again = await more;
    assert.equal(systemEvent(again, 'steered').content, 'in blue, please');
    assert.equal(systemEvent(again, 'steered').metadata.agent, 'clerk');
    await ada.decide(again.at(-1), { decision: 'approve', text: 'the same' });
    await ada.rest([...seen, ...again]);
    const { messages } = (await ada.api.get(`/api/v1/agents/sessions/${seen[0].session_id}/messages`)).json;
    const said = messages.filter(({ message }) => message.role === 'user').map(({ message }) => message.parts[0].text);
    assert.equal(said.filter((text) => text === 'in blue, please').length, 1, 'it is in the history once');
  });
});
