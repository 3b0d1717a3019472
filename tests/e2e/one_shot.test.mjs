// What scripts rely on: the exit codes of the commands that run agents, and that one shot leaves nothing behind.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { binary, createAgent, environment, noSandbox, Platform, run, temporaryFolder, until } from './harness.mjs';

const skip = noSandbox;

let platform;
let eve;
before(async () => {
  if (skip) return;
  platform = await Platform.up({ settings: { 'pool.agent.warm': '1', 'model.demo.delay': '20ms' } });
  eve = platform.as('eve');
});
after(() => platform?.stopAndLeaveNothing());

const flags = () => ['--data-dir', platform.dataDir, '--user', 'eve'];
const isa = (...args) => run([...args, ...flags()]);

const folder = temporaryFolder();
const file = (name, text) => {
  const made = path.join(folder, name);
  fs.writeFileSync(made, text);
  return made;
};
const kAgent = 'model_id: builtin/demo\nenv: cloud_shared\n';

// A command that is still running: what it has said, and how it ends.
function begin(...args) {
  const child = spawn(binary, [...args, ...flags()], { env: environment(), cwd: '/tmp', stdio: 'pipe' });
  const said = { child, stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) child[name].setEncoding('utf8').on('data', (text) => (said[name] += text));
  said.ended = new Promise((resolve) => child.on('exit', (status, signal) => resolve({ status, signal })));
  return said;
}

const agents = async () => (await eve.get('/api/v1/agents/configs')).json.agents.map(({ name }) => name);

function expectFailure({ status, stderr }, ...words) {
  assert.equal(status, 1, stderr);
  assert.match(stderr, /^isa: /m);
  for (const word of words) assert.match(stderr, word);
}

describe('a run that does not succeed ends the command with 1 and says why', { skip }, () => {
  const limited = `${kAgent}tools: [get_current_time]\nlimits: {max_turns: 1}\nmessage: What time is it?\n`;

  test('at a limit', async () => {
    expectFailure(await isa('run', file('limited.yaml', limited)), /error_max_turns/);
    await createAgent(eve, { name: 'Short', env: 'cloud_shared', tools: ['get_current_time'], limits: { max_turns: 1 } });
    expectFailure(await isa('chat', 'Short', 'What time is it?'), /error_max_turns/);
    const hurried = await isa('run', file('hurried.yaml', `${kAgent}limits: {max_seconds: 1}\n`), 'count to 1000');
    expectFailure(hurried, /max_seconds/);
    assert.match(hurried.stdout, /^1 2 /, 'what was said stays said');
  });

  test('with --json, too, and the lines are whole', async () => {
    const ended = await isa('run', file('limited.yaml', limited), '--json');
    expectFailure(ended, /error_max_turns/);
    const lines = ended.stdout.trim().split('\n').map((line) => JSON.parse(line));
    assert.equal(lines.at(-1).type, 'session_end');
    const team = file('team.yaml', `agents: [{name: a, model_id: builtin/demo, tools: [get_current_time], limits: {max_turns: 1}}]
tasks: [{id: t, title: "What time is it?"}]\n`);
    expectFailure(await isa('teams', 'run', team, 'go', '--json'), /error_task_failed/);
    expectFailure(await isa('teams', 'run', team, 'go'), /error_task_failed/);
  });

  test('when somebody cancels it', async () => {
    await createAgent(eve, { name: 'Counter', env: 'cloud_shared' });
    const chat = begin('chat', 'Counter', 'count to 1000', '--json');
    await until('the answer to begin', () => /"type":"text"/.test(chat.stdout));
    const { run_id: id } = JSON.parse(chat.stdout.split('\n')[0]);
    assert.equal((await eve.post(`/api/v1/agents/runs/${id}/cancel`)).json.state, 'cancelled');
    expectFailure({ ...(await chat.ended), stderr: chat.stderr }, /was cancelled/);
  });

  test('a command line that makes no sense is 64, whatever is wrong with it', async () => {
    for (const args of [['run'], ['run', '/nowhere.yaml'], ['chat', 'x'], ['dance'], ['chat', 'x', 'y', '--loud'], ['serve', 'tea']])
      assert.equal((await isa(...args)).status, 64, args.join(' '));
    assert.equal((await run([])).status, 64);
    for (const args of [['--help'], ['run', '--help'], ['--version']]) assert.equal((await run(args)).status, 0, args.join(' '));
  });
});

