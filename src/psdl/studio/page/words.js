// Numbers and findings in a person's words.
export function number(value, digits = 4) {
  if (value === null || value === undefined) return "–";
  return Math.abs(value) >= 1e5 ? value.toExponential(2) : String(Number(value.toPrecision(digits)));
}
export function percent(value) { return `${(100 * value).toFixed(value < 0.1 ? 1 : 0).replace(/\.0$/, "")} %`; }
export function plural(count, one, many = `${one}s`) { return `${count.toLocaleString("en")} ${count === 1 ? one : many}`; }
export const baseName = (name) => name.split("/").at(-1);

export const VERDICTS = { NG: "NG", REVIEW: "REVIEW", OK: "OK" };
export const MEANING = { NG: "reject", REVIEW: "look at it", OK: "like the good parts" };

export const STAGES = {
  files: "Looking at the files", pairs: "Looking for pictures of the same part", network: "Looking at every part",
  dictionaries: "Learning what good parts look like", alignment: "Comparing how parts lie", scores: "Checking parts",
  report: "Drawing the report", drawn: "Drawing the parts",
};
export const KINDS = {
  look: "Looking at the images", plan: "Estimating", learn: "Learning", judge: "Checking new parts", edit: "Setting the limit",
  correct: "Working out what the corrections change", export: "Exporting", selftest: "Testing the model",
  report: "Making the report", demo: "Making the demo's images",
};
export const RECIPES = { default: "Thorough", fast: "Quick", padim: "PaDiM (for comparison)", patchcore: "PatchCore (for comparison)", paper: "As published" };

// One in how many, of a share.
export function oneIn(share) { return share >= 0.5 ? "every second" : `1 in ${Math.max(2, Math.floor(1 / share)).toLocaleString("en")}`; }

export function summary(row, model) {
  if (row.error) return row.error;
  const rare = row.p_value === undefined || row.p_value === null ? "" : ` At most ${oneIn(row.p_value)} good parts would look this strange.`;
  if (row.verdict === "NG") return `Something here is unlike the good parts.${rare}`;
  if (row.verdict === "REVIEW") return `Stranger than most good parts: a person should look.${rare}`;
  return "Looks like the good parts.";
}

// Where in the picture something is.
export function whereabouts(region, width, height) {
  const [x, y] = region.centroid;
  const across = x < width / 3 ? "left" : x > (2 * width) / 3 ? "right" : "";
  const down = y < height / 3 ? "upper" : y > (2 * height) / 3 ? "lower" : "";
  if (!across && !down) return "in the middle";
  if (!down) return `in the middle, ${across}`;
  return across ? `${down} ${across}` : down === "upper" ? "at the top" : "at the bottom";
}
export function why(region) {
  const reason = region.reasons?.[0];
  if (!reason) return "";
  if (reason.sentence) return reason.sentence;
  if (reason.side === "code") return "What is here is known from good parts, but far stronger than they show it.";
  if (reason.side === "residual") return "Good parts show nothing like this here.";
  return "This place differs from what good parts show here.";
}

// The share of new good parts that a threshold rejects at most.
export function promised(model, threshold) {
  let above = 0;
  model.scores.forEach((score, n) => { if (score > threshold) above += model.weights[n]; });
  return (1 + above) / (model.items + 1);
}
export function verdictAt(score, threshold, review) {
  if (!(score <= threshold)) return "NG";
  return review !== null && score > Math.min(review, threshold) ? "REVIEW" : "OK";
}
export function day(text) { return text ? new Date(text).toLocaleString([], { dateStyle: "medium", timeStyle: "short" }) : ""; }
export function sentence(text) { return text ? text[0].toUpperCase() + text.slice(1) : text; }
// What came of corrections, as the library says it, for people who know names of pictures rather than paths.
export function outcome(line) {
  return sentence(line.trim().replace(/^threshold (\S+) -> (\S+)$/, "the limit goes from $1 to $2").replace(/: \/.*\//, ": "));
}
export function clock(text) {
  const then = new Date(text), today = then.toDateString() === new Date().toDateString();
  return then.toLocaleString([], today ? { timeStyle: "medium" } : { dateStyle: "short", timeStyle: "short" });
}
