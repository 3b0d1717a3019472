// The limits of a run hold for everything in its sandbox: a program that asks models by itself counts, and is refused
// when the run is at its limit, whatever it asks and whenever the platform dies. Without a limit nothing is refused.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { createAgent, noSandbox, Platform, until } from './harness.mjs';
import { expectPaired, expectWhole, find, results } from './events.mjs';

const kLimit = 3000;
// A thousandth of a dollar for each token.
const prices = 'builtin/demo input=1000 output=1000';
const question = { model: 'builtin/demo', max_tokens: 200, messages: [{ role: 'user', content: 'count to 20' }] };

// asks(kind, most[, name]) is a command that asks a model up to so often, and says how often it was answered and
// what the refusal was, on its output and in a file `name.outcome`. With a name it waits after the third answer,
// says so by `name.waits`, and goes on when there is a file `name.go`. While nobody answers (the platform is down)
// it tries again.
const program = (streams) => `
kind=$1; most=$2; name=$3
case $kind in
  chat*) url=$OPENAI_BASE_URL/chat/completions;;
  *) url=$ANTHROPIC_BASE_URL/v1/messages;;
esac
answers=0
while [ $answers -lt $most ]; do
  code=$(curl -s -o answer.$$ -w '%{http_code}' -H 'Content-Type: application/json' -d '${JSON.stringify({ ...question, ...(streams && { stream: true }) })}' $url)
  [ $code = 000 ] && { sleep 0.1; continue; }
  [ $code = 200 ] || { echo "refused after $answers: $code $(cat answer.$$)" | tee $name.outcome; exit; }
  answers=$((answers + 1))
  [ $answers = 3 ] && [ -n "$name" ] && { echo 3 > $name.waits; while [ ! -e $name.go ]; do sleep 0.1; done; }
done
echo "answered $answers" | tee $name.outcome
`;
function asks(kind, most, name = '') {
  const text = Buffer.from(program(kind.endsWith('_stream'))).toString('base64');
  return `echo ${text} | base64 -d > ask_${kind}.sh; sh ask_${kind}.sh ${kind} ${most} ${name}`;
}
const inBackground = (command) => `${command.replace('; sh ', '; setsid sh ')} > /dev/null 2>&1 < /dev/null &`;

const tokensOf = ({ input_tokens, output_tokens }) => input_tokens + output_tokens;
const nanos = (usd) => Math.round(usd * 1e9);
const outputsOf = (events) => results(events).map(({ content }) => JSON.parse(content).stdout);
function refusalIn(output) {
  const [, answers, status, body] = /^refused after (\d+): (\d+) (.*)$/s.exec(output) ?? assert.fail(output);
  return { answers: Number(answers), status: Number(status), error: JSON.parse(body).error };
}