describe('one shot that is told to end cancels its run and removes its agent', { skip }, () => {
  const counts = () => file('counts.yaml', `${kAgent}message: count to 1000\n`);
  const interrupted = async (shot, end) => {
    await until('the answer to begin', () => /\b1\b/.test(shot.stdout + shot.stderr));
    end(shot.child);
    const ended = await shot.ended;
    const [, id] = /Cancelled the run (\S+)\./.exec(shot.stderr) ?? [];
    assert.ok(id, `${JSON.stringify(ended)}: ${shot.stderr}`);
    assert.equal((await eve.get(`/api/v1/agents/runs/${id}`)).json.state, 'cancelled');
    return ended;
  };

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    test(signal, async () => {
      const ended = await interrupted(begin('run', counts()), (child) => child.kill(signal));
      assert.deepEqual(ended, { status: null, signal });
      assert.ok(!(await agents()).includes('counts'));
    });

  test('a pipe that nobody reads any more', async () => {
    const ended = await interrupted(begin('run', counts()), (child) => child.stdout.destroy());
    assert.deepEqual(ended, { status: null, signal: 'SIGPIPE' });
    assert.ok(!(await agents()).includes('counts'));
  });

  test('while it waits for a person', async () => {
    const asks = file(
      'asks.yaml',
      `${kAgent}mode: COLLABORATIVE\ntools: [ask_human]\nmessage: 'Call the tool ask_human with {"question":"1 or 2?"}'\n`,
    );
    await interrupted(begin('run', asks), (child) => child.kill('SIGINT'));
    assert.ok(!(await agents()).includes('asks'));
    assert.deepEqual((await eve.get('/api/v1/agents/approvals')).json.approvals, []);
  });

  test('a team is cancelled; an agent that is to be kept stays', async () => {
    const team = file('counters.yaml', 'message: go\nagents: [{name: a, model_id: builtin/demo}]\ntasks: [{id: t1, title: count to 1000}]\n');
    const teamRun = begin('run', team, '--json');
    await until('its first word', () => /"type":"text"/.test(teamRun.stdout));
    await interrupted(teamRun, (child) => child.kill('SIGINT'));
    await interrupted(begin('run', counts(), '--keep'), (child) => child.kill('SIGINT'));
    assert.ok((await agents()).includes('counts'));
    assert.equal((await isa('agents', 'delete', 'counts')).status, 0);
  });

  test('kill -9 leaves no run either: it ends with its reader', async () => {
    const shot = begin('run', counts(), '--json');
    await until('the answer to begin', () => /"type":"text"/.test(shot.stdout));
    const { run_id: id } = JSON.parse(shot.stdout.split('\n')[0]);
    shot.child.kill('SIGKILL');
    await until('the run to be cancelled', async () => (await eve.get(`/api/v1/agents/runs/${id}`)).json.state === 'cancelled');
    assert.equal((await isa('agents', 'delete', 'counts')).status, 0);
  });
});

