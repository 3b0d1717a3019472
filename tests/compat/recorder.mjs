// aimock behind a door that keeps what came through it: aimock's own journal has the common form of a request, without the
// fields that only one dialect has. It refuses what a test tells it to, in the words of a provider.
import http from 'node:http';

export async function startRecorder(mock) {
  const recorder = { bodies: [], refusal: () => undefined };
  const server = http.createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks);
    if (request.method === 'POST') {
      const body = JSON.parse(text);
      recorder.bodies.push(body);
      const refusal = recorder.refusal(body);
      if (refusal) {
        response.writeHead(400, { 'content-type': 'application/json' });
        response.end(JSON.stringify(refusal));
        return;
      }
    }
    const { method, headers } = request;
    const passed = http.request(mock.url + request.url, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    passed.on('error', () => response.destroy());
    passed.end(text);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  recorder.url = `http://127.0.0.1:${server.address().port}`;
  recorder.stop = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return recorder;
}
