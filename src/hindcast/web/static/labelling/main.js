/** The labelling page: signs in, puts the views into the shell, tells what happens to the answers. */
import { Api } from "../components/api.js";
import { openDialog } from "../components/dialog.js";
import { button, fill, h } from "../components/element.js";
import { Keys } from "../components/keys.js";
import { say, startLive, toast } from "../components/live.js";
import { Shell } from "../components/shell.js";
import { startTheme, themeButton } from "../components/theme.js";
import { AdjudicateView } from "./adjudicate.js";
import { GuidelineView } from "./guideline.js";
import { LabelView } from "./label.js";
import { ReportView } from "./report.js";
import { Session, keepToken, takeToken } from "./session.js";

startTheme();
startLive();
start();

async function start() {
  const token = takeToken();
  if (!token) {
    signIn();
    return;
  }
  try {
    begin(new Session(token, await new Api({ token }).get("me")));
  } catch (error) {
    if (error.status === 401) keepToken(null);
    signIn(error);
  }
}

/** Ask for the token, or say why there is nothing to show. */
function signIn(error = null) {
  const away = error && error.status !== 401;
  const said = away ? error.message : error ? "This token is not known here, or no longer. Ask for a new link." : null;
  const field = h("input", { type: "password", id: "token", autocomplete: "off", required: true, "aria-describedby": "why" });
  const open = (event) => {
    event.preventDefault();
    keepToken(field.value);
    location.reload();
  };
  const form = h("form", { on: { submit: open } }, h("label", { for: "token" }, "Your token"), field,
    h("div", { class: "row" }, h("button", { class: "primary" }, "Begin")));
  const page = h("main", { class: "page" }, h("div", { class: "sign-in" },
    h("h1", {}, away ? "Not reachable" : "Labelling"),
    h("p", { id: "why", class: "note" }, said ?? "Open the link you were given, or paste the token that came with it."),
    away ? button("Try again", () => location.reload(), { class: "primary" }) : form));
  document.body.prepend(page);
  document.title = "Labelling";
  if (said) say(said, { now: true });
  if (!away) field.focus();
}

function begin(session) {
  const { me, project, outbox } = session;
  const keys = new Keys();
  const state = h("button", { type: "button", class: "quiet state", on: { click: () => outbox.hurry() } });
  const helping = button("Help", () => help(keys), { key: "?", class: "quiet", "aria-label": "Help" });
  helping.lastElementChild.className = "long";
  const tools = [state, helping, themeButton(),
    button(me.name, () => leave(session), { class: "quiet", "aria-label": `Signed in as ${me.name}; sign out` })];
  const judging = me.role === "adjudicator";
  const ways = [["label", "Label"], ...(judging ? [["adjudicate", "Adjudicate"], ["report", "Report"]] : []), ["guideline", "Guideline"]];
  const shell = new Shell(project.name, ways, tools);
  shell.views.label = new LabelView(session, shell, keys);
  shell.views.guideline = new GuidelineView(session);
  if (judging) {
    shell.views.adjudicate = new AdjudicateView(session, shell, keys);
    shell.views.report = new ReportView(session);
    shell.count("adjudicate", project.disputed, "in dispute");
  }
  keys.lay("Everywhere", () => [
    { key: "?", name: "This help", run: () => help(keys) },
    { key: "g", name: "The guideline, and back", run: () => shell.go(shell.address === "guideline" ? "label" : "guideline") },
  ]);
  watchOutbox(outbox, state);
  watchGuideline(session, shell);
  shell.show();
  outbox.flush();
}

