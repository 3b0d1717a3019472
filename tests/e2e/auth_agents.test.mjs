// Every route of the agent service x {nobody, its owner, another user, another role of the platform}. The original's reads
// asked for an id alone.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Contract } from '../contract/contract.mjs';
import { anybody, describeRoutes, mine, open } from './auth_table.mjs';
import { createAgent, noSandbox, Platform } from './harness.mjs';

const skip = noSandbox;
const kAgents = '/api/v1/agents';
const ids = {};
let platform;
before(async () => {
  if (skip) return;
  platform = await Platform.up();
  await platform.warm(1);
  await makeThings();
});
after(() => platform?.stopAndLeaveNothing());

const member = { name: 'a', model_id: 'builtin/demo' };
const sums = { message: 'What is 2+2?', stream: false };
const skill = (name) => ({ files: { 'SKILL.md': `---\nname: ${name}\ndescription: What it does.\n---\nHow.\n` } });
let count = 0;

// One of each kind, ada's.
async function makeThings() {
  const ada = platform.as('ada');
  const made = async (route, body, status = 200) => {
    const answer = await ada.post(`${kAgents}${route}`, body);
    assert.equal(answer.status, status, answer.text);
    return answer.json;
  };
  ids.agent = (await createAgent(ada)).id;
  const chat = await made('/chat', { agent_config_id: ids.agent, ...sums });
  Object.assign(ids, { session: chat.session_id, run: chat.run_id });
  ids.template = (await made('/templates', { id: 'adas', name: "Ada's", system_prompt: 'x' })).id;
  ids.skill = (await made('/skills', skill('adas'))).name;
  ids.team = (await made('/multi-specs', { name: 'T', routing_spec: { agents: [member] } })).id;
  const asking = { env: 'cloud_shared', mode: 'COLLABORATIVE', tools: ['get_current_time'], approvals: [{ match: '*' }] };
  const agent_config_id = (await createAgent(ada, asking)).id;
  const message = 'Call the tool get_current_time with {}';
  const waiting = await made('/chat', { agent_config_id, message, stream: false }, 202);
  Object.assign(ids, { waiting: waiting.run_id, question: waiting.approvals[0] });
  ids.proactive = (await createAgent(ada, { env: 'cloud_shared', mode: 'PROACTIVE' })).id;
  ids.trigger = (await made('/triggers', trigger())).id;
}
const trigger = (type = 'webhook') => ({ name: 't', prompt: 'x', agent_config_id: ids.proactive, type });

const make = {
  new_agent: async (ada) => (await createAgent(ada)).id,
  new_session: async (ada) => (await ada.post(`${kAgents}/sessions`, { agent_config_id: ids.agent })).json.id,
  new_skill: async (ada) => (await ada.post(`${kAgents}/skills`, skill(`s${++count}`))).json.name,
  new_template: async (ada) =>
    (await ada.post(`${kAgents}/templates`, { id: `t${++count}`, name: 'T', system_prompt: 'x' })).json.id,
  new_team: async (ada) =>
    (await ada.post(`${kAgents}/multi-specs`, { name: 'T', routing_spec: { agents: [member] } })).json.id,
  new_trigger: async (ada) => (await ada.post(`${kAgents}/triggers`, trigger())).json.id,
};

// Fills the {names} of a path: things that exist, and `new_` ones that are made for this one request.
async function fill(route) {
  let filled = route;
  for (const [mark, name] of route.matchAll(/\{(\w+)\}/g))
    filled = filled.replace(mark, ids[name] ?? (await make[name](platform.as('ada'))));
  return filled;
}

