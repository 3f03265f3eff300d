// The live page: log in, follow the picture, show it, and carry out what a person confirms.

import { LoggedOut, Session } from "/web/session.js";
import { showPicture, takeCharts } from "/web/show.js";
import { showSpot } from "/web/spot.js";
import { Denied, read } from "/web/stomp.js";

const CHARTS = "/topic/v1/charts";
const PICTURE = "/topic/v1/picture";
const SILENT_AFTER_MS = 2_000;
const RETRY_MS = [500, 1_000, 2_000, 5_000];

const session = new Session();
const byId = (id) => document.getElementById(id);
let me = { roles: [] };
let picture = null;
let heardAt = 0;
let stopReading = null;

// --- login ---------------------------------------------------------------------------------------------------------

byId("login-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = event.submitter;
  button.disabled = true;
  byId("login-error").textContent = "";
  try {
    await session.logIn(byId("login-user").value.trim(), byId("login-password").value);
    byId("login-password").value = "";
    await enter();
  } catch (error) {
    byId("login-error").textContent = error.message;
  } finally {
    button.disabled = false;
  }
});

byId("logout").addEventListener("click", async () => {
  await session.logOut();
  leave();
});

async function enter() {
  try {
    me = await (await session.request("GET", "/api/me")).json();
  } catch (error) {
    if (error instanceof LoggedOut) return leave();
    throw error;
  }
  byId("login").hidden = true;
  byId("app").hidden = false;
  byId("who").textContent = `${me.name} · ${me.roles.join(", ")}`;
  byId("who").title = me.roles.join(", ");
  const mayStop = may("trader", "risk");
  byId("halt").hidden = !mayStop;
  byId("cancel-all").hidden = !mayStop;
  byId("propose").hidden = !may("trader", "risk");
  byId("transfer").hidden = !may("trader", "risk");
  follow();
}

function leave() {
  stopReading?.abort();
  stopReading = null;
  picture = null;
  document.title = "Market maker";
  byId("app").hidden = true;
  byId("login").hidden = false;
  byId("login-password").focus();
}

function may(...roles) {
  return roles.some((role) => me.roles.includes(role));
}

// --- the picture ---------------------------------------------------------------------------------------------------

async function follow() {
  stopReading?.abort();
  const stop = (stopReading = new AbortController());
  for (let failures = 0; !stop.signal.aborted; ) {
    try {
      await readTopics(stop.signal, (destination, document) => {
        failures = 0;
        heardAt = performance.now();
        if (destination === CHARTS) takeCharts(document);
        else render((picture = document));
      });
    } catch (error) {
      if (stop.signal.aborted) return;
      if (error instanceof LoggedOut) return leave();
      failures += 1;
    }
    await new Promise((done) => setTimeout(done, failures ? RETRY_MS[Math.min(failures, RETRY_MS.length) - 1] : 50));
  }
}

