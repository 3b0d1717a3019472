// The runs of teams as one user sees them: started, asked about, decided, and read to their end.
import assert from 'node:assert/strict';

import { expectPaired, expectWhole, raw } from './events.mjs';
import { EventStream } from './http.mjs';

export const isQuestion = ({ type }) => type === 'hil_request';
export const demo = (name, more = {}) => ({ name, model_id: 'builtin/demo', ...more });
export const asks = (name, more = {}) =>
  demo(name, { mode: 'COLLABORATIVE', tools: ['bash_execute'], approvals: [{ match: 'bash_execute' }], ...more });
export const plays = (name, script, more) => asks(name, { system_prompt: `You are ${name}. <script>${script}</script>`, ...more });
export const states = (tasks) => Object.fromEntries(tasks.map(({ task_id, state }) => [task_id, state]));
export const changes = (events) =>
  events
    .filter(({ metadata }) => metadata.event === 'dag_task')
    .map(({ metadata }) => `${metadata.task_id}:${metadata.state}`);

export function client(platform, user = 'ada') {
  const api = platform.as(user);
  const open = (body) =>
    EventStream.open(`${platform.endpoints.agent}/api/v1/agents/swarm/stream`, {
      method: 'POST',
      headers: { 'user-id': user },
      body: { prompt: 'Go.', ...body },
    });
  const tasks = (agents, list, more) => open({ env: 'cloud_pool', routing_type: 'dag', agents, tasks: list, ...more });
  // The events until so many questions were asked.
  const asked = async (stream, count = 1) =>
    (await stream).takeUntil((_, all) => all.filter(isQuestion).length === count);
  const decide = async (event, body, status = 200) => {
    const path = `/api/v1/agents/runs/${event.run_id}/approvals/${event.metadata.request_id}`;
    const answer = await api.post(path, body);
    assert.equal(answer.status, status, answer.text);
    return answer.json;
  };
  const rest = async (seen) => {
    const events = await (await api.events(seen[0].run_id)).all();
    assert.deepEqual(raw(events.slice(0, seen.length)), raw(seen), 'what was seen is still so');
    expectWhole(events);
    expectPaired(events);
    return events;
  };
  const inbox = async () => (await api.get('/api/v1/agents/approvals')).json.approvals;
  const run = async (seen) => (await api.get(`/api/v1/agents/runs/${seen[0].run_id}`)).json;
  const leave = (seen) => api.delete(`/api/v1/agents/sessions/${seen[0].session_id}`);
  return { api, open, tasks, asked, decide, rest, inbox, run, leave };
}
