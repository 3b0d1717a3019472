// `isa skills validate` and the reference validator of the open standard say the same of good and bad folders.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { binary, repository, temporaryFolder } from '../e2e/harness.mjs';

const reference = fileURLToPath(new URL('cli.js', import.meta.resolve('skills-ref')));
const place = temporaryFolder();

const isValidHere = (folder) => {
  const { status, stderr } = spawnSync(binary, ['skills', 'validate', folder], { encoding: 'utf8' });
  assert.ok([0, 1].includes(status), `isa ended with ${status}: ${stderr}`);
  return status === 0;
};
const isValidThere = (folder) =>
  spawnSync(process.execPath, [reference, 'validate', folder], { encoding: 'utf8' }).status === 0;

function folderOf(name, document, more = {}) {
  const folder = path.join(fs.mkdtempSync(path.join(place, 'case-')), name);
  fs.mkdirSync(folder);
  for (const [file, text] of Object.entries({
    ...(document !== null && { 'SKILL.md': document }),
    ...more,
  })) {
    fs.mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
    fs.writeFileSync(path.join(folder, file), text);
  }
  return folder;
}

const skill = (fields, body = '# Body\n') => `---\n${fields}\n---\n\n${body}`;

const good = {
  'the two required fields': ['a', skill('name: a\ndescription: b')],
  'every field': [
    'pdf-tools',
    skill(
      'name: pdf-tools\ndescription: Reads PDF files.\nlicense: MIT\ncompatibility: python3\n' +
        'metadata:\n  version: "1.0"\n  author: ann\nallowed-tools: Bash(git:*) Read',
    ),
    { 'scripts/run.sh': '#!/bin/sh\n', 'references/a.md': 'x', 'assets/x.bin': '\0' },
  ],
  'a name of 64 characters': ['a'.repeat(64), skill(`name: ${'a'.repeat(64)}\ndescription: b`)],
  'a description of 1024 characters': ['a', skill(`name: a\ndescription: ${'x'.repeat(1024)}`)],
  'a compatibility of 500 characters': [
    'a',
    skill(`name: a\ndescription: b\ncompatibility: ${'x'.repeat(500)}`),
  ],
  'a folded description': ['a', skill('name: a\ndescription: >\n  one\n  two')],
  'a quoted description with a colon': ['a', skill('name: a\ndescription: "one: two"')],
  'digits first': ['2fa', skill('name: 2fa\ndescription: b')],
  'a name that is a number': ['123', skill('name: 123\ndescription: b')],
  'no body': ['a', '---\nname: a\ndescription: b\n---\n'],
  'line ends of Windows': ['a', '---\r\nname: a\r\ndescription: b\r\n---\r\nx\r\n'],
  'numbers as metadata': ['a', skill('name: a\ndescription: b\nmetadata:\n  version: 1.0')],
  'a document in lower case': ['a', null, { 'skill.md': skill('name: a\ndescription: b') }],
  'a name with an accent': ['café', skill('name: café\ndescription: b')],
  'a name in Chinese': ['技能-2', skill('name: 技能-2\ndescription: b')],
  'a name in Russian': ['отчёт', skill('name: отчёт\ndescription: b')],
  'a name of 64 characters of three bytes': ['技'.repeat(64), skill(`name: ${'技'.repeat(64)}\ndescription: b`)],
  'a list, a map and nothing as metadata': [
    'a',
    skill('name: a\ndescription: b\nmetadata:\n  b: [1]\n  c: {d: e}\n  f:'),
  ],
  'tools as a list': ['a', skill('name: a\ndescription: b\nallowed-tools: [Read, Bash]')],
};

