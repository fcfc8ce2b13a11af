/** The view that says how the project stands: progress, agreement, people, classes; and hands the labels out. */
import { openDialog } from "../components/dialog.js";
import { button, h } from "../components/element.js";
import { toast } from "../components/live.js";
import { chart } from "../components/chart.js";
import { table, tiles } from "../components/table.js";
import { figure, moment, percent, seconds } from "./moments.js";

const NAMES = { "percent agreement": "Two answers agree" };
const EXPORTS = [
  ["facts", "csv", "Labels, CSV"], ["facts", "jsonl", "Labels, JSON lines"], ["facts", "parquet", "Labels, Parquet"],
  ["long", "csv", "All answers, CSV"], ["long", "jsonl", "All answers, JSON lines"], ["wide", "csv", "Answers by person, CSV"],
  ["label-studio", "json", "Label Studio"], ["doccano", "jsonl", "doccano"], ["prodigy", "jsonl", "Prodigy"],
];

export class ReportView {
  wide = true;
  #session;

  constructor(session) { this.#session = session; }

  async open() {
    const told = await this.#session.api.get("report", {}, { long: true });
    const { progress, agreement, notes } = told;
    const measured = agreement.map(({ measure, value, low, high, items }) => [
      NAMES[measure] ?? measure, measure.startsWith("percent") ? percent(value) : figure(value),
      value === null ? "needs items with two answers" : low === null ? `on ${items} items` : `${spread(measure, low, high)}, ${items} items`,
    ]);
    return h("div", {},
      h("div", { class: "asked" }, h("h1", {}, "Report"), this.#exports()),
      tiles([
        ["Items done", percent(progress.share), `${progress.done} of ${progress.items}`],
        ["Answers", String(progress.answers), `${progress.wanted} still wanted`],
        ["In dispute", String(progress.waiting), `${progress.decided} decided`],
        ...measured,
      ]),
      told.timeline ? h("div", { class: "charts" }, done(told.timeline, progress), agreed(told.timeline)) : null,
      h("h2", {}, "Classes"), this.#classes(told),
      h("h2", {}, "People"), this.#people(told.people),
      notes.length ? [h("h2", {}, "To mind"), h("ul", { class: "prose" }, notes.map((note) => h("li", {}, note)))] : null);
  }

  #classes({ classes, tied }) {
    const [said, given] = ["answers", "labels"].map((field) => classes.reduce((sum, one) => sum + one[field], 0));
    const cell = (count, total) => ({ text: String(count), note: total ? percent(count / total) : "", bar: total ? count / total : 0 });
    return [
      table("Answers and labels of each class", [{ name: "Class" }, { name: "Answers" }, { name: "Labels" }],
        classes.map((one) => [one.label, cell(one.answers, said), cell(one.labels, given)])),
      tied ? h("p", { class: "note" }, `${tied} items have no label: the vote is tied, or it was decided that no class fits.`) : null,
    ];
  }

  #people(people) {
    const columns = ["Person", "Answers", "Skipped", "Not sure", "Median time", "Right", "Same as others"].map((name) => ({ name }));
    const rows = people.map((one) => [
      { text: one.name, note: [one.role === "adjudicator" ? "adjudicator" : "", one.active ? "" : "left", ...(one.flags ?? [])].filter(Boolean).join(" · ") },
      one.labelled, one.skipped, one.unsure, one.seconds === null ? "" : seconds(one.seconds),
      known(one.accuracy) ? { text: percent(one.accuracy), note: `${percent(one.accuracy_low)} to ${percent(one.accuracy_high)}` } : "",
      known(one.peers) ? percent(one.peers) : "",
    ]);
    return [
      table("What each person did", columns, rows),
      h("p", { class: "note" }, "Right: by the truth that the others' answers and the known items give, with a 95% interval."),
      button("Let somebody in", () => this.#invite()),
    ];
  }

  /** Make a link for somebody; it is shown once, since the server keeps only a hash of its token. */
  #invite() {
    const name = h("input", { type: "text", id: "new-name", required: true, maxlength: 100, autocomplete: "off" });
    const role = h("select", { id: "new-role" }, h("option", { value: "annotator" }, "labels"), h("option", { value: "adjudicator" }, "labels, decides, sees the report"));
    const renew = h("input", { type: "checkbox" });
    const done = h("div", { "aria-live": "polite" });
    const send = async (event) => {
      event.preventDefault();
      try {
        const { token } = await this.#session.api.post("people", { name: name.value.trim(), role: role.value, renew: renew.checked });
        const link = `${location.origin}${location.pathname}#token=${token}`;
        const shown = h("input", { type: "text", readonly: true, value: link, "aria-label": "The link" });
        done.replaceChildren(h("p", { class: "note" }, `The link for ${name.value.trim()}. It is shown this once: whoever has it labels in that name.`), shown);
        shown.focus();
        shown.select();
      } catch (error) {
        done.replaceChildren(h("p", {}, error.message));
      }
    };
    openDialog("Let somebody in", [h("form", { on: { submit: send } },
      h("p", {}, h("label", { for: "new-name" }, "Name"), name), h("p", {}, h("label", { for: "new-role" }, "What they do"), role),
      h("p", {}, h("label", { class: "tick" }, renew, h("span", {}, "They are here already and lost their link"))),
      h("p", { class: "row" }, h("button", { class: "primary" }, "Make a link"))), done], { focus: name });
  }

