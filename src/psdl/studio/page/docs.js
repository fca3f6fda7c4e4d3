// What can be asked of psdl serve, from its own openapi.json, without a network.
import { html, render } from "./vendor/preact-htm.js";
import { Top } from "./top.js";

const kind = (schema) => (schema?.anyOf ? schema.anyOf.map(kind).filter((one) => one !== "null").join(" or ") : schema?.enum ? schema.enum.join(", ") : schema?.$ref ? schema.$ref.split("/").at(-1) : schema?.type === "array" ? `list of ${kind(schema.items)}` : schema?.const || schema?.type || "");

function Question({ path, method, one }) {
  return html`<article class="panel"><h2><code>${method.toUpperCase()} ${path}</code></h2><p>${one.description || one.summary}</p>
    ${one.parameters && html`<dl>${one.parameters.map((each) => html`<dt><code>${each.in === "path" ? `{${each.name}}` : `?${each.name}`}</code></dt><dd>${kind(each.schema)}${each.description ? `: ${each.description}` : ""}</dd>`)}</dl>`}
    ${one.requestBody && html`<p>Body: ${Object.keys(one.requestBody.content).join(" or ")}</p>`}
    <details><summary>Answers</summary><dl>${Object.entries(one.responses).map(([status, each]) => html`<dt>${status}</dt><dd>${each.description}${each.content ? ` (${Object.values(each.content).map((each) => kind(each.schema)).join(", ")})` : ""}</dd>`)}</dl></details></article>`;
}
function Kind({ name, schema }) {
  return html`<details><summary><code>${name}</code></summary><p>${schema.description}</p><dl>${Object.entries(schema.properties || {}).map(([key, each]) => html`<dt><code>${key}</code></dt><dd>${kind(each)}</dd>`)}</dl></details>`;
}

const spec = await (await fetch("/openapi.json")).json();
render(html`<${Top} name="psdl" label="pages" plain=${true}><a class="button" href="/">Judge an image</a><//>
  <main><h1>What can be asked</h1><p class="lead">${spec.info.summary} For programs: <a href="/openapi.json">openapi.json</a>.</p>
  ${Object.entries(spec.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, one]) => html`<${Question} path=${path} method=${method} one=${one} />`))}
  <h2>Values</h2>${Object.entries(spec.components?.schemas || {}).map(([name, schema]) => html`<${Kind} name=${name} schema=${schema} />`)}</main>`, document.getElementById("app"));
