// What happens around a run while it waits for a person: its agent is changed or deleted, its session is forked, exported
// or deleted, the same decision comes from two at once.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { createAgent, noSandbox, Platform, until } from './harness.mjs';
import { expectPaired, expectWhole, find, results, textOf } from './events.mjs';

const kAgents = '/api/v1/agents';
let platform;
let ada;
before(async () => {
  platform = await Platform.up({ settings: { 'pool.agent.warm': noSandbox ? '0' : '2' } });
  ada = platform.as('ada');
});
after(() => platform?.stopAndLeaveNothing());

const decide = (run, question, body) => ada.post(`${kAgents}/runs/${run}/approvals/${question}`, body);
async function wholeOf(run) {
  const events = await (await ada.events(run)).all();
  expectWhole(events);
  expectPaired(events);
  return events;
}
const inbox = async () => (await ada.get(`${kAgents}/approvals`)).json.approvals;

for (const env of ['cloud_shared', 'cloud_pool'])
  describe(env, { skip: env === 'cloud_pool' && noSandbox }, () => {
    const asking = { env, mode: 'COLLABORATIVE', tools: ['get_current_time'], approvals: [{ match: 'get_current_time' }] };
    async function waiting(fields) {
      const agent = await createAgent(ada, { ...asking, ...fields });
      const body = { agent_config_id: agent.id, message: 'Call the tool get_current_time with {}', stream: false };
      const answer = await ada.post(`${kAgents}/chat`, body);
      assert.equal(answer.status, 202, answer.text);
      return { agent, run: answer.json.run_id, session: answer.json.session_id, question: answer.json.approvals[0] };
    }

    test('its agent loses the tool meanwhile: the run keeps the version that it began with', async () => {
      const { agent, run, question } = await waiting();
      assert.equal((await ada.patch(`${kAgents}/configs/${agent.id}`, { tools: [] })).status, 200);
      assert.equal((await decide(run, question, { decision: 'approve' })).status, 200);
      assert.equal(results(await wholeOf(run))[0].metadata.is_error, false);
    });

    test('its agent is deleted meanwhile: the run has an end all the same', async () => {
      const { agent, run, question } = await waiting();
      assert.equal((await ada.delete(`${kAgents}/configs/${agent.id}`)).status, 200);
      await decide(run, question, { decision: 'deny' });
      await until('its end', async () => !['waiting', 'running'].includes((await ada.get(`${kAgents}/runs/${run}`)).json.state));
      await wholeOf(run);
      assert.ok(!(await inbox()).some(({ request_id }) => request_id === question));
    });

    test('its session is deleted: nothing is asked any more', async () => {
      const { run, session, question } = await waiting();
      assert.equal((await ada.delete(`${kAgents}/sessions/${session}`)).status, 200);
      assert.ok(!(await inbox()).some(({ request_id }) => request_id === question));
      const late = await decide(run, question, { decision: 'approve' });
      assert.ok([404, 409].includes(late.status), late.text);
    });

    test('its session is exported as it is, and a fork of it has no open call', async () => {
      const { run, session, question } = await waiting();
      const exported = await ada.get(`${kAgents}/sessions/${session}/export`);
      assert.equal(exported.status, 200, exported.text);
      assert.equal(exported.json.runs[0].run.state, 'waiting');
      assert.ok(exported.json.runs[0].events.some(({ type }) => type === 'hil_request'));
      const forked = await ada.post(`${kAgents}/sessions/${session}/fork`, {});
      if (forked.status === 200) {
        const next = await ada.chatAll({ session_id: forked.json.id, message: 'What is 20+3?' });
        assert.match(find(next, 'result').content, /\b23\b/);
      } else assert.equal(forked.status, 409, forked.text);
      await decide(run, question, { decision: 'deny' });
      await wholeOf(run);
    });

    test('of two decisions at once one counts, and both callers learn which', async () => {
      const { run, question } = await waiting();
      const [yes, no] = await Promise.all([
        decide(run, question, { decision: 'approve' }),
        decide(run, question, { decision: 'deny' }),
      ]);
      assert.deepEqual([yes.status, no.status].sort(), [200, 409]);
      const [result] = results(await wholeOf(run));
      assert.equal(result.metadata.is_error, no.status === 200);
    });

    test('a decision whose answer was lost is sent again, also after the run has ended', async () => {
      const { run, question } = await waiting();
      const first = await decide(run, question, { decision: 'approve' });
      await wholeOf(run);
      const second = await decide(run, question, { decision: 'approve' });
      assert.deepEqual([first.status, second.status], [200, 200]);
      assert.equal(second.json.decided_at, first.json.decided_at);
      assert.equal(results(await wholeOf(run)).length, 1, 'it ran once');
    });

    test('two sessions of one agent wait apart from each other', async () => {
      const first = await waiting();
      const body = { agent_config_id: first.agent.id, message: 'Call the tool get_current_time with {}', stream: false };
      const second = (await ada.post(`${kAgents}/chat`, body)).json;
      assert.equal((await decide(second.run_id, first.question, { decision: 'approve' })).status, 404);
      await decide(second.run_id, second.approvals[0], { decision: 'deny', text: 'not you' });
      assert.match(textOf(await wholeOf(second.run_id)), /not you/);
      assert.equal((await ada.get(`${kAgents}/runs/${first.run}`)).json.state, 'waiting');
      await decide(first.run, first.question, { decision: 'approve' });
      await wholeOf(first.run);
    });
  });
