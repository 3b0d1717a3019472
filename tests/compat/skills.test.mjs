// A skill is chosen, read and followed by models that speak real dialects: its name and description are all that they are
// shown at first, the rest comes by their own calls.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { createAgent, noSandbox, Platform } from '../e2e/harness.mjs';
import { expectPaired, expectWhole, results, systemEvent, textOf } from '../e2e/events.mjs';
import { zipOf } from '../e2e/zips.mjs';
import { upstreamSettings } from './platform.mjs';
import { calls, dialects, lastRequest, requestsWith, says, startScripted } from './script.mjs';

const body = 'Run scripts/brew.sh with the sort of tea, as the secret recipe says.';
const folderOf = (text) => /Its folder in your workspace: (\S+)/.exec(text)?.[1];
const scripts = {
  'brew green tea': [
    calls(['use_skill', { name: 'brewing' }]),
    ([skill]) => calls(['use_skill', { name: 'brewing', file: 'references/times.md' }], ['bash_execute', { command: `${folderOf(skill)}/scripts/brew.sh green` }]),
    ([, times, brewed]) => says(`${times.trim()} ${brewed}`),
  ],
  'read about tea': [calls(['use_skill', { name: 'brewing' }]), ([skill]) => says(skill)],
  'use another skill': [calls(['use_skill', { name: '../../etc' }], ['use_skill', { name: 'security-audit' }]), (all) => says(`${all.length} refused`)],
};

let mock, platform, ada;
before(async () => {
  mock = await startScripted(scripts);
  platform = await Platform.up({ settings: { ...upstreamSettings(mock), ...(noSandbox && { 'pool.agent.warm': '0' }) } });
  ada = platform.as('ada');
  const zip = zipOf([
    { path: 'brewing/SKILL.md', content: `---\nname: brewing\ndescription: How to brew each sort of tea.\n---\n${body}\n` },
    { path: 'brewing/scripts/brew.sh', content: '#!/bin/sh\necho "a cup of $1 tea"\n' },
    { path: 'brewing/references/times.md', content: 'Green: 2 minutes.\n' },
  ]);
  const made = await ada.post('/api/v1/agents/skills', zip, { 'Content-Type': 'application/zip' });
  assert.equal(made.status, 200, made.text);
});
after(async () => {
  await platform?.stopAndLeaveNothing();
  await mock?.stop();
});

async function chat(agent, message) {
  const events = await ada.chatAll({ agent_config_id: agent.id, message });
  expectWhole(events);
  expectPaired(events);
  return events;
}

for (const [dialect, model_id] of Object.entries(dialects)) {
  test(`${dialect}: the model reads a skill, a file of it, and runs its script`, { skip: noSandbox }, async () => {
    const agent = await createAgent(ada, { model_id, skills: ['brewing', 'code'], tools: ['bash_execute'] });
    const seen = mock.getRequests().length;
    const events = await chat(agent, 'brew green tea');
    assert.match(textOf(events), /Green: 2 minutes\. .*a cup of green tea/);
    assert.ok(results(events).every(({ metadata }) => !metadata.is_error));
    // The name and description at once, the body only after it was asked for, no other skill's at all.
    const [first, ...later] = mock.getRequests().slice(seen).map((request) => JSON.stringify(request.body));
    assert.match(first, /How to brew each sort of tea/);
    assert.doesNotMatch(first, /secret recipe/);
    assert.match(later[0], /secret recipe/);
  });

  test(`${dialect}: in cloud_shared the body is read, and there is nothing to run`, async () => {
    const agent = await createAgent(ada, { model_id, env: 'cloud_shared', skills: ['brewing'], tools: ['bash_execute'] });
    const events = await chat(agent, 'read about tea');
    assert.match(textOf(events), /secret recipe/);
    assert.doesNotMatch(textOf(events), /Its folder/);
    assert.deepEqual(systemEvent(events, 'tools.unavailable').metadata.tools, ['bash_execute']);
    assert.deepEqual(lastRequest(mock).tools.map((tool) => tool.function?.name ?? tool.name), ['use_skill']);
  });

  for (const env of ['cloud_shared', 'cloud_pool'])
    test(`${dialect}: a skill that the agent does not list is not there (${env})`, { skip: env === 'cloud_pool' && noSandbox }, async () => {
      const agent = await createAgent(ada, { model_id, env, skills: ['brewing'] });
      const events = await chat(agent, 'use another skill');
      assert.deepEqual(results(events).map(({ metadata }) => metadata.is_error), [true, true]);
      assert.equal(textOf(events), '2 refused');
      assert.equal(requestsWith(mock, 'root:x:0').length, 0);
    });
}
