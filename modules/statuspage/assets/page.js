// SPDX-License-Identifier: Apache-2.0

// The page while it is open: times in the reader's zone, changes as they come, sorting, a filter,
// keys, and changes by the reader. Everything can be read without this script.

import { attach } from "./changes.js";
import { create, setAttribute } from "./cells.js";
import { details } from "./dialogs.js";
import { listen, showHelp } from "./keys.js";
import { Live } from "./live.js";
import { facts, figures, graphs, messages } from "./panels.js";
import { Table } from "./table.js";
import { ages, localTimes } from "./times.js";

const main = document.querySelector("main");
const said = { live: ["Live", "good"], connecting: ["Connecting", "warn"], slow: ["Not live", "warn"], lost: ["No answer", "bad"], paused: ["Paused", "info"] };
let tables = new Map();

// enhance takes over what main shows.
function enhance() {
	localTimes(document);
	tables = new Map([...main.querySelectorAll("table")].map((element) => [element.id, new Table(element)]));
	const filter = main.querySelector("form input[name=filter]");
	if (filter) follow(filter);
	for (const table of tables.values()) {
		attach(table);
		if (!filter && table.rows.size > 10) addTools(table);
	}
}

// addTools puts a filter and the number of rows above a table.
function addTools(table) {
	const box = create("input", { type: "search", placeholder: "Filter", "aria-label": "Filter " + (table.element.caption?.textContent ?? "rows") });
	const count = create("span", { class: "count", role: "status" });
	const show = () => {
		const total = table.rows.size;
		count.textContent = table.filter ? `${table.shown.length} of ${total}` : `${total} rows`;
	};
	box.addEventListener("input", () => table.search(box.value));
	table.element.addEventListener("arranged", show);
	table.box = box;
	table.scroll.before(create("div", { class: "tools" }, box, count));
	show();
}

// follow filters while the reader writes: the rows that are here at once, and then those that the
// process sends, which may be others.
function follow(box) {
	let soon;
	box.type = "search";
	box.form.querySelector("button").hidden = true;
	box.form.addEventListener("submit", (event) => event.preventDefault());
	box.addEventListener("input", () => {
		for (const table of tables.values()) table.search(box.value);
		clearTimeout(soon);
		soon = setTimeout(() => {
			const query = new URLSearchParams(location.search);
			if (box.value.trim()) query.set("filter", box.value.trim());
			else query.delete("filter");
			query.delete("offset");
			history.replaceState(null, "", "?" + query);
			live?.go("page/live?" + query + "&all=1");
		}, 300);
	});
}

function update(data, everything) {
	facts(data.facts);
	messages(data.messages);
	graphs(data.graphs);
	figures(data.figures);
	for (const [id, table] of Object.entries(data.tables ?? {})) tables.get(id)?.apply(table, everything);
	const at = document.getElementById("at");
	if (at) at.dateTime = new Date().toISOString(), localTimes(at.parentElement);
}

// fits reports whether the document has the panels and columns of a state.
const fits = (shape) => !shape || shape === document.body.dataset.shape;

// reload shows another state of the document, which may have other panels and columns.
function reload(other) {
	const content = other.querySelector("main");
	if (!content) return;
	const filters = new Map([...tables].map(([id, table]) => [id, table.box?.value]));
	main.replaceChildren(...content.children);
	document.body.dataset.shape = other.body.dataset.shape;
	enhance();
	for (const [id, text] of filters) if (text && tables.get(id)?.box) tables.get(id).search((tables.get(id).box.value = text));
}

const status = document.getElementById("live");
const pauseButton = create("button", { type: "button", class: "plain", "aria-pressed": "false" }, "Pause");
const helpButton = create("button", { type: "button", class: "plain" }, "Keys");

function state(name) {
	const [text, names] = said[name];
	status.textContent = text;
	setAttribute(status, "class", names);
}

let live;
enhance();
// All rows, since this script scrolls, sorts and filters.
if (document.body.dataset.live) live = new Live(document.body.dataset.live + "&all=1", { update, fits, reload, state });
if (live) {
	document.querySelector(".status").append(pauseButton, helpButton);
	pauseButton.addEventListener("click", pause);
	helpButton.addEventListener("click", showHelp);
}

setInterval(() => live?.paused || ages(), 1000);

function pause() {
	live?.pause(!live.paused);
	setAttribute(pauseButton, "aria-pressed", String(Boolean(live?.paused)));
	return true;
}

// current is the table that keys act on: that with the focus, or the first.
const current = () => tables.get(document.activeElement?.closest("table")?.id) ?? [...tables.values()].find((table) => table.rows.size > 0);

main.addEventListener("click", (event) => {
	const row = event.target.closest("tbody tr[data-key]");
	if (!row || event.target.closest("a, button, input, label, select") || getSelection().toString()) return;
	showDetails(tables.get(row.closest("table").id), row.dataset.key);
});

function showDetails(table, key) {
	if (!table?.rows.has(key)) return undefined;
	table.at = key;
	details(table, key);
	return true;
}

listen({
	filter() {
		const box = current()?.box ?? main.querySelector("input[type=search], input[type=text]");
		box?.focus();
		return box;
	},
	step(by) {
		const table = current();
		table?.step(by);
		return table;
	},
	details() {
		return showDetails(current(), document.activeElement.dataset.key);
	},
	select() {
		const box = document.activeElement.querySelector("input[type=checkbox]");
		box?.click();
		return box ?? undefined;
	},
	view(n) {
		const link = document.querySelectorAll("nav a")[n];
		link?.click();
		return link;
	},
	pause,
	clear() {
		for (const box of main.querySelectorAll("input[type=search]")) {
			if (!box.value) continue;
			box.value = "";
			box.dispatchEvent(new Event("input"));
		}
		document.activeElement?.blur();
		return true;
	},
});