  #exports() {
    const pick = h("select", { "aria-label": "What to download" }, EXPORTS.map(([format, file, name]) => h("option", { value: `${format}.${file}` }, name)));
    return h("div", { class: "row exports" }, pick, button("Download", () => this.#save(...pick.value.split("."))));
  }

  async #save(format, file) {
    try {
      const { blob, name } = await this.#session.api.blob("export", { format, file }, { long: true });
      const address = URL.createObjectURL(blob);
      const link = h("a", { href: address, download: name || `${format}.${file}` });
      document.body.append(link);
      link.click();
      link.remove();
      setTimeout(() => URL.revokeObjectURL(address), 60_000);
      toast(`Saved as ${link.download}.`);
    } catch (error) {
      toast(error.message, { bad: true });
    }
  }
}

/** How many items were done by when. */
function done({ from, to, done: counts }, { items }) {
  return chart({
    title: "Items done", ends: [moment(from), moment(to)], ticks: [[0, "0"], [items / 2, ""], [items, String(items)]],
    line: counts.map((count, i) => [i / (counts.length - 1), count]),
    words: `Items done: ${counts.at(-1)} of ${items} by ${moment(to)}; half of these by ${moment(half(from, to, counts))}.`,
  });
}

/** When the first half of what was counted was reached. */
function half(from, to, counts) {
  const [first, last] = [Date.parse(from), Date.parse(to)];
  const at = counts.findIndex((count) => 2 * count >= counts.at(-1)) / (counts.length - 1);
  return new Date(first + at * (last - first)).toISOString();
}

/** How often two answers to an item were the same, stretch by stretch. */
function agreed({ from, to, stretches }) {
  if (!stretches.length) return h("p", { class: "chart card note" }, "Agreement over time needs twenty items with two answers.");
  const [first, last] = [Date.parse(from), Date.parse(to)];
  const place = (at) => (last > first ? (Date.parse(at) - first) / (last - first) : 0.5);
  const points = stretches.map((one) => ({
    ...one, at: (place(one.from) + place(one.to)) / 2,
    name: `${moment(one.from)} to ${moment(one.to)}: ${percent(one.value)}${known(one.low) ? `, ${percent(one.low)} to ${percent(one.high)}` : ""}, ${one.items} items`,
  }));
  return chart({
    title: "Two answers agree, by when the items were done", ends: [moment(from), moment(to)], points,
    ticks: [[0, "0%"], [0.5, "50%"], [1, "100%"]], words: `How often two answers agree. ${points.map(({ name }) => name).join("; ")}.`,
  });
}

const known = (value) => value !== null && value !== undefined;

const spread = (measure, low, high) =>
  measure.startsWith("percent") ? `${percent(low)} to ${percent(high)}` : `${figure(low)} to ${figure(high)}`;
