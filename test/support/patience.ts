/** Jest takes a time limit per project from code alone. Limits are for hangs; nothing is judged by them. */
const name = expect.getState().testPath ?? '';
if (/\/(e2e|contract)\//.test(name)) jest.setTimeout(300_000);
else jest.setTimeout(/\/workflows\//.test(name) ? 240_000 : 60_000);
