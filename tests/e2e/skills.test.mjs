// Skills from upload to use: in the sandbox with their scripts, in the shared environment, from the workspace; and the
// archives that must not come in.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { expectPaired, expectWhole, find, results, systemEvent } from './events.mjs';
import { createAgent, noSandbox, Platform, run, temporaryFolder } from './harness.mjs';
import { expectEnvelope } from './http.mjs';
import { zipOf } from './zips.mjs';

const skip = noSandbox;
const kSkills = '/api/v1/agents/skills';
const zip = { 'Content-Type': 'application/zip' };

let platform;
let user;
before(async () => {
  if (skip) return;
  platform = await Platform.up();
  user = platform.as('ada');
});
after(() => platform?.stopAndLeaveNothing());

const document = (name, body) => `---\nname: ${name}\ndescription: About ${name}.\n---\n${body}\n`;
const skillZip = (name, body = `The body of ${name}.`) =>
  zipOf([
    { path: `${name}/SKILL.md`, content: document(name, body) },
    { path: `${name}/scripts/greet.sh`, content: '#!/bin/sh\necho "greetings from $(basename "$0"), $1"\n' },
    { path: `${name}/references/more.md`, content: 'More than the body says.\n' },
    { path: `${name}/assets/pixel.png`, content: Buffer.from([0x89, 0x50, 0xff, 0]) },
  ]);

async function upload(client, name, body) {
  const answer = await client.post(kSkills, skillZip(name, body), zip);
  assert.equal(answer.status, 200, answer.text);
  return answer.json;
}

const use = (args) => `Call the tool use_skill with ${JSON.stringify(args)}`;
const chat = (agent, message, more = {}) => user.chatAll({ agent_config_id: agent.id, message, ...more });