const refused = [401, 401, 401, 401];
const late = [401, 409, 404, 409]; // Of a run that is over: its owner is told so.
const routes = [
  ['GET', '/health', open],
  ['GET', '/ready', open],
  ['POST', '/query', anybody, { prompt: 'What is 2+2?' }],
  ['GET', '/templates', open],
  ['GET', '/templates/{template}', [404, 200, 404, 200]],
  ['POST', '/templates', [401, ...Array(3).fill([200, 409])], { id: 'some', name: 'T', system_prompt: 'x' }],
  ['PUT', '/templates/{template}', mine, { name: "Ada's again", system_prompt: 'y' }],
  ['DELETE', '/templates/{new_template}', mine],
  ['DELETE', '/templates/researcher', [401, ...Array(3).fill([403, 404, 409])]],
  ['GET', '/configs', anybody],
  ['POST', '/configs', anybody, { name: 'New', model_id: 'builtin/demo' }],
  ['GET', '/configs/{agent}', mine],
  ['PATCH', '/configs/{agent}', mine, { description: 'changed' }],
  ['DELETE', '/configs/{new_agent}', mine],
  ['GET', '/configs/{agent}/versions', mine],
  ['GET', '/configs/{agent}/versions/1', mine],
  ['POST', '/configs/{agent}/rollback', mine, { version: 1 }],
  ['GET', '/configs/{agent}/audit', mine],
  ['GET', '/configs/{agent}/memories', mine],
  ['DELETE', '/configs/{agent}/memories', mine],
  ['GET', '/skills', open],
  ['POST', '/skills', [401, ...Array(3).fill([200, 409])], skill('some')],
  // A skill is found by a name among one's own; the platform has none.
  ['GET', '/skills/{skill}', [404, 200, 404, 404]],
  ['PUT', '/skills/{skill}', [401, 200, 404, 404], skill('adas')],
  ['DELETE', '/skills/{new_skill}', [401, 200, 404, 404]],
  ['POST', '/chat', mine, () => ({ agent_config_id: ids.agent, ...sums })],
  ['POST', '/chat', [401, 200, 404, 404], () => ({ session_id: ids.session, ...sums })],
  ['GET', '/multi-specs', anybody],
  ['POST', '/multi-specs', anybody, { name: 'New', routing_spec: { agents: [member] } }],
  ['GET', '/multi-specs/{team}', mine],
  ['PATCH', '/multi-specs/{team}', mine, { description: 'changed' }],
  ['DELETE', '/multi-specs/{new_team}', mine],
  ['GET', '/multi-specs/{team}/versions', mine],
  ['GET', '/multi-specs/{team}/versions/1', mine],
  ['POST', '/multi-specs/{team}/rollback', mine, { version: 1 }],
  ['POST', '/swarm', [401, 200, 404, 200], () => ({ prompt: 'What is 2+2?', multi_agent_id: ids.team })],
  ['POST', '/swarm/stream', [401, 200, 404, 200], () => ({ prompt: 'What is 2+2?', multi_agent_id: ids.team })],
  ['POST', '/swarm/dag', anybody, { prompt: 'x', agents: [member], tasks: [{ id: 't', title: 'What is 1+1?' }] }],
  ['GET', '/sessions', anybody],
  ['POST', '/sessions', mine, () => ({ agent_config_id: ids.agent })],
  ['GET', '/sessions/{session}', mine],
  ['DELETE', '/sessions/{new_session}', mine],
  ['GET', '/sessions/{session}/messages', mine],
  ['GET', '/sessions/{session}/runs', mine],
  ['GET', '/sessions/{session}/queue', mine],
  ['GET', '/sessions/{session}/export', mine],
  ['POST', '/sessions/{session}/fork', mine, {}],
  ['GET', '/runs/{run}', mine],
  ['GET', '/runs/{run}/events', mine],
  ['PATCH', '/runs/{run}', late, { message: 'x' }],
  ['POST', '/runs/{run}/steer', late, { message: 'x' }],
  ['POST', '/runs/{run}/cancel', [401, [200, 202, 409], 404, [200, 202, 409]]],
  ['GET', '/approvals', anybody],
  ['GET', '/approvals/allowances', anybody],
  ['GET', '/runs/{waiting}/approvals', mine],
  ['POST', '/runs/{waiting}/approvals/{question}', mine, { decision: 'deny' }],
  ['POST', '/runs/{run}/approvals/{question}', [401, 404, 404, 404], { decision: 'deny' }],
  ['DELETE', '/approvals/allowances/none', [401, 404, 404, 404]],
  ['GET', '/triggers', anybody],
  ['POST', '/triggers', [401, 200, 404, 404], () => trigger()],
  ['GET', '/triggers/{trigger}', mine],
  ['PATCH', '/triggers/{trigger}', mine, { name: 'changed' }],
  ['DELETE', '/triggers/{new_trigger}', mine],
  ['POST', '/triggers/{trigger}/fire', mine, {}],
  ['GET', '/triggers/{trigger}/firings', mine],
  ['POST', '/events', anybody, { type: 'nothing-listens-to-this', data: {} }],
  ['POST', '/hooks/{trigger}', refused, '{}'], // Its secret is who may, and nobody of these has it.
];
const isBare = (route) => /^\/(health|ready|query)$/.test(route);
const table = routes.map(([method, route, ...more]) => [method, isBare(route) ? route : kAgents + route, ...more]);

describeRoutes('agent', table, { skip, address: () => platform.endpoints.agent, fill });

test('no route of the agent service is left out', () => {
  const shape = (title) => title.replace(/\{\w+\}/g, '*').replace(/\/(1|none|researcher)$/, '/*');
  const tested = new Set(table.map(([method, route]) => shape(`${method} ${route}`)));
  const titles = new Contract('agent').operations.map(({ title }) => title);
  const ofItsOwn = titles.filter((title) => /\/api\/|\/query$/.test(title));
  assert.ok(ofItsOwn.length > 50);
  assert.deepEqual(ofItsOwn.filter((title) => !tested.has(shape(title))), []);
});

test('an inbox, a list and an export hold nothing of others', { skip }, async () => {
  const bob = platform.as('bob');
  for (const [route, field] of [
    ['/approvals?state=all', 'approvals'],
    ['/approvals/allowances', 'allowances'],
    ['/triggers', 'triggers'],
  ])
    assert.deepEqual((await bob.get(kAgents + route)).json[field], [], route);
  const teams = (await bob.get(`${kAgents}/multi-specs?limit=200`)).json.multi_specs;
  assert.ok(teams.every(({ owner_id: owner }) => owner === 'bob'));
  const sessions = (await bob.get(`${kAgents}/sessions?limit=200`)).json.sessions;
  assert.ok(!sessions.some(({ id }) => id === ids.session));
  const heard = await bob.post(`${kAgents}/events`, { type: 'webhook', data: {} });
  assert.deepEqual(heard.json.triggers, [], 'an event of one user concerns no trigger of another');
});
