// The page: its head, its screens, what is dropped anywhere on it.
import { html, render, useEffect, useState } from "./vendor/preact-htm.js";
import { post } from "./api.js";
import { dropped, send } from "./drop.js";
import { attempt, changed, go, listen, note, reload, store, useStore } from "./store.js";
import { JobStrip, Notes } from "./parts.js";
import { Choosing, Start } from "./start.js";
import { Images } from "./images.js";
import { Learn } from "./learn.js";
import { Check } from "./check.js";
import { Models } from "./models.js";
import { LineScreen } from "./line.js";
import { Top } from "./top.js";
import { plural } from "./words.js";

const SCREENS = { pictures: ["1 Pictures", Images], learn: ["2 Learn", Learn], check: ["3 Check", Check], models: ["Models", Models], line: ["Line", LineScreen] };

function App() {
  useStore();
  const [over, setOver] = useState(false);
  const empty = store.state && !store.state.counts.learn && !store.state.counts.check && !store.state.counts.out;
  useEffect(() => { if (store.afterDemo && store.state?.counts.learn) { store.afterDemo = false; go("learn"); } });
  const start = empty && !["models", "line"].includes(store.screen);
  const screen = SCREENS[store.screen] ? store.screen : store.state?.model ? "check" : "pictures";
  useEffect(() => {
    let deep = 0;
    const files = (event) => event.dataTransfer?.types.includes("Files");
    const enter = (event) => { if (files(event)) { deep++; setOver(true); } };
    const leave = (event) => { if (files(event) && --deep <= 0) { deep = 0; setOver(false); } };
    const hold = (event) => { if (files(event)) event.preventDefault(); };
    const drop = async (event) => {
      if (!files(event)) return;
      event.preventDefault();
      deep = 0;
      setOver(false);
      const found = await dropped(event.dataTransfer);
      if (found.length) send(found, useNow());
    };
    for (const [name, act] of [["dragenter", enter], ["dragleave", leave], ["dragover", hold], ["drop", drop]]) addEventListener(name, act);
    return () => { for (const [name, act] of [["dragenter", enter], ["dragleave", leave], ["dragover", hold], ["drop", drop]]) removeEventListener(name, act); };
  }, []);
  const useNow = () => (store.screen === "check" || (!store.screen && store.state?.model) ? "check" : "learn");
  if (store.locked) return html`<${Login} />`;
  if (!store.state) return html`<main><p class="soft">${store.offline ? "The studio does not answer. Is it still running?" : "Loading…"}</p></main><${Notes} notes=${store.notes} />`;
  const Screen = start ? Start : SCREENS[screen][1];
  return html`<a class="skip" href="#main" onClick=${(event) => { event.preventDefault(); document.querySelector("main").focus(); }}>to the content</a>
    <${Top} name="psdl studio" label="steps" beside=${html`<span class="project" title=${store.state.folder}>${store.state.name}</span>`}>
      ${Object.entries(SCREENS).map(([name, [title]]) => html`<button type="button" key=${name} class=${!start && name === screen ? "on" : ""} aria-current=${!start && name === screen ? "page" : undefined} onClick=${() => go(name)}>${title.replace(/\d /, "") === title ? title : html`<i class="step">${title[0]} </i>${title.slice(2)}`}${name === "check" && store.results.some((row) => row.verdict === "NG") ? html` <b>${store.results.filter((row) => row.verdict === "NG").length}<span> NG</span></b>` : ""}</button>`)}<//>
    ${store.offline && html`<p class="finding warn strip" role="alert">The studio does not answer. This page goes on as soon as it does.</p>`}
    ${store.sending && html`<div class="strip"><div class="progress"><div class="progress-line"><span>Taking ${plural(store.sending.total, "picture")}</span><span class="soft">${store.sending.done}</span></div><progress max=${store.sending.total} value=${store.sending.done} aria-label="taking pictures"></progress></div></div>`}
    <${JobStrip} />
    <main tabindex="-1"><${Screen} /></main>
    <footer class="soft">psdl ${store.state.psdl} · project folder <span class="path">${store.state.folder}</span></footer>
    ${store.choosing && html`<${Choosing} />`}
    ${over && html`<div class="drop-over" aria-hidden="true"><p>${useNow() === "check" ? "New parts, to be checked" : "Good parts, to learn from"}</p></div>`}
    <${Notes} notes=${store.notes} />`;
}

function Login() {
  const [token, setToken] = useState("");
  const enter = (event) => {
    event.preventDefault();
    attempt(async () => {
      const answer = await post("login", { token }).catch((error) => { if (error.status === 401) note(error.message, "error"); else throw error; });
      if (answer) { store.locked = false; listen(); reload("state", "images", "results"); changed(); }
    });
  };
  return html`<main class="login"><h1>psdl studio</h1><form onSubmit=${enter}><label>Token <input type="password" value=${token} autocomplete="current-password" onInput=${(event) => setToken(event.target.value)} /></label> <button type="submit" class="primary">Enter</button></form>
    <p class="soft">One of those in the server's token file.</p></main><${Notes} notes=${store.notes} />`;
}

addEventListener("hashchange", () => { store.screen = location.hash.slice(1); changed(); });
render(html`<${App} />`, document.getElementById("app"));
reload("state", "images", "results");
listen();
