// SPDX-License-Identifier: Apache-2.0

// Dialogs: what a row shows, the keys, and whether to go on.

import { create, fill } from "./cells.js";

// open shows a dialog until it is closed, and returns the value of the button that closed it.
export function open(title, content, buttons) {
	const dialog = create("dialog", { "aria-labelledby": "dialog-title" });
	const form = create("form", { method: "dialog", class: "buttons" }, ...buttons);
	dialog.append(create("h2", { id: "dialog-title" }, title), ...content, form);
	document.body.append(dialog);
	const closed = new Promise((resolve) => dialog.addEventListener("close", () => {
		dialog.remove();
		resolve(dialog.returnValue);
	}));
	dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
	dialog.showModal();
	return closed;
}

export const button = (text, value, names = "") => create("button", { value, class: names }, text);

// details shows all cells of a row with the headings of their columns.
export function details(table, key) {
	const list = create("dl", { class: "details" });
	const shown = [];
	const groups = headings(table.element);
	let group = "";
	[...table.heads].forEach((head, i) => {
		const label = head.textContent.trim();
		if (i === table.name || !label) return;
		if (groups[i] !== group && (group = groups[i])) list.append(create("h3", {}, group));
		const value = document.createElement("dd");
		list.append(create("div", {}, create("dt", { title: head.title }, label), value));
		shown.push([i, value]);
	});
	const update = () => {
		const row = table.rows.get(key);
		for (const [i, value] of row ? shown : []) fill(value, row.cells[i] ?? "");
	};
	update();
	table.element.addEventListener("arranged", update);
	const name = table.elements.get(key)?.querySelector("th")?.textContent ?? key;
	return open(name, [list], [button("Close", "close")]).then(() => {
		table.element.removeEventListener("arranged", update);
		table.elements.get(key)?.focus();
	});
}

// headings returns the heading of the group of each column.
function headings(table) {
	const row = table.tHead.querySelector(".groups");
	return row ? [...row.cells].flatMap((cell) => Array(cell.colSpan).fill(cell.textContent.trim())) : [];
}

// sure asks whether to go on, and returns whether the answer is yes.
export async function sure(title, names, yes) {
	const list = create("ul", { class: "names" }, ...names.slice(0, 20).map((name) => create("li", {}, name)));
	if (names.length > 20) list.append(create("li", {}, `and ${names.length - 20} more`));
	return (await open(title, [list], [button("Cancel", ""), button(yes, "yes", "primary")])) === "yes";
}