/** Whether everything is saved, in a word, and what to do when it is not. */
function watchOutbox(outbox, state) {
  let away = false;
  const banner = h("div", { class: "banner bad", hidden: true, role: "alert" });
  document.getElementById("page").before(banner);
  const show = () => {
    const { waiting, refused } = outbox;
    const many = waiting.length;
    state.dataset.state = outbox.away ? "away" : many ? "waiting" : "saved";
    const out = outbox.away?.status === 401;
    fill(state, out ? `Signed out, ${many} kept here` : outbox.away ? `Not reached, ${many} kept here` : many ? `Saving ${many}` : "Saved");
    state.setAttribute("aria-label", out ? `Signed out; ${many} answers are kept here` : outbox.away ? `The server is not reached; ${many} answers are kept here. Try again now` : many ? `Saving ${many}` : "Everything is saved");
    if (outbox.away && !away) {
      toast(outbox.away.status === 401 ? "Your token is no longer valid. What you answered is kept here until you sign in with a new one."
        : "The server does not answer. Go on: answers are kept here and sent later.", { bad: true });
    } else if (!outbox.away && away && !many) toast("Everything is saved again.");
    if (outbox.away || !many) away = Boolean(outbox.away);
    banner.hidden = refused.length === 0;
    if (refused.length) {
      fill(banner, h("p", {}, `${refused.length === 1 ? "An answer was" : `${refused.length} answers were`} refused: ${refused[0].refusal}`),
        button("Understood", () => outbox.dismiss()));
    }
  };
  for (const event of ["change", "sent", "refused"]) outbox.addEventListener(event, show);
  window.addEventListener("beforeunload", (event) => { if (outbox.away && outbox.waiting.length) event.preventDefault(); });
  show();
}

/** A new version of the guideline is said once, and stays announced until it was read. */
function watchGuideline(session, shell) {
  if (session.read === 0) {
    if (session.project.guided) welcome(session, shell);
    session.read = session.guideline;
  }
  const words = h("p");
  const banner = h("div", { class: "banner", hidden: true }, words,
    button("Read it", () => shell.go("guideline"), { key: "g" }));
  shell.page.before(banner);
  const show = () => {
    const fresh = session.guideline > session.read;
    if (fresh && banner.hidden) toast(`The guideline has changed: version ${session.guideline}.`);
    banner.hidden = !fresh;
    words.textContent = `The guideline has changed: version ${session.guideline}, you know version ${session.read}.`;
  };
  session.addEventListener("guideline", show);
  session.addEventListener("read", show);
  show();
}

/** Who is here for the first time is led to the guideline, until they read it or begin without. */
function welcome(session, shell) {
  const hello = h("div", { class: "banner" }, h("p", {}, "New here? The guideline says what is asked of you."),
    button("Read it", () => shell.go("guideline"), { key: "g" }));
  shell.page.before(hello);
  session.addEventListener("read", () => hello.remove());
  session.outbox.addEventListener("sent", () => hello.remove());
}

/** All keys that mean something now. */
function help(keys) {
  const sheets = keys.told().filter(({ commands }) => commands.length).map(({ name, commands }) => [
    h("h3", {}, name),
    h("dl", { class: "keys" }, commands.flatMap((command) => [h("dt", {}, h("kbd", {}, command.key)), h("dd", {}, command.name)])),
  ]);
  const tick = h("input", { type: "checkbox", on: { change: (event) => { keys.on = event.target.checked; } } });
  tick.checked = keys.on;
  openDialog("Keys", [
    h("label", { class: "tick" }, tick, h("span", {}, "Single keys act (turn off for dictation)")), sheets,
    h("p", { class: "note" }, "Answers are kept in this browser until the server has them on disk; closing the page loses nothing."),
  ]);
}

/** Forget the token of this tab; what waits stays and is sent after the next sign-in. */
function leave(session) {
  const waiting = session.outbox.waiting.length;
  const dialog = openDialog(`Signed in as ${session.me.name}`, [
    h("p", {}, waiting ? `${waiting} answers are not sent yet. They stay in this browser and are sent when you sign in again.` : "Everything is saved."),
    h("div", { class: "row" }, button("Sign out", () => { keepToken(null); location.reload(); }, { class: "primary" }), button("Stay", () => dialog.close())),
  ]);
}
