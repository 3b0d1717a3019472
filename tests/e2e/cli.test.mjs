// The client commands of the program, as a person in a shell meets them.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { createAgent, noSandbox, Platform, run, temporaryFolder, until } from './harness.mjs';

const skip = noSandbox;

let platform;
before(async () => {
  if (skip) return;
  platform = await Platform.up({ settings: { 'pool.agent.warm': '1' } });
});
after(() => platform?.stopAndLeaveNothing());

// A command against the platform of this file, found by its data directory.
const isa = (args, options) => run([...args, '--data-dir', platform.dataDir], options);
const isaAs = (user, args) => isa([...args, '--user', user]);

function expectDone({ status, stdout, stderr }) {
  assert.equal(status, 0, `${stderr}\n${stdout}`);
  return stdout;
}

function expectRefusal({ status, stderr }, ...words) {
  assert.ok(status > 0 && status !== 70, `status ${status}: ${stderr}`);
  assert.match(stderr, /^isa: /m);
  for (const word of words) assert.match(stderr, word);
}

describe('agents', { skip }, () => {
  test('none yet: the list says how to make one', async () => {
    assert.match(expectDone(await isaAs('new', ['agents', 'list'])), /isa agents create/);
    assert.deepEqual(JSON.parse(expectDone(await isaAs('new', ['agents', 'list', '--json']))), []);
  });

  test('one is created, listed, shown and deleted by its name', async () => {
    const made = JSON.parse(
      expectDone(
        await isaAs('cli', [
          'agents',
          'create',
          'Helper',
          '--model',
          'builtin/demo',
          '--prompt',
          'Be kind.',
          '--tools',
          'read_file,write_file',
        ]),
      ),
    );
    assert.equal(made.owner_id, 'cli');
    assert.deepEqual(made.tools, ['read_file', 'write_file']);

    assert.match(
      expectDone(await isaAs('cli', ['agents', 'list'])),
      new RegExp(`${made.id}\\s+Helper\\s+builtin/demo\\s+cloud_pool`),
    );
    assert.deepEqual(JSON.parse(expectDone(await isaAs('cli', ['agents', 'show', 'Helper']))), made);
    assert.deepEqual(JSON.parse(expectDone(await isaAs('cli', ['agents', 'show', made.id]))), made);

    assert.match(expectDone(await isaAs('cli', ['agents', 'delete', 'Helper'])), new RegExp(made.id));
    expectRefusal(await isaAs('cli', ['agents', 'show', made.id]), /not|no agent/);
  });

  test('one is created from a template', async () => {
    const made = JSON.parse(
      expectDone(
        await isaAs('cli', [
          'agents',
          'create',
          'Searcher',
          '--template',
          'researcher',
          '--mode',
          'REACTIVE',
        ]),
      ),
    );
    assert.equal(made.source, 'template');
    assert.deepEqual(made.skills, ['web']);
    assert.equal(made.mode, 'REACTIVE');
  });

  test('what the platform refuses is said in its words', async () => {
    expectRefusal(await isaAs('cli', ['agents', 'create', 'X', '--tools', 'make_coffee']), /make_coffee/);
    expectRefusal(await isaAs('cli', ['agents', 'create', 'X', '--template', 'none']), /none/);
    expectRefusal(await isaAs('cli', ['agents', 'create', 'X', '--mode', 'EAGER']), /EAGER|REACTIVE/);
    expectRefusal(await isaAs('cli', ['agents', 'show', 'Nobody']), /Nobody/, /isa agents list/);
    expectRefusal(await isaAs('cli', ['agents', 'delete', 'Nobody']), /Nobody/);
  });

  test('a name that two agents bear is not guessed', async () => {
    const twins = platform.as('twin');
    await createAgent(twins, { name: 'Twin' });
    await createAgent(twins, { name: 'Twin' });
    expectRefusal(await isaAs('twin', ['agents', 'show', 'Twin']), /several/, /id/);
  });

  test('without --user it is the user of the system', async () => {
    const made = JSON.parse(expectDone(await isa(['agents', 'create', 'Own', '--model', 'builtin/demo'])));
    assert.equal(made.owner_id, os.userInfo().username);
    const named = JSON.parse(
      expectDone(
        await isa(['agents', 'create', 'Own', '--model', 'builtin/demo'], { env: { ISA_USER: 'from-env' } }),
      ),
    );
    assert.equal(named.owner_id, 'from-env');
  });
});

