// What an agent remembers outlives its sandboxes, its sessions and the platform's process, and is its user's alone.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { createAgent, noSandbox, Platform } from './harness.mjs';
import { expectPaired, expectWhole, find, results } from './events.mjs';

const tools = ['memory_store', 'memory_search'];
const isQuestion = ({ type }) => type === 'hil_request';
const steps = (...calls) =>
  calls.map(([name, args], i) => `${i + 1}. Call the tool ${name} with ${JSON.stringify(args)}`).join('\n');

// A way to call a tool in a session of its own each time, unless `more` names one.
function caller(platform, agent) {
  const api = platform.as('ada');
  const say = async (message, more = {}) => {
    const body = agent ? { agent_config_id: agent.id, message, ...more } : { message, ...more };
    const events = await (await api.chat(body)).all();
    expectWhole(events);
    expectPaired(events);
    return events;
  };
  const call = async (tool, args, more) => results(await say(steps([tool, args]), more))[0];
  const answer = async (tool, args, more) => {
    const result = await call(tool, args, more);
    assert.equal(result.metadata.is_error, false, result.content);
    return JSON.parse(result.content);
  };
  return { api, say, call, answer };
}

for (const env of ['cloud_pool', 'cloud_shared'])
  describe(env, { skip: env === 'cloud_pool' && noSandbox }, () => {
    let platform;
    let agent;
    before(async () => {
      platform = await Platform.up({ settings: env === 'cloud_shared' ? { 'pool.agent.warm': '0' } : {} });
      agent = await createAgent(platform.as('ada'), { env, tools });
    });
    after(() => platform.stopAndLeaveNothing());

    test('what is remembered in one session is found in another, also after kill -9', async () => {
      const ada = caller(platform, agent);
      await ada.answer('memory_store', { content: 'The cat is called Minka.', key: 'cat', tags: ['pets'] });
      await ada.answer('memory_store', { content: 'The server is deployed on Mondays.' });
      await platform.kill();
      await platform.start();

      const again = caller(platform, agent);
      const { results: found, memories } = await again.answer('memory_search', { query: 'who are the cats?' });
      assert.equal(memories, 2);
      assert.deepEqual(
        found.filter(({ key }) => key === 'cat').map(({ content, tags }) => [content, tags]),
        [['The cat is called Minka.', ['pets']]],
      );
      await again.answer('memory_search', { query: '" OR NEAR( *' });
      const refused = await again.call('memory_search', { limit: 1000 });
      assert.equal(refused.metadata.is_error, true);
      assert.match(refused.content, /limit/);
    });

    test('a turn with several calls goes on by itself, and says once where it runs', async () => {
      const ada = caller(platform, await createAgent(platform.as('ada'), { env, tools }));
      const events = await ada.say(
        steps(
          ['memory_store', { content: 'one', key: 'a' }],
          ['memory_store', { content: 'two', key: 'b' }],
          ['memory_search', { query: 'two' }],
        ),
      );
      assert.equal(JSON.parse(results(events)[2].content).memories, 2);
      assert.equal(find(events, 'result').metadata.subtype, 'success');
      assert.equal(find(events, 'result').metadata.num_turns, 4);
      assert.equal(events.filter(({ metadata }) => metadata.event === 'sandbox.acquired').length, env === 'cloud_pool' ? 1 : 0);
    });

    test('two sessions that remember at once lose nothing', async () => {
      const ada = caller(platform, await createAgent(platform.as('ada'), { env, tools }));
      await Promise.all([...Array(8).keys()].map((n) => ada.answer('memory_store', { content: `fact ${n}` })));
      assert.equal((await ada.answer('memory_search', { query: '' })).memories, 8);
    });

    test('its user sees it and makes it forget, and nobody else does', async () => {
      const own = await createAgent(platform.as('ada'), { env, tools });
      const ada = caller(platform, own);
      await ada.answer('memory_store', { content: 'a secret of ada', key: 'mine' });
      const path = `/api/v1/agents/configs/${own.id}/memories`;
      assert.equal((await platform.as('eve').get(path)).status, 404);
      assert.equal((await platform.as('eve').delete(path)).status, 404);

      const seen = (await ada.api.get(`${path}?query=secret`)).json;
      assert.deepEqual(
        seen.results.map(({ key, content }) => [key, content]),
        [['mine', 'a secret of ada']],
      );
      const unset = await ada.api.delete(`${path}?key=`);
      assert.equal(unset.status, 422, unset.text);
      assert.equal((await ada.api.get(path)).json.memories, 1, 'an empty key forgets nothing');
      assert.equal((await ada.api.get(`${path}?limit=51`)).json.error.param, 'limit');
      assert.deepEqual((await ada.api.delete(`${path}?key=other`)).json, { forgotten: false, key: 'other' });
      assert.equal((await ada.api.delete(`${path}?key=mine`)).json.forgotten, true);
      assert.equal((await ada.api.get(path)).json.memories, 0);
      await ada.answer('memory_store', { content: 'again' });
      assert.equal((await ada.api.delete(path)).json.forgotten, true);
      assert.equal((await ada.answer('memory_search', {})).memories, 0);
    });

    test('an agent without the tools cannot reach it', async () => {
      const ada = caller(platform, await createAgent(platform.as('ada'), { env, tools: ['memory_search'] }));
      assert.equal(await ada.call('memory_store', { content: 'x' }), undefined, 'its model is not shown the tool');
      assert.equal((await ada.answer('memory_search', { query: '' })).memories, 0);
    });

    test('a rule makes it ask before it remembers', async () => {
      const rules = [{ match: 'memory_store' }];
      const asking = await createAgent(platform.as('ada'), { env, tools, mode: 'COLLABORATIVE', approvals: rules });
      const { api } = caller(platform, asking);
      const message = steps(['memory_search', { query: 'x' }], ['memory_store', { content: 'first', key: 'k' }]);
      const seen = await (await api.chat({ agent_config_id: asking.id, message })).takeUntil(isQuestion);
      const question = seen.at(-1);
      assert.equal(question.metadata.tool, 'memory_store');
      const decision = { decision: 'edit', args: { content: 'edited', key: 'k' } };
      await api.post(`/api/v1/agents/runs/${question.run_id}/approvals/${question.metadata.request_id}`, decision);
      const events = await (await api.events(question.run_id)).all();
      expectWhole(events);
      expectPaired(events);
      const path = `/api/v1/agents/configs/${asking.id}/memories`;
      assert.deepEqual((await api.get(path)).json.results.map(({ content }) => content), ['edited']);
    });

    test('what was asked in one answer beside a call that waits is not lost', async () => {
      const both = await createAgent(platform.as('ada'), {
        env,
        tools: [...tools, 'ask_human'],
        mode: 'COLLABORATIVE',
      });
      const { api, answer } = caller(platform, both);
      const message = steps(['ask_human', { question: 'Why?' }], ['memory_store', { content: 'because', key: 'why' }]);
      const seen = await (await api.chat({ agent_config_id: both.id, message })).takeUntil(isQuestion);
      const { run_id, metadata } = seen.at(-1);
      await api.post(`/api/v1/agents/runs/${run_id}/approvals/${metadata.request_id}`, { decision: 'approve', text: 'so' });
      expectWhole(await (await api.events(run_id)).all());
      assert.equal((await answer('memory_search', { query: 'because' })).memories, 1);
    });

    test('a session without an agent has a memory of its own, which goes with it', async () => {
      const ada = caller(platform, null);
      const session_id = `memory-${env}`;
      const more = { session_id, env, tools };
      await ada.answer('memory_store', { content: 'for now' }, more);
      assert.equal((await ada.answer('memory_search', { query: '' }, more)).memories, 1);
      assert.equal((await ada.answer('memory_search', { query: '' }, { env, tools })).memories, 0);
      const folder = path.join(platform.dataDir, 'memory', 'sessions');
      const before = fs.readdirSync(folder).length;
      assert.equal((await ada.api.delete(`/api/v1/agents/sessions/${session_id}`)).status, 200);
      assert.equal(fs.readdirSync(folder).length, before - 1);
    });
  });