const bad = {
  'no SKILL.md': ['a', null, { 'README.md': 'x' }],
  'no front matter': ['a', '# Body\n'],
  'text before the front matter': ['a', '\n---\nname: a\ndescription: b\n---\n'],
  'front matter without an end': ['a', '---\nname: a\ndescription: b\n'],
  'empty front matter': ['a', '---\n\n---\n'],
  'a list as front matter': ['a', skill('- name: a')],
  'a word as front matter': ['a', skill('name')],
  'a quoted value without an end': ['a', skill('name: a\ndescription: "b')],
  'the same in single quotes': ['a', skill("name: a\ndescription: 'b")],
  'a list without an end': ['a', skill('name: a\ndescription: b\nallowed-tools: [Read')],
  'a map that is not indented alike': ['a', skill('name: a\n  description: b')],
  'a colon in a plain value': ['a', skill('name: a\ndescription: one: two')],
  'a key twice': ['a', skill('name: a\nname: a\ndescription: b')],
  'no name': ['a', skill('description: b')],
  'no description': ['a', skill('name: a')],
  'a blank description': ['a', skill('name: a\ndescription: "  "')],
  'a description of 1025 characters': ['a', skill(`name: a\ndescription: ${'x'.repeat(1025)}`)],
  'a compatibility of 501 characters': [
    'a',
    skill(`name: a\ndescription: b\ncompatibility: ${'x'.repeat(501)}`),
  ],
  'a name of 65 characters': ['a'.repeat(65), skill(`name: ${'a'.repeat(65)}\ndescription: b`)],
  'an upper-case name': ['Pdf', skill('name: Pdf\ndescription: b')],
  'an upper-case name with an accent': ['É', skill('name: É\ndescription: b')],
  'a name of signs': ['a€', skill('name: a€\ndescription: b')],
  'an underscore': ['a_b', skill('name: a_b\ndescription: b')],
  'a blank in the name': ['a b', skill('name: a b\ndescription: b')],
  'a hyphen first': ['-a', skill('name: -a\ndescription: b')],
  'a hyphen last': ['a-', skill('name: a-\ndescription: b')],
  'two hyphens': ['a--b', skill('name: a--b\ndescription: b')],
  'the name of another folder': ['b', skill('name: a\ndescription: b')],
  'a field of nobody': ['a', skill('name: a\ndescription: b\ntriggers: c')],
};

for (const [what, [name, ...rest]] of Object.entries(good))
  test(`both take ${what}`, () => {
    const folder = folderOf(name, ...rest);
    assert.equal(isValidThere(folder), true, 'the reference refuses it');
    assert.equal(isValidHere(folder), true, 'isa refuses it');
  });

for (const [what, [name, ...rest]] of Object.entries(bad))
  test(`both refuse ${what}`, () => {
    const folder = folderOf(name, ...rest);
    assert.equal(isValidThere(folder), false, 'the reference takes it');
    assert.equal(isValidHere(folder), false, 'isa takes it');
  });

for (const name of fs.readdirSync(path.join(repository, 'skills')))
  test(`both take the built-in skill ${name}`, () => {
    const folder = path.join(repository, 'skills', name);
    assert.equal(isValidThere(folder), true);
    assert.equal(isValidHere(folder), true);
  });

// Where they differ, on purpose.
test('a file that cannot travel is refused here alone', () => {
  const linked = folderOf('a', skill('name: a\ndescription: b'));
  fs.symlinkSync('/etc/passwd', path.join(linked, 'link'));
  assert.equal(isValidThere(linked), true);
  assert.equal(isValidHere(linked), false);
});

test('a name is written in one way here, there in any that Unicode takes for the same', () => {
  const apart = 'cafe\u0301';
  const folder = folderOf(apart, skill(`name: ${apart}\ndescription: b`));
  assert.equal(isValidThere(folder), true);
  assert.equal(isValidHere(folder), false);
});

test('metadata is a map here, as the standard says', () => {
  const folder = folderOf('a', skill('name: a\ndescription: b\nmetadata: 5'));
  assert.equal(isValidThere(folder), true);
  assert.equal(isValidHere(folder), false);
});

test('letters that the standard allows and the reference does not know are taken here', () => {
  const folder = folderOf('データ', skill('name: データ\ndescription: b'));
  assert.equal(isValidThere(folder), false);
  assert.equal(isValidHere(folder), true);
});

test('three hyphens in a value end nothing here', () => {
  const hyphens = folderOf('a', skill('name: a\ndescription: one --- two'));
  assert.equal(isValidHere(hyphens), true);
});