describe('chat', { skip }, () => {
  before(() => createAgent(platform.as('cli'), { name: 'Talker', tools: ['bash_execute'] }));

  test('the answer is printed as text', async () => {
    assert.match(expectDone(await isaAs('cli', ['chat', 'Talker', 'What is 2+2?'])), /\b4\b/);
  });

  test('what the agent does is told apart from what it says', async () => {
    const { status, stdout, stderr } = await isaAs('cli', [
      'chat',
      'Talker',
      'Run the command `echo $((6*7))`',
    ]);
    assert.equal(status, 0, stderr);
    assert.match(stderr, /> bash_execute/);
    assert.match(stdout, /42/);
    assert.doesNotMatch(stdout, /> bash_execute/);
  });

  test('with --json the events come as lines', async () => {
    const events = expectDone(await isaAs('cli', ['chat', 'Talker', 'What is 2+2?', '--json']))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.equal(events[0].type, 'session_start');
    assert.equal(events.at(-1).type, 'session_end');

    const more = expectDone(
      await isaAs('cli', ['chat', 'Talker', 'What is 2+3?', '--json', '--session', events[0].session_id]),
    )
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.equal(more[0].session_id, events[0].session_id);
  });

  test('an agent that is not there, a session of another, a model without its key: in words', async () => {
    expectRefusal(await isaAs('cli', ['chat', 'Nobody', 'hi']), /Nobody/);
    const bobs = (await platform.as('bob').post('/api/v1/agents/sessions', {})).json.id;
    expectRefusal(await isaAs('cli', ['chat', 'Talker', 'hi', '--session', bobs]), /session/);
    await createAgent(platform.as('cli'), { name: 'Real', model_id: 'gpt-4o-mini' });
    expectRefusal(await isaAs('cli', ['chat', 'Real', 'hi']), /OPENAI_API_KEY|model\.openai\.api_key/);
  });

  test('a message that is missing is asked for', async () => {
    const { status, stderr, stdout } = await isaAs('cli', ['chat', 'Talker']);
    assert.ok(status > 0);
    assert.match(stderr + stdout, /message/);
  });
});

describe('the platform', { skip }, () => {
  test('pools stats prints the pool', async () => {
    const stats = JSON.parse(expectDone(await isa(['pools', 'stats'])));
    assert.equal(stats.pool_type, 'agent');
    assert.equal(stats.target_warm, 1);
    expectRefusal(await isa(['pools', 'stats', 'swimming']), /swimming/);
  });

  test('--url and ISA_URL find it too', async () => {
    const nowhere = ['--data-dir', temporaryFolder(), '--user', 'cli'];
    expectDone(await run(['agents', 'list', '--url', platform.endpoints.agent, ...nowhere]));
    expectDone(await run(['agents', 'list', ...nowhere], { env: { ISA_URL: platform.endpoints.agent } }));
  });

  test('when none runs, it says how to start one', async () => {
    expectRefusal(await run(['agents', 'list', '--url', 'http://127.0.0.1:1']), /127\.0\.0\.1:1\b/, /isa up/);
    expectRefusal(await run(['agents', 'list', '--url', 'not a url']), /url|not a url/i);
  });
});

test('up says where to go, on standard output, and logs JSON lines on standard error', { skip }, () => {
  const lines = platform.log().trim().split('\n');
  const logs = lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
  assert.ok(logs.length > 0);
  for (const entry of logs)
    for (const field of ['time', 'level', 'event']) assert.ok(entry[field], JSON.stringify(entry));
  assert.ok(
    lines
      .filter((line) => !line.startsWith('{'))
      .join('\n')
      .includes(platform.endpoints.agent),
    platform.log(),
  );
});

