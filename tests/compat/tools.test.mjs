// Tools whose effect outlives one call, used by models that speak real dialects: background shells, memory, files; and
// what a model is shown and told, however short a message is.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createAgent, noSandbox } from '../e2e/harness.mjs';
import { expectPaired, expectWhole, results, systemEvent, textOf } from '../e2e/events.mjs';
import { calls, dialects, lastRequest, requestsWith, says } from './script.mjs';
import { ada, killAndStart, mock, useScripts } from './scripted.mjs';

const idOf = (result) => JSON.parse(result).shell_id;
const scripts = {
  'start the server': [
    calls(['bash_execute', { command: 'echo listening; until test -e stop; do sleep 0.05; done; echo stopped', run_in_background: true }]),
    ([started]) => calls(['bash_output', { shell_id: idOf(started), wait: 20 }]),
    ([, output]) => says(output),
  ],
  'stop the server': [
    calls(['list_shells']),
    ([list]) => calls(['write_file', { file_path: 'stop', content: '' }], ['bash_output', { shell_id: JSON.parse(list).shells[0].shell_id, wait: 20 }]),
    (all) => says(all.at(-1)),
  ],
  'kill it': [
    calls(['bash_execute', { command: 'sleep 1000', run_in_background: true }]),
    ([started]) => calls(['kill_shell', { shell_id: idOf(started) }]),
    ([, killed]) => says(killed),
  ],
  'remember the cat': [calls(['memory_store', { content: 'The cat is called Minka.', key: 'cat', tags: ['pets'] }]), () => says('I will.')],
  'who is the cat': [calls(['memory_search', { query: 'cat' }]), ([found]) => says(JSON.parse(found).results[0].content)],
  'edit the file': [
    calls(['write_file', { file_path: 'a/b.txt', content: 'one\ntwo\n' }]),
    () => calls(['edit_file', { file_path: 'a/b.txt', old_string: 'two', new_string: 'zwei "ü" 🙂' }]),
    () => calls(['read_file', { file_path: 'a/b.txt' }], ['grep_search', { pattern: 'zwei' }], ['glob_files', { pattern: '**/*.txt' }], ['ls_directory', { path: 'a' }]),
    (all) => says(`${all.length} results`),
  ],
  'use what you lack': [calls(['bash_execute', { command: 'echo ran' }]), ([refused]) => says(refused)],
  'bad arguments': [
    calls(['get_current_time', { timezone: 5 }]),
    ([refused]) => (refused.includes('timezone') ? calls(['get_current_time', { timezone: 'Mars/Base' }]) : says(refused)),
    ([, refused]) => says(refused),
  ],
};
// The original answered these itself, without tools, because "hi", "no" or "ok" stands somewhere in them.
const short = ['hi', 'which', 'nothing', 'ok', 'no, wait', 'think', 'thanks'];
for (const word of short) scripts[`${word}.`] = [calls(['get_current_time']), () => says(`It is late (${word}).`)];

useScripts(scripts);

async function conversation(model_id, tools, fields = {}) {
  const agent = await createAgent(ada, { model_id, tools, ...fields });
  let session_id;
  return async (message) => {
    const events = await ada.chatAll({ agent_config_id: agent.id, session_id, message });
    session_id = events[0].session_id;
    expectWhole(events);
    expectPaired(events);
    return events;
  };
}

for (const [dialect, model_id] of Object.entries(dialects)) {
  test(`${dialect}: a background shell is read in its turn and in the next one`, { skip: noSandbox }, async () => {
    const say = await conversation(model_id, ['bash_execute', 'bash_output', 'kill_shell', 'list_shells', 'write_file']);
    const started = JSON.parse(textOf(await say('start the server')));
    assert.deepEqual([started.status, started.stdout], ['running', 'listening\n']);
    const ended = textOf(await say('stop the server'));
    assert.match(ended, /stopped/);
    const killed = JSON.parse(textOf(await say('kill it')));
    assert.equal(killed.status, 'killed');
  });

  for (const env of ['cloud_shared', 'cloud_pool'])
    test(`${dialect}: what is remembered is found in the next turn, over kill -9 (${env})`, { skip: env === 'cloud_pool' && noSandbox }, async () => {
      const say = await conversation(model_id, ['memory_store', 'memory_search'], { env });
      assert.equal(textOf(await say('remember the cat')), 'I will.');
      await killAndStart();
      assert.equal(textOf(await say('who is the cat')), 'The cat is called Minka.');
    });

  test(`${dialect}: files are written, edited, and read by four calls at once`, { skip: noSandbox }, async () => {
    const say = await conversation(model_id, ['write_file', 'edit_file', 'read_file', 'grep_search', 'glob_files', 'ls_directory']);
    const events = await say('edit the file');
    assert.equal(textOf(events), '6 results');
    assert.ok(results(events).every(({ metadata }) => !metadata.is_error), JSON.stringify(results(events)));
    assert.match(results(events)[2].content, /zwei "ü" 🙂/);
    assert.match(JSON.stringify(lastRequest(mock)), /zwei .{1,3}ü.{1,3} 🙂/);
  });

  test(`${dialect}: a tool that is not on the list is not run, though its model asks for it`, { skip: noSandbox }, async () => {
    const say = await conversation(model_id, ['read_file']);
    const events = await say('use what you lack');
    assert.equal(results(events)[0].metadata.is_error, true);
    assert.doesNotMatch(textOf(events), /^ran/);
    assert.match(textOf(events), /bash_execute/);
    assert.deepEqual(lastRequest(mock).tools.map((tool) => tool.function?.name ?? tool.name), ['read_file']);
  });

  test(`${dialect}: arguments that are wrong are the model's to mend`, async () => {
    const say = await conversation(model_id, ['get_current_time'], { env: 'cloud_shared' });
    const events = await say('bad arguments');
    assert.deepEqual(results(events).map(({ metadata }) => metadata.is_error), [true, true]);
    assert.match(textOf(events), /Mars\/Base/);
  });

  for (const word of short)
    test(`${dialect}: "${word}" goes to the model with all its tools`, async () => {
      const say = await conversation(model_id, ['get_current_time'], { env: 'cloud_shared' });
      const events = await say(`${word}.`);
      assert.equal(textOf(events), `It is late (${word}).`);
      assert.equal(results(events).length, 1);
      assert.ok(requestsWith(mock, `"${word}."`).every(({ body }) => body.tools.length === 1));
    });

  test(`${dialect}: in cloud_shared the tools that need a sandbox are named and not shown`, async () => {
    const tools = ['bash_execute', 'create_plan', 'bash_output', 'get_current_time'];
    const say = await conversation(model_id, tools, { env: 'cloud_shared' });
    const events = await say('use what you lack');
    assert.deepEqual(systemEvent(events, 'tools.unavailable').metadata.tools, tools.slice(0, 3));
    assert.deepEqual(lastRequest(mock).tools.map((tool) => tool.function?.name ?? tool.name), ['get_current_time']);
    assert.equal(results(events)[0].metadata.is_error, true);
  });
}
