// What the page asks the server. Errors are the server's own sentences.
export class Refused extends Error {
  constructor(status, sentence) { super(sentence); this.status = status; }
}

async function ask(method, path, body, kind) {
  const options = { method, headers: {} };
  if (body !== undefined) {
    options.body = kind ? body : JSON.stringify(body);
    options.headers["Content-Type"] = kind || "application/json";
  }
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Refused(0, "The studio does not answer. Is `psdl studio` still running?");
  }
  const text = await answer.text();
  let found = null;
  try { found = JSON.parse(text); } catch { /* no JSON: an error below */ }
  if (!answer.ok) {
    const detail = Array.isArray(found?.detail) ? found.detail.map((one) => `${one.loc.at(-1)}: ${one.msg}`).join("; ") : null;
    throw new Refused(answer.status, found?.error || detail || `The studio refused (${answer.status}).`);
  }
  return found;
}

export const get = (path) => ask("GET", `/api/${path}`);
export const post = (path, body = {}) => ask("POST", `/api/${path}`, body);
export const remove = (path) => ask("DELETE", `/api/${path}`);
export const put = (path, body) => ask("PUT", `/api/${path}`, body, "application/octet-stream");
