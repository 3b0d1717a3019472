// A model service for the tests: the one at ISA_MODEL_URL (with builtin/demo alone), or one that is started here.
import { createRequire } from 'node:module';

import { internalSecret, Platform } from '../e2e/harness.mjs';

// What a caller brings along. It is never to reach a provider.
export const callersKey = 'sk-credential-of-the-caller';
export const platformsKey = 'sk-key-of-the-platform';

// The service knows the caller by the internal secret, whatever his client sends as its key.
export const headers = {
  'X-Internal-Service': 'true',
  'X-Internal-Service-Secret': internalSecret,
  'X-User-Id': 'ada',
};

export async function startModelService(settings = {}) {
  const given = process.env.ISA_MODEL_URL;
  if (given && Object.keys(settings).length === 0) return { url: given, stop: async () => {} };
  const platform = await Platform.up({ command: ['serve', 'model'], settings });
  return { url: platform.endpoints.model, stop: () => platform.stopAndLeaveNothing() };
}

// aimock as both providers. It refuses every request without the platform's key; its journal, which hides keys, says
// what else it was sent.
export async function startUpstream(fixtures) {
  const { LLMock } = createRequire(import.meta.url)('@copilotkit/aimock');
  const mock = new LLMock({ port: 0, host: '127.0.0.1', auth: { apiKeys: [platformsKey] } });
  mock.loadFixtureFile(new URL(`fixtures/${fixtures}`, import.meta.url).pathname);
  await mock.start();
  return mock;
}

export const upstreamSettings = (mock) => ({
  'model.openai.base_url': `${mock.url}/v1`,
  'model.openai.api_key': platformsKey,
  'model.anthropic.base_url': mock.url,
  'model.anthropic.api_key': platformsKey,
});
