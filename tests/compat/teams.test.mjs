// Teams whose members' models speak real dialects, the members in turn of one and of the other.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { noSandbox, Platform } from '../e2e/harness.mjs';
import { expectPaired, expectWhole, find, results, texts, textOf } from '../e2e/events.mjs';
import { EventStream } from '../e2e/http.mjs';
import { upstreamSettings } from './platform.mjs';
import { calls, dialects, requestsWith, says, startScripted } from './script.mjs';

const refuses = { error: { message: 'overloaded on purpose', type: 'invalid_request_error' }, status: 400 };
const scripts = {
  'gather the facts': [calls(['bash_execute', { command: 'echo tea is hot' }]), ([fact]) => says(JSON.parse(fact).stdout.trim())],
  'know the time': [calls(['get_current_time']), () => says('tea is hot')],
  'write the report': [says('Report: it is so.')],
  'fail at it': [refuses],
  'never to be asked': [says('this must not be seen')],
  // Who is handed something over is told the user's message, too: these come first.
  'it is a sum': [calls(['shared_state_get', { key: 'kind' }]), ([kind]) => says(`Solved the ${kind}.`)],
  'it needs you': [says('Solved in words.')],
  'sort this': [
    calls(['shared_state_set', { key: 'kind', value: 'sum' }]),
    () => calls(['handoff', { agent: 'solver', reason: 'it is a sum', context: 'I looked at it.' }]),
  ],
  'say it in words': [says('I looked. [HANDOFF: solver] it needs you')],
};

let mock, platform;
before(async () => {
  mock = await startScripted(scripts);
  platform = await Platform.up({ settings: { ...upstreamSettings(mock), ...(noSandbox && { 'pool.agent.warm': '0' }) } });
});
after(async () => {
  await platform?.stopAndLeaveNothing();
  await mock?.stop();
});

async function run(body) {
  const stream = await EventStream.open(`${platform.endpoints.agent}/api/v1/agents/swarm/stream`, {
    method: 'POST',
    headers: { 'user-id': 'ada' },
    body,
  });
  assert.equal(stream.status, 200);
  const events = await stream.all();
  expectWhole(events);
  expectPaired(events);
  return events;
}
const states = (events) => find(events, 'result').metadata.tasks.map(({ task_id, state }) => `${task_id}=${state}`);
const [one, other] = Object.values(dialects);

for (const [first, second] of [[one, other], [other, one]])
  for (const env of ['cloud_shared', 'cloud_pool']) {
    const name = `${first.split('/')[0]} then ${second.split('/')[0]}, ${env}`;
    const skip = env === 'cloud_pool' && noSandbox;

    test(`tasks: each is told what the user wants and what it depends on (${name})`, { skip }, async () => {
      const prompt = `The user's wish ${first} ${env}`;
      const title = env === 'cloud_pool' ? 'gather the facts' : 'know the time';
      const tools = env === 'cloud_pool' ? ['bash_execute'] : ['get_current_time'];
      const events = await run({
        prompt,
        env,
        routing_type: 'dag',
        agents: [{ name: 'clerk', model_id: first, tools }, { name: 'writer', model_id: second }],
        tasks: [
          { id: 'facts', agent: 'clerk', title },
          { id: 'report', agent: 'writer', title: 'write the report', depends_on: ['facts'] },
        ],
      });
      assert.deepEqual(states(events), ['facts=completed', 'report=completed']);
      assert.equal(find(events, 'result').content, 'Report: it is so.');
      const asked = requestsWith(mock, prompt).map(({ body }) => JSON.stringify(body));
      assert.equal(asked.length, 3, 'each model call of both members has the prompt');
      assert.match(asked.at(-1), /tea is hot/);
      assert.match(asked.at(-1), /write the report/);
    });

    test(`tasks: what depends on a failed one is never asked for (${name})`, { skip }, async () => {
      const events = await run({
        prompt: 'x',
        env,
        routing_type: 'dag',
        agents: [{ name: 'a', model_id: first }, { name: 'b', model_id: second }],
        tasks: [
          { id: 'bad', agent: 'a', title: 'fail at it', retries: 1 },
          { id: 'after', agent: 'b', title: 'never to be asked', depends_on: ['bad'] },
        ],
      });
      assert.deepEqual(states(events), ['bad=failed', 'after=skipped']);
      assert.match(find(events, 'result').content, /overloaded on purpose/);
      assert.equal(find(events, 'result').metadata.tasks[0].attempts, 2);
      assert.equal(requestsWith(mock, 'never to be asked').length, 0);
    });

    test(`a swarm hands over by the tool, with what it shared (${name})`, { skip }, async () => {
      const agents = [{ name: 'triage', model_id: first }, { name: 'solver', model_id: second }];
      const events = await run({ prompt: 'sort this', env, agents });
      const result = find(events, 'result');
      assert.ok(result, find(events, 'error')?.data);
      assert.equal(result.metadata.final_agent, 'solver');
      assert.match(result.content, /Solved the .*sum/);
      assert.ok(results(events).every(({ metadata }) => !metadata.is_error), JSON.stringify(results(events)));
    });

    test(`a swarm at its limit gives the last real answer, and says which limit (${name})`, { skip }, async () => {
      const agents = [{ name: 'triage', model_id: first }, { name: 'solver', model_id: second }];
      const result = find(await run({ prompt: 'say it in words', env, agents, max_handoffs: 0 }), 'result');
      assert.equal(result.metadata.subtype, 'error_max_handoffs');
      assert.equal(result.metadata.limit, 'max_handoffs');
      assert.equal(result.content, 'I looked.');
    });

    test(`a swarm hands over by words, which nobody sees (${name})`, { skip }, async () => {
      const agents = [{ name: 'triage', model_id: first }, { name: 'solver', model_id: second }];
      const events = await run({ prompt: 'say it in words', env, agents });
      assert.equal(textOf(events).trim(), 'I looked. Solved in words.');
      assert.doesNotMatch(texts(events).map(({ data }) => data).join(''), /HANDOFF/);
      assert.equal(find(events, 'result').metadata.handoff_trace[0].reason, 'it needs you');
    });
  }
