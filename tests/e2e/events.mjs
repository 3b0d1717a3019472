// What the events of a run say, and what must hold for every run.
import assert from 'node:assert/strict';

export const types = (events) => events.map(({ type }) => type);
export const raw = (events) => events.map(({ data }) => data);
export const find = (events, type) => events.find((event) => event.type === type);
export const results = (events) => events.filter(({ type }) => type === 'tool_result');
export const texts = (events) => events.filter(({ type }) => type === 'text');
export const textOf = (events) =>
  texts(events)
    .map(({ content }) => content)
    .join('');
export const systemEvent = (events, name) =>
  events.find(({ type, metadata }) => type === 'system' && metadata.event === name);

// The types in order, a row of the same type counted once.
export const outline = (events) => types(events).filter((type, index, all) => type !== all[index - 1]);

// seq without holes, exactly one terminal event, exactly one session_end, and these two come last.
export function expectWhole(events) {
  assert.deepEqual(
    events.map(({ seq }) => seq),
    events.map((_, index) => index + 1),
    'seq has no holes',
  );
  const run = events[0].run_id;
  assert.deepEqual(
    events.map(({ id }) => id),
    events.map(({ seq }) => `${run}:${seq}`),
  );
  const count = (...wanted) => types(events).filter((type) => wanted.includes(type)).length;
  assert.equal(count('result', 'error'), 1, `one terminal event in ${types(events)}`);
  assert.equal(count('session_start'), 1);
  assert.equal(count('session_end'), 1);
  assert.equal(events[0].type, 'session_start');
  assert.match(events.at(-2).type, /^(result|error)$/);
  assert.equal(events.at(-1).type, 'session_end');
}

// Every tool_use has exactly one tool_result, after it, and no result comes from nowhere.
export function expectPaired(events) {
  const open = new Map();
  for (const { type, metadata, seq } of events) {
    if (type === 'tool_use') {
      assert.ok(!open.has(metadata.tool_use_id), 'a tool_use_id is used once');
      open.set(metadata.tool_use_id, metadata.tool);
    } else if (type === 'tool_result') {
      assert.equal(open.get(metadata.tool_use_id), metadata.tool, `tool_result ${seq} answers a tool_use`);
      open.delete(metadata.tool_use_id);
    }
  }
  assert.deepEqual([...open], [], 'every tool_use was answered');
}