async function readTopics(signal, take) {
  const token = await session.token();
  const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/websocket/v0`;
  try {
    await read({ url, token, destinations: [CHARTS, PICTURE], take, signal });
  } catch (error) {
    if (!(error instanceof Denied)) throw error;
    session.forget();
    throw new LoggedOut();
  }
}

function render(line) {
  const books = { decide, me: me.id, mayDecide: may("risk") };
  showSpot(line);
  showPicture(line, { ...books, lift, switchBot, mayLift: may("risk"), mayStart: may("trader"), mayStop: may("trader", "risk") });
}

setInterval(() => {
  const silentMs = performance.now() - heardAt;
  const silent = heardAt > 0 && silentMs > SILENT_AFTER_MS;
  document.body.classList.toggle("silent", silent);
  const link = byId("link");
  if (silent) link.textContent = `no data for ${Math.round(silentMs / 1000)} s`;
  else if (heardAt) link.textContent = picture && !picture.bus_connected ? "bus down" : "live";
  link.className = `chip ${silent ? "down" : picture && !picture.bus_connected ? "unhealthy" : heardAt ? "ready" : "unknown"}`;
  byId("clock").textContent = `${new Date().toISOString().slice(11, 19)} UTC`;
}, 250);

// --- orders of a person --------------------------------------------------------------------------------------------

const EMPTY = "cancel all orders in scope, then block new ones";
const KEEP = "block new orders only, keep resting orders";
const REASON = "[a-z0-9_\\-]{1,64}";

byId("halt").addEventListener("click", async () => {
  const scopes = ["global"];
  for (const bot of picture?.bots ?? []) scopes.push(`bot-${bot.algo_id}`);
  for (const bot of picture?.bots ?? []) scopes.push(`account-${bot.account}`, `venue-${bot.venue}`);
  const fields = await confirm({
    title: "Halt trading",
    text: "Cancels all orders in the scope, confirms with the venue that none remains open, and blocks new ones until a risk officer lifts the halt.",
    yes: "Halt",
    fields: [
      { name: "scope", label: "Scope", options: [...new Set(scopes)] },
      { name: "orders", label: "Orders", options: [EMPTY, KEEP] },
      { name: "reason", label: "Reason (a-z, 0-9, _ and -)", value: "manual", maxLength: 64, pattern: REASON },
      { name: "detail", label: "Remark", value: "", maxLength: 500 },
    ],
  });
  if (!fields) return;
  const { orders, ...call } = fields;
  await order("POST", "/api/halts", { ...call, keep_resting: orders === KEEP }, `Halted ${fields.scope}`);
});

byId("cancel-all").addEventListener("click", async () => {
  const fields = await confirm({
    title: "Cancel all orders",
    text: "Every resting order of ours is cancelled, and the venue is asked until none is left. Bots that are not halted or stopped quote again after 5 seconds.",
    yes: "Cancel all",
    fields: [],
  });
  if (fields) await order("POST", "/api/cancel-all", { scope: "global" }, "Cancel all");
});

async function lift(halt) {
  const fields = await confirm({
    title: `Lift ${halt.scope} : ${halt.reason}`,
    text: `Called by ${halt.actor}. ${halt.detail || ""} Other reasons of this scope stay in force.`,
    yes: "Lift",
    fields: [],
  });
  if (!fields) return;
  const path = `/api/halts/${encodeURIComponent(halt.scope)}/${encodeURIComponent(halt.reason)}`;
  await order("DELETE", path, undefined, `Lifted ${halt.scope}:${halt.reason}`);
}

async function switchBot(bot, running) {
  const word = running ? "Start" : "Stop";
  const text = running ? "The bot starts quoting." : "The bot cancels its resting orders and stops quoting.";
  if (!(await confirm({ title: `${word} bot ${bot.algo_id}`, text, yes: word, fields: [] }))) return;
  await order("POST", `/api/bots/${bot.algo_id}/${running ? "start" : "stop"}`, {}, `${word}: bot ${bot.algo_id}`);
}

byId("propose").addEventListener("click", async () => {
  const bots = (picture?.bots ?? []).map((bot) => bot.algo_id);
  const fields = [
    { name: "account", label: "Account", options: (picture?.accounts ?? []).map((account) => account.account) },
    { name: "cash", label: "Cash that the ledger lacks (-12.50 for a fee the venue took)", value: "0", maxLength: 20 },
    { name: "algo_id", label: "Books", options: ["unassigned", ...bots] },
    { name: "symbol", label: "Market, where shares are missing", value: "", maxLength: 128 },
    { name: "yes_lots", label: "YES shares that the ledger lacks", value: "0", maxLength: 11 },
    { name: "no_lots", label: "NO shares that the ledger lacks", value: "0", maxLength: 11 },
    { name: "lots", label: "Lots of a coin that the ledger lacks", value: "0", maxLength: 11 },
    { name: "currency", label: "Currency of the cash (empty: the account's)", value: "", maxLength: 12 },
    { name: "reason", label: "Reason", value: "", maxLength: 300 },
  ];
  let text = "Nothing is booked until another person with the role risk approves it, within 24 hours. Risk then books it once.";
  while (text) {
    const call = await confirm({ title: "Propose a correction of the books", text, yes: "Propose", fields });
    if (!call) return;
    text = await order("POST", "/api/adjustments", call, "Proposed");
    // A refusal costs nobody what he has typed.
    for (const field of fields) field.value = call[field.name];
  }
});

byId("transfer").addEventListener("click", async () => {
  const accounts = (picture?.accounts ?? []).map((account) => account.account);
  const currencies = (picture?.accounts ?? []).flatMap((account) => account.balances.map((balance) => balance.currency));
  // One number for all tries: what a lost answer has asked for is not sent a second time.
  const number = String(BigInt(Date.now()) * 1_000_000n);
  const fields = [
    { name: "account", label: "From", options: accounts },
    { name: "to_account", label: "To an account at another venue", options: accounts },
    { name: "amount", label: "Amount", value: "", maxLength: 24, pattern: "[0-9]+([.][0-9]+)?" },
    { name: "currency", label: "Currency", options: [...new Set(currencies)].sort() },
    { name: "reason", label: "Why", value: "", maxLength: 300 },
  ];
  let text = "The amount leaves the account at once and arrives after the venue's delay. It cannot be called back.";
  while (text) {
    const call = await confirm({ title: "Send money to another account", text, yes: "Send", fields });
    if (!call) return;
    text = await order("POST", "/api/transfers", { ...call, client_transfer_id: number }, "Asked for");
    for (const field of fields) field.value = call[field.name];
  }
});

async function decide(adjustment, verb) {
  const word = verb === "approve" ? "Approve" : adjustment.proposed_by === me.id ? "Withdraw" : "Reject";
  const fields = await confirm({
    title: `${word} ${adjustment.adjustment_id}`,
    text: `${adjustment.said}. Proposed by ${adjustment.proposed_by}.${verb === "approve" ? " Risk books it at once." : ""}`,
    yes: word,
    fields: [],
  });
  if (!fields) return;
  const path = `/api/adjustments/${encodeURIComponent(adjustment.adjustment_id)}/${verb}`;
  await order("POST", path, {}, `${word}: ${adjustment.adjustment_id}`);
}

/** Have something done and say what came of it; returns why it was refused, nothing when it was done. */
async function order(method, path, body, done) {
  try {
    const answer = await (await session.request(method, path, body)).json();
    const accounts = answer.accounts ?? [];
    const confirmed = accounts.every((account) => account.confirmed);
    const lines = [answer.command_id ? `${done} (${answer.command_id.slice(0, 8)})` : done];
    for (const account of accounts) lines.push(`${account.by}: ${account.said}`);
    for (const each of answer.services ?? []) {
      if (each.outcome !== "done") lines.push(`${each.service} ${each.outcome}: ${each.detail}`);
    }
    toast(lines.join("\n"), confirmed ? (accounts.length ? "outcome" : "") : "error");
    return "";
  } catch (error) {
    if (error instanceof LoggedOut) {
      leave();
      return "";
    }
    toast(error.message, "error");
    return error.message;
  }
}

/** Ask for confirmation; returns the fields' values, or null. */
function confirm({ title, text, yes, fields }) {
  const dialog = byId("confirm");
  byId("confirm-title").textContent = title;
  byId("confirm-text").textContent = text;
  byId("confirm-yes").textContent = yes;
  byId("confirm-fields").replaceChildren(...fields.map(fieldOf));
  dialog.showModal();
  byId("confirm-no").focus();
  return new Promise((resolve) => {
    const end = (value) => {
      byId("confirm-yes").onclick = byId("confirm-no").onclick = dialog.oncancel = null;
      dialog.close();
      resolve(value);
    };
    byId("confirm-yes").onclick = () => {
      for (const { name } of fields) byId(`confirm-${name}`).value = byId(`confirm-${name}`).value.trim();
      // A refusal that comes when the dialog is gone is easily missed, and then nothing is halted.
      if (!dialog.querySelector("form").reportValidity()) return;
      end(Object.fromEntries(fields.map(({ name }) => [name, byId(`confirm-${name}`).value])));
    };
    byId("confirm-no").onclick = () => end(null);
    dialog.oncancel = () => end(null);
  });
}

function fieldOf({ name, label, options, value, maxLength, pattern }) {
  const wrapper = document.createElement("label");
  const input = document.createElement(options ? "select" : "input");
  input.id = `confirm-${name}`;
  for (const option of options ?? []) input.append(new Option(option, option));
  if (value !== undefined) input.value = value;
  if (maxLength) input.maxLength = maxLength;
  if (pattern) {
    input.pattern = pattern;
    input.required = true;
    input.title = label;
  }
  wrapper.append(label, input);
  return wrapper;
}

function toast(text, kind = "") {
  const note = document.createElement("div");
  note.className = kind;
  note.textContent = text;
  byId("toasts").append(note);
  setTimeout(() => note.remove(), kind ? 12_000 : 5_000);
}

// --- light and dark ------------------------------------------------------------------------------------------------

function setTheme(theme) {
  document.documentElement.style.colorScheme = theme;
  document.documentElement.dataset.theme = theme;
}

byId("theme").addEventListener("click", () => {
  const dark = document.documentElement.dataset.theme
    ? document.documentElement.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  const theme = dark ? "light" : "dark";
  localStorage.setItem("theme", theme);
  setTheme(theme);
});
if (localStorage.getItem("theme")) setTheme(localStorage.getItem("theme"));

if (session.open) enter().catch(leave);
else leave();
