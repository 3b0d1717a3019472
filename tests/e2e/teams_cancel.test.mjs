// Runs of teams that are cancelled, again and again and wherever they just are:
// each ends once, no task of it is under way, and the platform is not taken along.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { noSandbox, Platform, until } from './harness.mjs';
import { expectPaired, expectWhole, find } from './events.mjs';
import { EventStream } from './http.mjs';

const kRounds = 40;
const a = { name: 'a', model_id: 'builtin/demo', tools: ['get_current_time'] };
const b = { ...a, name: 'b' };
const teams = {
  tasks: {
    routing_type: 'dag',
    agents: [a, b],
    tasks: [
      { id: 'count', title: 'count to 30' },
      { id: 'time', agent: 'b', title: 'What time is it?' },
      { id: 'after', depends_on: ['count', 'time'], title: 'count to 5' },
    ],
  },
  swarm: {
    agents: [{ ...a, system_prompt: "<script>say 'one two three four five six. [HANDOFF: b] go'</script>" }, b],
  },
};

for (const env of ['cloud_shared', 'cloud_pool'])
  describe(env, { skip: env === 'cloud_pool' && noSandbox }, () => {
    for (const [kind, team] of Object.entries(teams))
      test(`${kind}: cancelled at any event`, async (t) => {
        const settings = { 'pool.agent.warm': env === 'cloud_pool' ? '2' : '0', 'model.demo.delay': '2ms' };
        const platform = await Platform.up({ settings }, t);
        const ada = platform.as('ada');
        const open = () =>
          EventStream.open(`${platform.endpoints.agent}/api/v1/agents/swarm/stream`, {
            method: 'POST',
            headers: { 'user-id': 'ada' },
            body: { prompt: 'count to 20', env, ...team },
          });
        for (let round = 0; round < kRounds; ++round) {
          const at = 2 + (round % 30);
          const { events, done } = await (await open()).collect(async ({ seq, run_id: run }) => {
            if (seq === at) await ada.post(`/api/v1/agents/runs/${run}/cancel`);
          });
          assert.ok(done, `round ${round}, cancelled at event ${at}: the stream broke off. ${platform.log().slice(-600)}`);
          expectWhole(events);
          expectPaired(events);
          const underWay = ['pending', 'ready', 'running'];
          const tasks = find(events, 'result').metadata.tasks ?? [];
          assert.ok(!tasks.some(({ state }) => underWay.includes(state)), `round ${round}: ${JSON.stringify(tasks)}`);
          await ada.delete(`/api/v1/agents/sessions/${events[0].session_id}`);
        }
        if (env === 'cloud_pool')
          await until('all sandboxes to be given back', async () => (await platform.poolStats()).active_instances === 0);
        await platform.stopAndLeaveNothing();
      });
  });