describe('programs in a sandbox', { skip: noSandbox }, () => {
  let platform;
  let ada;
  let perCall; // Tokens of the program's question and its answer.
  before(async () => {
    platform = await Platform.up({ settings: { 'model.prices': prices } });
    ada = platform.as('ada');
    const usage = (await platform.internal('model').post('/v1/chat/completions', question)).json.usage;
    perCall = usage.total_tokens;
    assert.ok(perCall > 10 && perCall < kLimit / 20);
  });
  after(() => platform.stopAndLeaveNothing());

  const agentWith = (limits, more = {}) => createAgent(ada, { tools: ['bash_execute'], limits, ...more });
  const asked = async (agent, message, session_id) => {
    const events = await (await ada.chat({ agent_config_id: agent.id, message, session_id })).all();
    expectWhole(events);
    expectPaired(events);
    return events;
  };
  const workspaceWith = (file) => {
    const sandboxes = path.join(platform.dataDir, 'sandboxes');
    return fs
      .readdirSync(sandboxes)
      .map((name) => path.join(sandboxes, name, 'workspace'))
      .find((folder) => fs.existsSync(path.join(folder, file)));
  };
  // Lets the program go on, and says what it came to.
  const outcomeOf = (folder, name) => {
    const file = path.join(folder, `${name}.outcome`);
    fs.writeFileSync(path.join(folder, `${name}.go`), '');
    return until('its outcome', () => fs.existsSync(file) && fs.readFileSync(file, 'utf8'));
  };
  // What the run used beside the agent's own calls, which is `answers` of the program's.
  const expectUsage = (usage, answers) => {
    assert.equal(tokensOf(usage.of_programs), answers * perCall);
    assert.equal(nanos(usage.of_programs.cost_usd), answers * perCall * 1e6);
    assert.equal(nanos(usage.cost_usd), tokensOf(usage) * 1e6);
    assert.ok(tokensOf(usage) > tokensOf(usage.of_programs), 'the agent asked, too');
  };
  const expectAtLimit = (usage, limit = kLimit) => {
    assert.ok(tokensOf(usage) >= limit, `${tokensOf(usage)} tokens`);
    assert.ok(tokensOf(usage) < limit + perCall, `${tokensOf(usage)} tokens`);
  };

  for (const [limit, limits] of [
    ['max_tokens', { max_tokens: kLimit }],
    ['max_usd', { max_usd: kLimit / 1000 }],
  ])
    test(`a program is refused at ${limit} of its run, which ends there, and the numbers add up`, async () => {
      const agent = await agentWith(limits);
      const events = await asked(agent, `Run the command \`${asks('chat', 1000)}\``);

      const { answers, status, error } = refusalIn(outputsOf(events)[0]);
      assert.equal(status, 402);
      assert.equal(error.code, 'budget_exceeded');
      assert.equal(error.param, limit);
      assert.ok(error.message.includes(`limits.${limit}`) && error.message.includes(events[0].run_id), error.message);
      const { metadata } = find(events, 'result');
      assert.equal(metadata.subtype, 'error_budget');
      assert.equal(metadata.limit, limit);
      assert.ok(metadata.problem.includes(`limits.${limit}`), metadata.problem);
      assert.equal(metadata.num_turns, 1);
      expectUsage(metadata.usage, answers);
      expectAtLimit(metadata.usage);
      const row = (await ada.get(`/api/v1/agents/runs/${events[0].run_id}`)).json;
      assert.equal(row.error_code, 'error_budget');
      assert.deepEqual(row.usage, metadata.usage);

      const trail = await until('the audit', async () => {
        const { entries } = (await platform.as('ada', 'cloud_os').get(`/api/v1/audit?session_id=${events[0].session_id}`)).json;
        return entries.some(({ verdict }) => verdict === 'refused') && entries;
      });
      const refused = trail.filter(({ verdict }) => verdict === 'refused');
      assert.deepEqual([...new Set(refused.map(({ kind, reason }) => `${kind} ${reason}`))], ['model budget_exceeded']);
    });

  test('without a limit nothing is refused, and every way to ask is counted', async () => {
    const agent = await agentWith({});
    const kinds = ['chat', 'chat_stream', 'messages', 'messages_stream'];
    const events = await asked(agent, `Run the command \`${kinds.map((kind) => asks(kind, 20)).join('; ')}\``);
    assert.deepEqual(outputsOf(events)[0].trim().split('\n'), Array(4).fill('answered 20'));
    const { metadata } = find(events, 'result');
    assert.equal(metadata.subtype, 'success');
    expectUsage(metadata.usage, 80);

    const quiet = find(await asked(agent, 'What is 6*7?', events[0].session_id), 'result').metadata;
    assert.equal(quiet.usage.of_programs, undefined);
  });

  test('the next run of the session has its own limits, and none when they were taken away', async () => {
    const agent = await agentWith({ max_tokens: kLimit });
    const message = `Run the command \`${asks('chat', 1000)}\``;
    const first = await asked(agent, message);
    const session = first[0].session_id;
    assert.equal(find(first, 'result').metadata.subtype, 'error_budget');
    const second = await asked(agent, `Run the command \`${asks('chat', 2)}\``, session);
    assert.equal(find(second, 'result').metadata.subtype, 'success');
    expectUsage(find(second, 'result').metadata.usage, 2);
    const more = Math.ceil(kLimit / perCall) + 5;
    const direct = await platform.internal('pool').post('/api/v1/pools/agent/acquire', {
      session_id: session,
      user_id: 'ada',
      allowance: { run_id: 'run_of_somebody' },
    });
    assert.equal(direct.status, 200, direct.text);
    const { sandbox_id } = (await platform.internal('pool').get(`/api/v1/pools/agent/${direct.json.instance_id}`)).json;
    const command = `cd /workspace; ${asks('chat', more, 'direct')}`;
    const started = await platform.internal('cloud_os').post(`/api/v1/vms/${sandbox_id}/exec`, { command, background: true });
    assert.equal(started.status, 201, started.text);
    const folder = await until('its third answer', () => workspaceWith('direct.waits'));
    assert.equal((await outcomeOf(folder, 'direct')).trim(), `answered ${more}`);
  });

  test('what a run left running asks nothing more when the run is over', async () => {
    const agent = await agentWith({ max_tokens: kLimit });
    const command = `${inBackground(asks('chat', 1000, 'left'))} while [ ! -e left.waits ]; do sleep 0.1; done`;
    const { metadata } = find(await asked(agent, `Run the command \`${command}\``), 'result');
    assert.equal(metadata.subtype, 'success');
    expectUsage(metadata.usage, 3);
    const { answers, status, error } = refusalIn(await outcomeOf(workspaceWith('left.waits'), 'left'));
    assert.deepEqual([answers, status, error.code], [3, 402, 'budget_exceeded']);
    assert.match(error.message, /is over/);
  });

  test('a limit outlives a kill -9, for a program that outlives it too', async () => {
    const agent = await agentWith({ max_tokens: kLimit });
    const message = `Run the command \`${inBackground(asks('chat', 1000, 'tough'))} while [ ! -e tough.waits ]; do sleep 0.1; done\`, then run the command \`sleep 600\``;
    const stream = await ada.chat({ agent_config_id: agent.id, message });
    const seen = await stream.takeUntil(({ type, metadata }) => type === 'tool_use' && metadata.args.command === 'sleep 600');
    const { run_id } = seen.at(-1);
    const folder = await until('its third answer', () => workspaceWith('tough.waits'));
    await platform.kill();
    await platform.start();
    ada = platform.as('ada');
    assert.equal((await ada.get(`/api/v1/agents/runs/${run_id}`)).json.error_code, 'interrupted');
    const { answers, error } = refusalIn(await outcomeOf(folder, 'tough'));
    assert.equal(error.code, 'budget_exceeded');
    assert.equal(error.param, 'max_tokens');
    const used = Number(/and (\d+) tokens were used up/.exec(error.message)[1]);
    assert.ok(used >= kLimit && used < kLimit + perCall, error.message);
    assert.ok(answers > 3 && answers * perCall < used, error.message);
  });

  test('what programs used before a decision and a kill -9 counts after it', async () => {
    const agent = await agentWith(
      { max_tokens: kLimit },
      { mode: 'COLLABORATIVE', approvals: [{ match: 'bash_execute(echo second*)' }] },
    );
    const message = `Run the command \`${asks('chat', 20)}\`, then run the command \`echo second\`, then run the command \`${asks('chat', 1000)}\``;
    const seen = await (await ada.chat({ agent_config_id: agent.id, message })).takeUntil(
      ({ type }) => type === 'hil_request',
    );
    const { run_id, metadata: asking } = seen.at(-1);
    await platform.kill();
    await platform.start();
    ada = platform.as('ada');
    const decided = await ada.post(`/api/v1/agents/runs/${run_id}/approvals/${asking.request_id}`, { decision: 'approve' });
    assert.equal(decided.status, 200, decided.text);
    const events = await (await ada.events(run_id)).all();
    expectWhole(events);
    const [first, , last] = outputsOf(events);
    assert.equal(first.trim(), 'answered 20');
    const { metadata } = find(events, 'result');
    assert.equal(metadata.subtype, 'error_budget');
    expectUsage(metadata.usage, 20 + refusalIn(last).answers);
    expectAtLimit(metadata.usage);
  });

  test('a cancelled run says what it used', async () => {
    const agent = await agentWith({ max_tokens: kLimit });
    const stream = await ada.chat({ agent_config_id: agent.id, message: `Run the command \`${asks('chat', 1000, 'cut')}\`` });
    const [{ run_id }] = await stream.takeUntil(({ type }) => type === 'tool_use');
    await until('its third answer', () => workspaceWith('cut.waits'));
    const row = (await ada.post(`/api/v1/agents/runs/${run_id}/cancel`)).json;
    assert.equal(row.state, 'cancelled');
    assert.ok(tokensOf(row.usage) > 3 * perCall, JSON.stringify(row));
  });

  test('the members of a team in one sandbox share the limit of the team', async () => {
    const member = (name) => ({ name, model_id: 'builtin/demo', tools: ['bash_execute'] });
    const task = (id, agent, command, ...depends_on) => ({ id, agent, title: `Run the command \`${command}\``, depends_on });
    const spec = await ada.post('/api/v1/agents/multi-specs', {
      name: 'Askers',
      routing_spec: {
        agents: [member('a'), member('b'), member('c')],
        tasks: [
          task('wait', 'a', 'while [ ! -e ask.sh ]; do sleep 0.1; done'),
          task('one', 'a', 'sh ask.sh chat 10', 'wait'),
          task('two', 'b', 'sh ask.sh chat 10', 'wait'),
          task('three', 'c', 'sh ask.sh chat 1000', 'one', 'two'),
        ],
      },
    });
    assert.equal(spec.status, 200, spec.text);
    const agent = await createAgent(ada, {
      env: 'cloud_pool',
      limits: { max_tokens: 2 * kLimit },
      metadata: { multi_agent_id: spec.json.id },
    });
    const stream = await ada.chat({ agent_config_id: agent.id, message: 'go' });
    const seen = await stream.takeUntil(({ metadata }) => metadata.event === 'sandbox.acquired');
    const { instance_id } = seen.at(-1).metadata;
    const { sandbox_id } = (await platform.internal('pool').get(`/api/v1/pools/agent/${instance_id}`)).json;
    fs.writeFileSync(path.join(platform.dataDir, 'sandboxes', sandbox_id, 'workspace', 'ask.sh'), program(false));
    const events = await (await ada.events(seen[0].run_id)).all();
    expectWhole(events);

    const outputs = outputsOf(events).map((text) => text.trim());
    assert.deepEqual(outputs.slice(0, 3), ['', 'answered 10', 'answered 10']);
    const { answers } = refusalIn(outputs[3]);
    const { metadata } = find(events, 'result');
    assert.deepEqual(
      metadata.tasks.map(({ state }) => state),
      ['completed', 'completed', 'completed', 'failed'],
    );
    expectUsage(metadata.usage, 20 + answers);
    expectAtLimit(metadata.usage, 2 * kLimit);
  });
});