describe('the routes', { skip }, () => {
  test('the nine built-in skills are there for everybody, with their files', async () => {
    const { json } = await platform.as('').get(kSkills);
    assert.deepEqual(
      json.skills.map(({ name }) => name),
      [
        'code',
        'code-review',
        'debug',
        'documentation',
        'filesystem',
        'refactor',
        'security-audit',
        'test-writer',
        'web',
      ],
    );
    assert.ok(
      json.skills.every(({ origin, description }) => origin === 'built_in' && description.length > 60),
    );
    const file = await user.get(`${kSkills}/code?file=scripts/project.sh`);
    assert.equal(file.json.is_executable, true);
    assert.match(file.json.text, /^#!\/bin\/sh/);
  });

  test('an uploaded skill is its owner’s alone', async () => {
    const made = await upload(user, 'mine');
    assert.equal(made.origin, 'own');
    assert.deepEqual(
      made.files.map((file) => file.path),
      ['SKILL.md', 'assets/pixel.png', 'references/more.md', 'scripts/greet.sh'],
    );
    assert.equal((await user.get(`${kSkills}/mine`)).json.instructions, 'The body of mine.');
    assert.equal((await user.get(`${kSkills}/mine?file=assets/pixel.png`)).json.base64, 'iVD/AA==');
    assert.ok((await user.get(kSkills)).json.skills.some(({ name }) => name === 'mine'));

    const stranger = platform.as('eve');
    for (const answer of [
      await stranger.get(`${kSkills}/mine`),
      await stranger.get(`${kSkills}/mine?file=SKILL.md`),
      await stranger.put(`${kSkills}/mine`, skillZip('mine'), zip),
      await stranger.delete(`${kSkills}/mine`),
    ]) {
      assert.equal(answer.status, 404);
      expectEnvelope(answer);
    }
    assert.ok(!(await stranger.get(kSkills)).json.skills.some(({ name }) => name === 'mine'));
  });

  test('the same upload with the same Idempotency-Key is one skill', async () => {
    const headers = { ...zip, 'Idempotency-Key': 'skill-1' };
    const first = await user.post(kSkills, skillZip('once'), headers);
    const second = await user.post(kSkills, skillZip('once'), headers);
    assert.equal(first.status, 200, first.text);
    assert.equal(second.text, first.text);
    assert.equal(second.headers['idempotency-replayed'], 'true');
    assert.equal((await user.post(kSkills, skillZip('once'), zip)).status, 409);
  });

  test('a skill that exists nowhere is refused by name when an agent lists it', async () => {
    const answer = await user.post('/api/v1/agents/configs', { name: 'a', skills: ['code', 'nowhere'] });
    assert.equal(answer.status, 422);
    assert.match(answer.json.error.message, /\/skills\/1: unknown skill 'nowhere'/);
    const path = await user.post('/api/v1/agents/configs', { name: 'a', skills: ['../../etc'] });
    assert.equal(path.status, 422);
  });
});

describe('hostile archives', { skip }, () => {
  const good = { path: 'x/SKILL.md', content: document('x', 'b') };
  const cases = {
    'a path that climbs out': [[good, { path: 'x/../../evil', content: 'e' }], /'x\/\.\.\/\.\.\/evil'/],
    'an absolute path': [[good, { path: '/etc/cron.d/evil' }], /is absolute/],
    'a symbolic link': [
      [good, { path: 'x/link', content: '/etc/passwd', mode: 0o120777 }],
      /'x\/link' is a link/,
    ],
    'a pipe': [[good, { path: 'x/pipe', mode: 0o010755 }], /'x\/pipe' is neither/],
    'a device': [[good, { path: 'x/null', mode: 0o020666 }], /'x\/null' is neither/],
    'a name that is there twice': [[good, good], /is there twice/],
    'a file that is a folder, too': [[good, { path: 'x/a' }, { path: 'x/a/b' }], /file and a folder/],
    'an encrypted entry': [
      [good, { path: 'x/secret', content: 'abcdefghijklmnop', encrypted: true }],
      /encrypted/,
    ],
    'a bomb': [[good, { path: 'x/zeros', content: Buffer.alloc(60 << 20) }], /bytes unpacked|its own size/],
    'too many files': [
      [good, ...Array.from({ length: 250 }, (_, n) => ({ path: `x/${n}` }))],
      /more than 200 files/,
    ],
    'no folder at all': [
      [{ path: 'SKILL.md', content: document('x', 'b') }],
      /^'SKILL\.md' is at the top of the archive: the archive must hold one folder/,
    ],
    'two folders': [[good, { path: 'y/SKILL.md', content: document('y', 'b') }], /one folder/],
    'a folder of another name': [
      [{ path: 'z/SKILL.md', content: document('x', 'b') }],
      /not the name of the folder/,
    ],
    'no SKILL.md': [[{ path: 'x/README.md', content: 'r' }], /no SKILL\.md/],
    'a control character in a name': [[good, { path: 'x/a\nb' }], /control character/],
    'nothing at all': [[], /holds no file|cannot be read/],
  };
  for (const [what, [entries, words]] of Object.entries(cases))
    test(`${what} is refused, and nothing of it is kept`, async () => {
      const answer = await user.post(kSkills, zipOf(entries), zip);
      assert.ok([413, 422].includes(answer.status), `${answer.status} ${answer.text}`);
      assert.match(answer.json.error.message, words);
      expectEnvelope(answer);
      assert.equal((await user.get(`${kSkills}/x`)).status, 404);
    });

  test('bytes that are no zip, a zip cut in half, and a body beyond the limit are refused', async () => {
    const whole = skillZip('x');
    for (const body of [Buffer.from('PK nonsense'), whole.subarray(0, whole.length / 2)])
      assert.equal((await user.post(kSkills, body, zip)).status, 422);
    assert.equal((await user.post(kSkills, Buffer.alloc((5 << 20) + 1), zip)).status, 413);
  });
});

describe('in a sandbox', { skip }, () => {
  test('a name in any script is one folder like another', async () => {
    await upload(user, '技能-café', 'Run scripts/greet.sh.');
    const found = await user.get(`${kSkills}/${encodeURIComponent('技能-café')}`);
    assert.equal(found.json.instructions, 'Run scripts/greet.sh.');
    const agent = await createAgent(user, { skills: ['技能-café'], tools: ['bash_execute'] });
    const first = await chat(agent, use({ name: '技能-café' }));
    const [, folder] = /Its folder in your workspace: (\S+)/.exec(results(first)[0].content);
    const { session_id } = first[0];
    const ran = await chat(agent, `Run the command \`./${folder}/scripts/greet.sh you\``, { session_id });
    assert.match(results(ran)[0].content, /greetings from greet\.sh, you/);
  });

  test('the model reads a skill, one of its files, and runs its script', async () => {
    await upload(user, 'greeting', 'Run scripts/greet.sh with a name.');
    const agent = await createAgent(user, { skills: ['greeting'], tools: ['bash_execute'] });
    const first = await chat(agent, use({ name: 'greeting' }));

    expectWhole(first);
    expectPaired(first);
    const text = results(first)[0].content;
    assert.match(text, /Run scripts\/greet\.sh with a name\./);
    assert.match(text, /assets\/pixel\.png, references\/more\.md, scripts\/greet\.sh/);
    const [, folder] = /Its folder in your workspace: (\S+)/.exec(text);
    assert.match(folder, /^\.isa\/skills-cache\/greeting-[0-9a-f]{16}$/);
    const session_id = first[0].session_id;
    const more = await chat(agent, use({ name: 'greeting', file: 'references/more.md' }), { session_id });
    assert.equal(results(more)[0].content, 'More than the body says.\n');
    const ran = await chat(agent, `Run the command \`${folder}/scripts/greet.sh Grace\``, { session_id });
    assert.match(results(ran)[0].content, /greetings from greet\.sh, Grace/);
  });

  test('no name and no file leads out of a skill', async () => {
    const agent = await createAgent(user, { skills: ['code'] });
    for (const args of [
      { name: '../../etc' },
      { name: '..' },
      { name: 'code', file: '../../../../etc/passwd' },
      { name: 'code', file: '/etc/passwd' },
      { name: 'mine' },
    ]) {
      const [result] = results(await chat(agent, use(args)));
      assert.equal(result.metadata.is_error, true, JSON.stringify(args));
      assert.doesNotMatch(result.content, /root:/);
    }
  });

  test('a skill gives no tool besides its own', async () => {
    const agent = await createAgent(user, { skills: ['code'], tools: ['read_file'] });
    const events = await chat(agent, 'Call the tool bash_execute with {"command":"id"}');
    assert.equal(systemEvent(events, 'context.complete').metadata.tools_count, 2);
    assert.match(find(events, 'result').content, /which I was not offered/);
  });

  test('a changed skill reaches a session that had the old one', async () => {
    await upload(user, 'moving', 'The old way.');
    const agent = await createAgent(user, { skills: ['moving'] });
    const first = await chat(agent, use({ name: 'moving' }));
    assert.match(results(first)[0].content, /The old way/);
    const put = await user.put(`${kSkills}/moving`, skillZip('moving', 'The new way.'), zip);
    assert.equal(put.json.version, 2);
    const second = await chat(agent, use({ name: 'moving' }), { session_id: first[0].session_id });
    assert.match(results(second)[0].content, /The new way/);
    assert.equal(systemEvent(second, 'sandbox.acquired').metadata.resumed, true);
  });

  test('a large skill comes when the sandbox asks for it', async () => {
    const content = randomBytes(1 << 20);
    const body = zipOf([
      { path: 'large/SKILL.md', content: document('large', 'Look at assets/data.bin.') },
      { path: 'large/assets/data.bin', content },
    ]);
    assert.equal((await user.post(kSkills, body, zip)).status, 200);
    const agent = await createAgent(user, { skills: ['large', 'code'], tools: ['bash_execute'] });
    const events = await chat(agent, 'Run the command `wc -c .isa/skills-cache/large-*/assets/data.bin`');
    assert.match(results(events)[0].content, /1048576/);
  });

  test('a skill of the workspace comes before one of the platform', async () => {
    const agent = await createAgent(user, { skills: ['code'], tools: ['bash_execute', 'write_file'] });
    const text = document('code', 'This workspace has its own way.').replaceAll('\n', '\\n');
    const first = await chat(
      agent,
      `Run the command \`mkdir -p .isa/skills/code && printf '%b' '${text}' > .isa/skills/code/SKILL.md\``,
    );
    assert.equal(results(first)[0].metadata.is_error, false, results(first)[0].content);
    const second = await chat(agent, use({ name: 'code' }), { session_id: first[0].session_id });
    assert.match(results(second)[0].content, /This workspace has its own way/);
  });

  test('a skill that was deleted is said to be gone, and the chat goes on', async () => {
    await upload(user, 'fleeting');
    const agent = await createAgent(user, { skills: ['fleeting', 'code'] });
    assert.equal((await user.delete(`${kSkills}/fleeting`)).status, 200);
    const events = await chat(agent, use({ name: 'code' }));
    assert.deepEqual(systemEvent(events, 'skills.unavailable').metadata.skills, ['fleeting']);
    assert.equal(results(events)[0].metadata.is_error, false);
    assert.equal(find(events, 'result').metadata.subtype, 'success');
  });
});

test('in the shared environment the body is read without a sandbox', { skip }, async () => {
  await upload(user, 'shared-way', 'The way without a sandbox.');
  const agent = await createAgent(user, { env: 'cloud_shared', skills: ['shared-way'] });
  const events = await chat(agent, use({ name: 'shared-way' }));
  assert.match(results(events)[0].content, /The way without a sandbox/);
  assert.doesNotMatch(results(events)[0].content, /Its folder/);
  assert.equal(systemEvent(events, 'sandbox.acquired'), undefined);
  const file = await chat(agent, use({ name: 'shared-way', file: 'references/more.md' }));
  assert.equal(results(file)[0].content, 'More than the body says.\n');
  const out = await chat(agent, use({ name: 'shared-way', file: '../SKILL.md' }));
  assert.equal(results(out)[0].metadata.is_error, true);
});

test('from a shell: validate, add, list, show, replace and remove', { skip }, async () => {
  const folder = path.join(temporaryFolder(), 'from-shell');
  fs.mkdirSync(path.join(folder, 'scripts'), { recursive: true });
  fs.writeFileSync(path.join(folder, 'SKILL.md'), document('from-shell', 'Hello.'));
  fs.writeFileSync(path.join(folder, 'scripts/a.sh'), '#!/bin/sh\n');
  const isa = async (...args) => {
    const { status, stdout, stderr } = await run([
      'skills',
      ...args,
      ...['--data-dir', platform.dataDir, '--user', 'shell'],
    ]);
    return { status, stdout, stderr };
  };
  const done = async (...args) => {
    const { status, stdout, stderr } = await isa(...args);
    assert.equal(status, 0, stderr);
    return stdout;
  };

  assert.match(await done('validate', folder), /from-shell is a valid skill with 2 files/);
  assert.match(await done('add', folder), /Added from-shell, version 1/);
  assert.match((await isa('add', folder)).stderr, /is taken/);
  assert.match(await done('list'), /from-shell +own +About from-shell/);
  assert.equal(await done('show', 'from-shell', '--file', 'SKILL.md'), document('from-shell', 'Hello.'));
  fs.writeFileSync(path.join(folder, '../from-shell.zip'), skillZip('from-shell', 'Changed.'));
  assert.match(await done('validate', path.join(folder, '../from-shell.zip')), /from-shell is a valid skill with 4 files/);
  assert.match(
    await done('add', '--replace', path.join(folder, '../from-shell.zip')),
    /Replaced from-shell, version 2/,
  );
  assert.equal(JSON.parse(await done('show', 'from-shell')).instructions, 'Changed.');
  assert.match(await done('remove', 'from-shell'), /Removed/);
  assert.equal((await isa('show', 'from-shell')).status, 1);

  fs.writeFileSync(path.join(folder, 'SKILL.md'), '---\nname: from-shell\nbad: [\n---\n');
  const refused = await isa('validate', folder);
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /SKILL\.md: line \d/);
  const flat = path.join(folder, '../flat.zip');
  fs.writeFileSync(flat, zipOf([{ path: 'SKILL.md', content: document('flat', 'b') }]));
  assert.match((await isa('validate', flat)).stderr, /'SKILL\.md' is at the top of the archive/);
  assert.match((await isa('validate', path.join(folder, '../none.zip'))).stderr, /there is no folder/);
});