describe('a question says what to type', { skip }, () => {
  const asks = (tool, args) =>
    file('asks.yaml', `${kAgent}mode: COLLABORATIVE\ntools: [ask_human, request_authorization, get_current_time]
approvals: [{match: get_current_time}]\nmessage: 'Call the tool ${tool} with ${JSON.stringify(args)}'\n`);
  // The command that is printed, with what stands for the answer; and the same in the list.
  const asked = async (shot) => {
    await until('the question', () => /isa approvals \S+ appr_\w+.*\n/.test(shot.stderr));
    const listed = await isa('approvals', 'list');
    for (const line of shot.stderr.split('\n').filter((one) => /^\s+(isa approvals|one of)/.test(one)))
      assert.ok(listed.stdout.includes(line), `${line} is not in\n${listed.stdout}`);
    return shot.stderr;
  };
  const answer = async (shot, command) => {
    const answered = await isa(...command);
    assert.equal(answered.status, 0, answered.stderr);
    assert.equal((await shot.ended).status, 0, shot.stderr);
  };

  test('that is answered in words', async () => {
    const shot = begin('run', asks('ask_human', { question: 'Which colour?' }));
    const [, id] = /isa approvals approve (appr_\w+) --text ANSWER$/m.exec(await asked(shot));
    await answer(shot, ['approvals', 'approve', id, '--text', 'blue']);
    assert.match(shot.stdout, /blue/);
  });

  test('that has options', async () => {
    const shot = begin('run', asks('ask_human', { question: 'Which?', options: ['red', 'deep blue'] }));
    const stderr = await asked(shot);
    assert.match(stderr, /one of \["red","deep blue"\]/);
    const [, id] = /isa approvals approve (appr_\w+) --text ONE_OF_THEM$/m.exec(stderr);
    await answer(shot, ['approvals', 'approve', id, '--text', 'deep blue']);
  });

  test('about a call, which can be edited; and about a permission, which cannot', async () => {
    const call = begin('run', asks('get_current_time', {}));
    const [, id] = /isa approvals approve\|deny (appr_\w+)\n\s+isa approvals edit \1 --args JSON$/m.exec(await asked(call));
    await answer(call, ['approvals', 'approve', id]);
    const permission = begin('run', asks('request_authorization', { action: 'Go on' }));
    const stderr = await asked(permission);
    assert.doesNotMatch(stderr, /approvals edit/);
    await answer(permission, ['approvals', 'approve', /isa approvals approve\|deny (appr_\w+)$/m.exec(stderr)[1]]);
  });
});

describe('a manifest', { skip }, () => {
  test('with a second document, a message that is no text, or what is no YAML: the file and the place', async () => {
    for (const [text, ...words] of [
      [`name: M\n---\nname: N\n`, /line 3/, /second document/],
      [`${kAgent}message: 5\n`, /`message` that is no text: 5/],
      ['name: [', /line 1, at the end/],
      ['name: M\n  message: x\n', /line 2, column/],
      ['- a\n', /no object/],
    ]) {
      const bad = file('bad.yaml', text);
      for (const args of [['run', bad], ['teams', 'run', bad, 'go'], ['teams', 'create', bad]])
        expectFailure(await isa(...args), /bad\.yaml/, ...words);
    }
  });

  test('of a team holds the env of its runs, and the team is kept without it', async () => {
    const team = file(
      'pooled.yaml',
      'name: Pooled\nenv: cloud_pool\nmessage: go\nagents: [{name: a, model_id: builtin/demo, tools: [bash_execute]}]\n' +
        'tasks: [{id: t, title: "run `echo from-a-sandbox`"}]\n',
    );
    for (const args of [['run', team], ['teams', 'run', team, 'go']]) {
      const ran = await isa(...args);
      assert.equal(ran.status, 0, ran.stderr);
      assert.match(ran.stdout, /from-a-sandbox/);
    }
    const made = await isa('teams', 'create', team);
    assert.equal(made.status, 0, made.stderr);
    assert.match(made.stderr, /"cloud_pool" is not kept with a team/);
    assert.match((await isa('teams', 'run', 'Pooled', 'go', '--env', 'cloud_pool')).stdout, /from-a-sandbox/);
    const wrong = file('wrong.yaml', 'env: moon\nmessage: go\nagents: [{name: a, model_id: builtin/demo}]\n');
    expectFailure(await isa('run', wrong), /env/);
  });
});
