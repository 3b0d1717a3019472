// kill -9 of the whole platform, or a stop, in the middle of a team's tasks: the run goes on with what was completed, a
// task that was cut off and may not be tried again has failed, and the report says of each what became of it.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { noSandbox, Platform } from './harness.mjs';
import { expectPaired, expectWhole, find, raw } from './events.mjs';
import { EventStream } from './http.mjs';
import { uniqueSleep } from './traces.mjs';

const ends = { killed: (platform) => platform.kill(), stopped: (platform) => platform.stop() };
for (const [how, end] of Object.entries(ends))
  describe(`a team whose platform is ${how}`, { skip: noSandbox }, () => {
    let platform;
    before(async () => {
      platform = await Platform.up({
        settings: { 'pool.reconcile_every': '500ms', 'pool.orphan_grace': '3s', 'agent.drain_timeout': '200ms' },
      });
    });
    after(() => platform.stopAndLeaveNothing());

    test('ends once, with what was completed kept, what was cut off failed, and the rest skipped', async () => {
      const agent = { name: 'a', model_id: 'builtin/demo', tools: ['bash_execute'] };
      const stream = await EventStream.open(`${platform.endpoints.agent}/api/v1/agents/swarm/stream`, {
        method: 'POST',
        headers: { 'user-id': 'ada' },
        body: {
          prompt: 'Work.',
          env: 'cloud_pool',
          routing_type: 'dag',
          agents: [agent],
          tasks: [
            { id: 'quick', title: "say 'worth keeping'" },
            { id: 'long', depends_on: ['quick'], title: `run \`${uniqueSleep()}\`` },
            { id: 'last', depends_on: ['long'], title: "say 'never'" },
          ],
        },
      });
      let ending;
      const { events: seen, done } = await stream.collect(({ type, metadata }) => {
        if (!ending && type === 'tool_use' && metadata.task_id === 'long') ending = end(platform);
      });
      assert.ok(ending, 'the run came to its long task');
      assert.equal(done, false, 'the stream did not end, it broke off');
      await ending;
      await platform.start();

      const user = platform.as('ada');
      const events = await (await user.events(seen[0].run_id)).all();
      assert.deepEqual(raw(events.slice(0, seen.length)), raw(seen), 'what was seen is still so');
      expectWhole(events);
      expectPaired(events);
      const { metadata: result } = find(events, 'result');
      assert.equal(result.subtype, 'error_task_failed');
      const last = new Map();
      for (const { metadata } of events) if (metadata.event === 'dag_task') last.set(metadata.task_id, metadata.state);
      assert.deepEqual([...last], [
        ['quick', 'completed'],
        ['long', 'failed'],
        ['last', 'skipped'],
      ]);
      const report = result.tasks;
      assert.deepEqual(
        report.map(({ state }) => state),
        ['completed', 'failed', 'skipped'],
      );
      assert.equal(report[0].output, 'worth keeping');
      assert.match(report[1].reason, /interrupted: the platform stopped/);
      const run = (await user.get(`/api/v1/agents/runs/${seen[0].run_id}`)).json;
      assert.equal(run.state, 'failed');
      assert.equal(run.error_code, 'error_task_failed');
      await user.delete(`/api/v1/agents/sessions/${seen[0].session_id}`);
    });
  });