test('config shows every setting in force, explains it, and hides secrets', async () => {
  const folder = temporaryFolder();
  const shown = expectDone(
    await run([
      'config',
      '--data-dir',
      folder,
      '--set',
      'pool.agent.warm=7',
      '--set',
      'auth.internal_secret=hush-hush',
    ]),
  );
  assert.match(shown, /^pool\.agent\.warm: 7$/m);
  assert.match(shown, new RegExp(`^data_dir: ${folder}$`, 'm'));
  assert.doesNotMatch(shown, /hush-hush/);

  const explained = expectDone(
    await run(['config', '--explain'], { env: { ISA_MODEL_OPENAI_API_KEY: 'sk-hush' } }),
  );
  assert.match(explained, /^# .*ISA_POOL_AGENT_WARM/m);
  assert.doesNotMatch(explained, /sk-hush/);
});

test('doctor says what this machine can do', { skip }, async () => {
  const { status, stdout, stderr } = await run(['doctor', '--data-dir', path.join(temporaryFolder(), 'd')]);
  assert.equal(status, 0, stdout + stderr);
  assert.match(stdout, /bubblewrap/);
  assert.match(stdout, /control groups/);
  assert.match(stdout, /seccomp/);
  const subjects = stdout.split('\n').map((line) => line.slice(6, 29).trim()).filter(Boolean);
  assert.deepEqual([...new Set(subjects)], subjects, 'each thing is looked at once');
});

test('help and version are there', async () => {
  const help = expectDone(await run(['--help']));
  for (const command of ['up', 'serve', 'chat', 'agents', 'pools', 'doctor', 'config'])
    assert.match(help, new RegExp(`^  ${command}\\b`, 'm'));
  assert.match(expectDone(await run(['--version'])), /\d+\.\d+\.\d+/);
});

describe('one shot from a manifest, and questions', { skip }, () => {
  const manifest = (text) => {
    const file = path.join(temporaryFolder(), 'clerk.yaml');
    fs.writeFileSync(file, text);
    return file;
  };

  test('an agent runs once and leaves nothing behind', async () => {
    const file = manifest('model_id: builtin/demo\nenv: cloud_shared\nmessage: say "from a file"\n');
    assert.match(expectDone(await isaAs('eve', ['run', file])), /from a file/);
    assert.match(expectDone(await isaAs('eve', ['run', file, 'say "from the shell"'])), /from the shell/);
    const lines = expectDone(await isaAs('eve', ['run', file, '--json'])).trim().split('\n').map((line) => JSON.parse(line));
    assert.equal(lines.at(-1).type, 'session_end');
    assert.deepEqual(JSON.parse(expectDone(await isaAs('eve', ['agents', 'list', '--json']))), []);
  });

  test('a team runs once', async () => {
    const file = manifest(
      'message: Sum.\nagents:\n  - {name: a, model_id: builtin/demo}\n' +
        'tasks:\n  - {id: t, agent: a, title: "What is 20+2?"}\n',
    );
    assert.match(expectDone(await isaAs('eve', ['run', file])), /22/);
  });

  test('a manifest that cannot be read, or says nothing, is said', async () => {
    expectRefusal(await isaAs('eve', ['run', manifest('a: [1')]), /clerk\.yaml|line/);
    expectRefusal(await isaAs('eve', ['run', manifest('model_id: builtin/demo\n')]), /message/);
    expectRefusal(await isaAs('eve', ['run', manifest('colour: blue\nmessage: hi\n')]), /colour/);
  });

  test('a question is listed and answered from another shell', async () => {
    const file = manifest(
      'model_id: builtin/demo\nenv: cloud_shared\nmode: COLLABORATIVE\ntools: [ask_human]\n' +
        `message: 'Call the tool ask_human with {"question":"Which colour?"}'\n`,
    );
    const asked = isaAs('eve', ['run', file]);
    const [question] = await until('the question', async () => {
      const list = JSON.parse(expectDone(await isaAs('eve', ['approvals', 'list', '--json'])));
      return list.length > 0 && list;
    });
    assert.match(expectDone(await isaAs('eve', ['approvals', 'list'])), /Which colour\?/);
    expectRefusal(await isaAs('mallory', ['approvals', 'approve', question.request_id, '--text', 'x']), /no question/);
    expectRefusal(await isaAs('eve', ['approvals', 'approve', question.request_id]), /\/text/);
    expectDone(await isaAs('eve', ['approvals', 'approve', question.request_id, '--text', 'blue']));
    assert.match(expectDone(await asked), /blue/);
    assert.match(expectDone(await isaAs('eve', ['approvals', 'list'])), /Nothing waits/);
  });

  test('what was allowed for good is listed and taken back', async () => {
    assert.match(expectDone(await isaAs('eve', ['approvals', 'allowances'])), /allowed nothing for good/);
    const file = manifest(
      'model_id: builtin/demo\nmode: COLLABORATIVE\nenv: cloud_shared\ntools: [get_current_time]\napprovals: [{match: get_current_time}]\n' +
        `message: 'What time is it?'\n`,
    );
    const asked = isaAs('eve', ['run', '--keep', file]);
    const [question] = await until('the question', async () => {
      const list = JSON.parse(expectDone(await isaAs('eve', ['approvals', 'list', '--json'])));
      return list.length > 0 && list;
    });
    expectDone(await isaAs('eve', ['approvals', 'approve', question.request_id, '--always', 'get_current_time']));
    expectDone(await asked);
    const [rule] = JSON.parse(expectDone(await isaAs('eve', ['approvals', 'allowances', '--json'])));
    const shown = expectDone(await isaAs('eve', ['approvals', 'allowances']));
    assert.match(shown, new RegExp(`${rule.id}  get_current_time  of ${rule.agent_config_id}, since 2`));
    assert.deepEqual(JSON.parse(expectDone(await isaAs('mallory', ['approvals', 'allowances', '--json']))), []);
    expectRefusal(await isaAs('mallory', ['approvals', 'revoke', rule.id]), /there is no rule/);
    assert.match(expectDone(await isaAs('eve', ['approvals', 'revoke', rule.id])), /asks again/);
    assert.match(expectDone(await isaAs('eve', ['approvals', 'allowances'])), /allowed nothing for good/);
  });
});
