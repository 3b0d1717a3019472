// The official clients inside of a sandbox, unmodified and unconfigured: what they find in their environment is
// enough, and no key of anybody is in it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { results } from '../e2e/events.mjs';
import { createAgent, noSandbox, Platform } from '../e2e/harness.mjs';

// A sandbox sees the host's /usr and nothing else of it.
const noNode = spawnSync('/usr/bin/node', ['--version']).status === 0 ? false : 'there is no /usr/bin/node';
const skip = noSandbox || noNode;
const modules = path.join(path.dirname(fileURLToPath(import.meta.url)), 'node_modules');

const program = `
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
const messages = [{ role: 'user', content: 'count to 20' }];
const model = 'builtin/demo';
const said = {};
const openai = new OpenAI();
const plain = await openai.chat.completions.create({ model, messages });
said.openai = plain.choices[0].message.content;
let deltas = 0;
const chat = openai.chat.completions.stream({ model, messages });
chat.on('content', () => ++deltas);
said.openaiStreamed = (await chat.finalChatCompletion()).choices[0].message.content;
said.openaiDeltas = deltas;
const anthropic = new Anthropic();
const message = await anthropic.messages.create({ model, max_tokens: 200, messages });
said.anthropic = message.content[0].text;
deltas = 0;
const stream = anthropic.messages.stream({ model, max_tokens: 200, messages });
stream.on('text', () => ++deltas);
said.anthropicStreamed = await stream.finalText();
said.anthropicDeltas = deltas;
said.keys = [process.env.OPENAI_API_KEY, process.env.ANTHROPIC_API_KEY];
console.log(JSON.stringify(said));
`;

let platform;
before(async () => {
  if (!skip) platform = await Platform.up({ settings: { 'pool.agent.warm': '1' } });
});
after(() => platform?.stopAndLeaveNothing());

// Where the workspace of the sandbox that has this file is kept outside.
function workspaceWith(file) {
  const sandboxes = path.join(platform.dataDir, 'sandboxes');
  const found = fs
    .readdirSync(sandboxes)
    .map((name) => path.join(sandboxes, name, 'workspace'))
    .filter((folder) => fs.existsSync(path.join(folder, file)));
  assert.equal(found.length, 1);
  return found[0];
}

test('openai and @anthropic-ai/sdk reach the models from a sandbox', { skip }, async () => {
  const user = platform.as('ada');
  const agent = await createAgent(user, { tools: ['bash_execute'] });
  const first = await user.chatAll({ agent_config_id: agent.id, message: 'Run the command `touch here`' });
  const workspace = workspaceWith('here');
  for (const name of ['openai', '@anthropic-ai/sdk'])
    fs.cpSync(path.join(modules, name), path.join(workspace, 'node_modules', name), { recursive: true });
  for (const name of dependencies(['openai', '@anthropic-ai/sdk']))
    fs.cpSync(path.join(modules, name), path.join(workspace, 'node_modules', name), { recursive: true });
  fs.writeFileSync(path.join(workspace, 'ask.mjs'), program);

  const events = await user.chatAll({
    agent_config_id: agent.id,
    session_id: first[0].session_id,
    message: 'Run the command `node ask.mjs`',
  });

  const { stdout, stderr } = JSON.parse(results(events)[0].content);
  const said = JSON.parse(stdout || JSON.stringify({ stderr }));
  for (const name of ['openai', 'openaiStreamed', 'anthropic', 'anthropicStreamed'])
    assert.match(said[name] ?? said.stderr, /^1 2 3 .* 20$/, name);
  assert.equal(said.openaiDeltas, 20);
  assert.ok(said.anthropicDeltas > 1);
  for (const key of said.keys) assert.match(key, /^isa-placeholder-/);
});

// Everything that those packages need besides.
function dependencies(names, known = new Set()) {
  for (const name of names) {
    const { dependencies: wanted = {} } = JSON.parse(
      fs.readFileSync(path.join(modules, name, 'package.json'), 'utf8'),
    );
    const fresh = Object.keys(wanted).filter((one) => !known.has(one));
    fresh.forEach((one) => known.add(one));
    dependencies(fresh, known);
  }
  return known;
}
