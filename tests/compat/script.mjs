// A model by script, in both dialects: aimock answers what a test wrote down, by the last words of the user and by how
// many answers it has given since. What it was asked is in its journal.
import { createRequire } from 'node:module';

import { platformsKey } from './platform.mjs';

export const dialects = { openai: 'openai/gpt-4o-mini', anthropic: 'anthropic/claude-sonnet-4-5' };

// One answer with these calls: [name, arguments] each.
export const calls = (...list) => ({
  toolCalls: list.map(([name, args = {}]) => ({ name, arguments: JSON.stringify(args) })),
});
export const says = (content) => ({ content });

const textOf = (content) =>
  typeof content === 'string' ? content : (content ?? []).map(({ text }) => text ?? '').join('');

// The results of tools since the user spoke, as texts, oldest first.
const resultsIn = (messages) => messages.filter(({ role }) => role === 'tool').map(({ content }) => textOf(content));

// `scripts`: words of the user -> its answers in order. One that is a function is given the results so far. What no script
// knows is an answer nobody can overlook.
export async function startScripted(scripts) {
  const { LLMock } = createRequire(import.meta.url)('@copilotkit/aimock');
  const mock = new LLMock({ port: 0, host: '127.0.0.1', auth: { apiKeys: [platformsKey] } });
  mock.addFixture({
    match: { predicate: () => true },
    response: ({ messages }) => {
      const last = messages.findLastIndex(({ role }) => role === 'user');
      const asked = textOf(messages[last]?.content);
      const since = messages.slice(last + 1);
      const script = Object.entries(scripts).find(([words]) => asked.includes(words))?.[1];
      const step = script?.[since.filter(({ role }) => role === 'assistant').length];
      if (!step) return says(`[no script for ${JSON.stringify(asked)}]`);
      return typeof step === 'function' ? step(resultsIn(since)) : step;
    },
  });
  await mock.start();
  return mock;
}

// The last request that went to a model, as its provider would have got it.
export const lastRequest = (mock) => mock.getRequests().at(-1).body;
export const requestsWith = (mock, words) =>
  mock.getRequests().filter(({ body }) => JSON.stringify(body).includes(words));
