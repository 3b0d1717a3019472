// The files of api/ themselves: valid OpenAPI 3.1, and as strict as they can be.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';

import { Validator } from '@seriousme/openapi-schema-validator';
import { parse } from 'yaml';

import { Contract, escaped, folder, roles } from './contract.mjs';

const document = (name) => parse(fs.readFileSync(path.join(folder, name), 'utf8'));

// Every value of a document with its JSON pointer.
function* walk(value, at = '') {
  yield [at, value];
  if (value && typeof value === 'object')
    for (const [key, inner] of Object.entries(value)) yield* walk(inner, `${at}/${escaped(key)}`);
}

function lint(name) {
  const found = [];
  for (const [at, value] of walk(document(name))) {
    const isSchema = value?.type !== undefined && value?.properties !== undefined;
    if (isSchema && value.additionalProperties === undefined)
      found.push(`${at}: says its properties, but not whether there may be others (additionalProperties)`);
    if (value?.operationId && !value.summary) found.push(`${at}: has no summary`);
  }
  return found;
}

for (const role of roles) {
  describe(`api/${role}.openapi.yaml`, () => {
    const name = `${role}.openapi.yaml`;

    test('is valid OpenAPI 3.1', async () => {
      const validator = new Validator();
      await validator.addSpecRef(document('common.yaml'), 'common.yaml');
      const { valid, errors } = await validator.validate(document(name));
      assert.ok(valid, JSON.stringify(errors, null, 1));
    });

    test('says of every object whether it may hold more, and of every operation what it is for', () => {
      assert.deepEqual(lint(name), []);
    });

    test('has every operationId once, under a tag that it explains, and every parameter of its paths', () => {
      const { operations } = new Contract(role);
      const tags = document(name).tags.map((tag) => tag.name);
      assert.deepEqual(
        [...new Set(operations.flatMap(({ value }) => value.tags ?? ['none']))].sort(),
        tags.sort(),
      );
      const ids = operations.map(({ id }) => id);
      assert.deepEqual([...new Set(ids)], ids);
      for (const { title, template, parameters } of operations) {
        const named = parameters.filter((one) => one.in === 'path').map((one) => one.name);
        const inPath = [...template.matchAll(/\{([^}]+)\}/g)].map(([, parameter]) => parameter);
        assert.deepEqual(named.sort(), inPath.sort(), title);
      }
    });

    test('has schemas that a strict validator takes', () => {
      const contract = new Contract(role);
      for (const file of [name, 'common.yaml'])
        for (const [at] of walk(document(file)))
          if (/\/(schema|components\/schemas\/[^/]+)$/.test(at)) contract.errors(`${file}#${at}`, null);
    });

    test('has examples that are as it says', () => {
      const contract = new Contract(role);
      for (const file of [name, 'common.yaml'])
        for (const [at, value] of walk(document(file))) {
          const isSchema = value?.properties !== undefined;
          if (!isSchema && !value?.schema) continue;
          const examples = Object.values(value.examples ?? {}).map((example) => example.value);
          if ('example' in value) examples.push(value.example);
          for (const example of examples)
            assert.deepEqual(contract.errors(`${file}#${at}${isSchema ? '' : '/schema'}`, example), [], at);
        }
    });

    test('uses every schema, answer and parameter that it names', () => {
      const uses = [name, 'common.yaml'].flatMap((file) => [
        ...JSON.stringify(document(file)).matchAll(/"\$ref":"([^"#]*)#([^"]+)"/g),
      ]);
      const used = new Set(uses.map(([, , pointer]) => pointer));
      const unused = Object.entries(document(name).components)
        .filter(([kind]) => kind !== 'securitySchemes')
        .flatMap(([kind, all]) => Object.keys(all).map((one) => `/components/${kind}/${one}`))
        .filter((pointer) => !used.has(pointer));
      assert.deepEqual(unused, []);
    });
  });
}

test('what the files share is as strict as they are', () => {
  assert.deepEqual(lint('common.yaml'), []);
});
